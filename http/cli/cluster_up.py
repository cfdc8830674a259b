"""``doorward cluster up``: from nothing, or from whatever there is, to a cluster that serves."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

import click

from doorward.actors.cluster.joining import demand_ray
from doorward.actors.cluster.operating import Orders, start_steward
from doorward.actors.cluster.requirements import demand_shared
from doorward.actors.cluster.tables import Status
from doorward.actors.errors import ClusterRefused
from doorward.config.errors import ConfigurationError
from doorward.config.settings import SETTINGS, Settings
from doorward.http.cli.cluster_place import (
    CLUSTER_VARIABLE,
    Place,
    find_place,
    given_up_after,
    in_words,
    shown_step,
    told,
)
from doorward.http.cli.cluster_room import demand_room, room_in
from doorward.http.cli.cluster_waiting import Patience, is_settled, wait_until
from doorward.http.cli.failures import Failed, WrongSetting

_USUAL_HOSTS: Final = 2
"""When one of them dies, the other serves."""

PATIENCE: Final = Patience()
_ANY: Final = Patience(steady_seconds=0.0)
_CONCERNS: Final = frozenset({"store", "keys", "mail", "hosting"})
_FOR_HTTP_ALONE: Final = frozenset({"cluster", "operator_key", "data_dir", "blobs_url"})
_OF_HOSTS: Final = tuple(
    setting.name
    for setting in SETTINGS
    if (setting.concern in _CONCERNS and setting.key not in _FOR_HTTP_ALONE)
    or setting.key in {"public_url", "hosted_domain"}
)
ROOM_SECONDS: Final = 60.0
_NEW_KEY: Final = "openssl rand -base64 32 | tr '+/' '-_' | tr -d '='"


def up(settings: Settings, address: str | None, *, hosts: int | None, port: int | None) -> None:
    """Bring a cluster up, and say where it is.

    Raises:
        WrongSetting: A setting is missing, or cannot be worked with.
        Failed: It does not come up; says why.
    """
    demand_settings(settings)
    with in_words():
        demand_ray()
    place = find_place(address, settings)
    is_new = place.is_local and place.head.running() is None
    place = _with_ray(place, hosts=hosts, port=port)
    try:
        status = _brought_up(place, hosts)
    except BaseException:
        if is_new:
            # Else it would go on with the settings of now, mended or not.
            with in_words(), shown_step("Ending Ray"):
                place.head.end()
        raise
    if place.is_local and not is_new:
        _warn_of_other_settings(place)
    _tell(status, place, settings)


def _brought_up(place: Place, hosts: int | None) -> Status:
    address = place.known_address
    with in_words(), shown_step(f"Joining Ray at {address}"), given_up_after(address):
        orders = start_steward(address, str(Path.cwd()))
    with shown_step("Starting hosts") as show:
        return told(_started(orders, hosts, show, place=place))


def demand_settings(settings: Settings) -> None:
    """Demand what all processes of a cluster must share.

    Raises:
        WrongSetting: It is not set; says how to come by one.
    """
    try:
        demand_shared(settings)
    except ConfigurationError as error:
        hint = "every process of a cluster works with the same store, as in redis://10.0.0.5:6379"
        if error.name == "DOORWARD_MASTER_KEY":
            hint = f"every process of a cluster has the same key, such as {_key_source(settings)}"
        raise WrongSetting(f"{error.name} is not set: {hint}") from None


def _key_source(settings: Settings) -> str:
    # Late: all of HTTP comes with it.
    from doorward.http.opening import MASTER_KEY_FILE  # noqa: PLC0415

    path = settings.store.data_dir / MASTER_KEY_FILE
    if path.exists():
        return f"the one that this machine's server made, in {path}"
    return f"one made by: {_NEW_KEY}"


def _with_ray(place: Place, *, hosts: int | None, port: int | None) -> Place:
    """Start Ray on this machine, unless it runs or is elsewhere."""
    if not place.is_local:
        if port is not None:
            raise click.UsageError(
                f"--port is for a Ray head that is started here; {place.address} is named by "
                f"--address or {CLUSTER_VARIABLE}."
            )
        return place
    with in_words():
        running = place.head.running()
        if running is None:
            with shown_step("Starting Ray on this machine"):
                running = place.head.start(cpus=_cpus(hosts), port=port)
        elif port is not None and not running.address.endswith(f":{port}"):
            raise Failed(f"Ray runs at {running.address} already: leave --port out.")
    return Place(running.address, place.head, is_ours=True)


def _warn_of_other_settings(place: Place) -> None:
    then = place.head.environ()
    differ = [name for name in _OF_HOSTS if then and then.get(name) != os.environ.get(name)]
    if differ:
        click.echo(
            f"Warning: the hosts were started with other settings ({', '.join(differ)}): `doorward "
            "cluster down`, and `up` again, takes those that are here.",
            err=True,
        )


def _cpus(hosts: int | None) -> int:
    # Ray counts CPUs to tell how much fits, and keeps nobody to them. One host more than are asked
    # for: a new one comes before an old one goes.
    return max(2 * (os.cpu_count() or 1), (hosts or _USUAL_HOSTS) + 1)


async def _started(
    orders: Orders, hosts: int | None, show: Callable[[str], None], *, place: Place
) -> Status:
    try:
        before = await wait_until(orders, lambda _: True, show=show, patience=_ANY)
    except ClusterRefused as error:
        raise ClusterRefused(f"the steward cannot start: {error}") from error
    wanted = hosts or before.wanted_hosts or _USUAL_HOSTS
    await _wait_for_room(orders, wanted, before, show=show, place=place)
    if wanted != before.wanted_hosts:
        await orders.scale(wanted)
    return await wait_until(
        orders,
        lambda status: status.wanted_hosts == wanted and is_settled(status),
        show=show,
        patience=PATIENCE,
    )


async def _wait_for_room(
    orders: Orders, hosts: int, status: Status, *, show: Callable[[str], None], place: Place
) -> None:
    """Wait for nodes that are on their way, unless this machine is to be the only one."""
    began = asyncio.get_running_loop().time()
    while not place.is_ours and asyncio.get_running_loop().time() - began < ROOM_SECONDS:
        room = room_in(await orders.nodes(), status.drained_nodes)
        if room >= hosts:
            return
        show(f"room for {room} of {hosts}, waiting for more nodes")
        await asyncio.sleep(PATIENCE.look_seconds)
    demand_room(hosts, await orders.nodes(), drained=status.drained_nodes, advice=place.advice)


def _tell(status: Status, place: Place, settings: Settings) -> None:
    lines = [
        ("Address", place.known_address),
        ("Hosts", f"{len(status.hosts)}, serving all {status.partitions} partitions"),
        ("Store", status.store_id),
    ]
    running = place.head.running() if place.is_ours else None
    if running is not None:
        lines.append(("Logs", str(running.logs)))
    click.secho("The cluster is up.\n", bold=True)
    for name, value in lines:
        click.echo(f"  {name:<7}  {click.style(value, fg='cyan')}")
    click.echo("\nServe it over HTTP, from as many processes as you like, on one port or several:")
    click.echo(f"  doorward serve --cluster {place.known_address}")
    if settings.keys.operator_key is None:
        click.echo(
            "which needs DOORWARD_OPERATOR_KEY, the same for all of them; it is not set here"
        )
    is_known = place.is_ours or settings.hosting.cluster == place.address
    which = "" if is_known else f" --address {place.address}"
    click.echo("\nSee how it is, change how many hosts there are, end it:")
    click.echo(f"  doorward cluster status --watch{which}")
    click.echo(f"  doorward cluster scale {2 * len(status.hosts)}{which}")
    click.echo(f"  doorward cluster down{which}")
