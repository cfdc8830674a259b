"""``doorward cluster``: many processes that host storefronts, started and ended, watched and moved.

Commands that change something wait until it is so; how that is told is in ``cluster_waiting``.
"""

import contextlib
from typing import Final

import click
from rich.console import RenderableType
from rich.text import Text

from doorward.actors.cluster.operating import Orders
from doorward.actors.errors import ClusterRefused
from doorward.config.network_forms import PORT_MAX
from doorward.http.cli import cluster_orders
from doorward.http.cli.cluster_down import down as end_all
from doorward.http.cli.cluster_place import (
    Place,
    Whole,
    address_option,
    shown_step,
    talks_to_cluster,
    told,
)
from doorward.http.cli.cluster_room import counted
from doorward.http.cli.cluster_table import Seen, watch
from doorward.http.cli.cluster_waiting import is_served
from doorward.http.cli.examples import examples
from doorward.http.cli.loading import load_settings
from doorward.http.cli.output import print_json
from doorward.http.cli.server_options import SLUG

_WATCH_SECONDS: Final = 0.5
MOST_HOSTS: Final = 256
"""As many as there are partitions: one more would have nothing to do."""
_HOSTS: Final = Whole(1, MOST_HOSTS)
_no_wait = click.option("--no-wait", is_flag=True, help="Return at once; it goes on by itself.")


@click.group(
    epilog=examples(
        "doorward cluster up --hosts 2",
        "doorward serve --cluster 127.0.0.1:6399",
        "doorward cluster status --watch",
        "doorward cluster scale 4",
    )
)
def cluster() -> None:
    """Host storefronts in many processes, on one machine or several.

    A cluster is a Ray cluster in which hosts run, each with a share of all storefronts, and a
    steward that looks after them. `doorward serve --cluster` answers HTTP for them, in any number
    of processes. Needs the extra doorward[cluster], and one Redis for all.
    """


@cluster.command(
    epilog=examples(
        "doorward cluster up --hosts 2",
        "doorward cluster up --hosts 8 --address 10.0.0.5:6379",
    )
)
@click.option(
    "--hosts",
    type=_HOSTS,
    metavar="N",
    help="How many hosts there are to be. [default: as many as there were, else 2]",
)
@click.option(
    "--port",
    type=Whole(1024, PORT_MAX),
    metavar="PORT",
    help="Port of the Ray head that is started here. [default: 6399, or a free one]",
)
@address_option
def up(hosts: int | None, port: int | None, address: str | None) -> None:
    """Start a cluster, and wait until it serves.

    One that runs already is left as it is, but for the number of hosts, where that is given.

    Without --address, Ray is started on this machine, reached from nowhere else, and with a token
    in ~/.ray/auth_token that opens it. Hosts take their settings from the environment here, .env
    and doorward.toml; DOORWARD_REDIS_URL and DOORWARD_MASTER_KEY must be among them.

    For hosts on several machines start Ray there first, and name its head: docs/cluster.md.
    """
    # Late: what makes settings sure takes time that no other command should wait for.
    from doorward.http.cli.cluster_up import up as bring_up  # noqa: PLC0415

    bring_up(load_settings(), address, hosts=hosts, port=port)


@cluster.command(
    epilog=examples(
        "doorward cluster status",
        "doorward cluster status --watch",
        "doorward cluster status --json | jq .served",
    )
)
@click.option("--watch", "is_watched", is_flag=True, help="Go on showing it, until Ctrl-C.")
@click.option("--json", "as_json", is_flag=True, help="Print all there is to say as JSON.")
@talks_to_cluster
def status(place: Place, *, is_watched: bool, as_json: bool) -> None:
    """Show hosts and what they have.

    Partitions are what a host serves, and of how many it should where that differs; Queue is
    messages that wait, Flush is how long Redis takes for a commit, Epoch how often a partition
    was taken, at most. Behind a pipe: a row for each host, parted by tabs.

    Status: 0 when every partition is served, else 1.
    """
    if is_watched and as_json:
        raise click.UsageError("--watch is for people and --json for programs: choose one.")
    orders = place.steward()
    if is_watched:
        _watch(orders, place.known_address)
        return
    seen = told(_seen(orders, place.known_address))
    if as_json:
        print_json(seen.as_json())
    else:
        seen.print()
    if not is_served(seen.status):
        raise SystemExit(1)


@cluster.command(epilog=examples("doorward cluster scale 4"))
@click.argument("hosts", type=_HOSTS, metavar="N")
@_no_wait
@talks_to_cluster
def scale(place: Place, *, hosts: int, no_wait: bool) -> None:
    """Have N hosts, of those there are and new ones.

    Storefronts move a few at a time, and shoppers notice nothing.
    """
    orders = place.steward()
    with shown_step("Scaling") as show:
        scaling = cluster_orders.scale(
            orders, hosts, advice=place.advice, is_waited=not no_wait, show=show
        )
        found = told(scaling)
    if no_wait:
        click.echo(f"{counted(hosts, 'host')} from now on.")
    else:
        click.echo(f"{counted(hosts, 'host')} serve all {found.partitions} partitions.")


@cluster.command(
    epilog=examples(
        "doorward cluster drain host-3",
        "doorward cluster drain 10.0.0.7",
    )
)
@click.argument("name", metavar="HOST|NODE")
@_no_wait
@talks_to_cluster
def drain(place: Place, *, name: str, no_wait: bool) -> None:
    """Empty a host or a whole node, and end what ran there.

    HOST is a name that `doorward cluster status` shows; another host is started in its place. NODE
    is a node's address or Ray id; it gets no hosts any more, so that it can be taken away.
    """
    orders = place.steward()
    with shown_step(f"Draining {name}") as show:
        lacking = told(cluster_orders.drain(orders, name, is_waited=not no_wait, show=show))
    if lacking:
        hosts = counted(lacking, "host")
        click.echo(f"Warning: {hosts} of those that are wanted fit nowhere any more.", err=True)
    click.echo(f"{name} is being drained." if no_wait else f"{name} is empty.")


@cluster.command(epilog=examples("doorward cluster pin kopi-senja host-2"))
@click.argument("slug", type=SLUG)
@click.argument("host")
@_no_wait
@talks_to_cluster
def pin(place: Place, *, slug: str, host: str, no_wait: bool) -> None:
    """Keep a storefront at a host, with all others of its partition.

    It stays there as long as that host does.
    """
    orders = place.steward()
    with shown_step(f"Moving {slug}") as show:
        told(cluster_orders.pin(orders, slug, host, is_waited=not no_wait, show=show))
    click.echo(f"{slug} is on its way to {host}." if no_wait else f"{slug} is served by {host}.")


@cluster.command(epilog=examples("doorward cluster unpin kopi-senja"))
@click.argument("slug", type=SLUG)
@talks_to_cluster
def unpin(place: Place, *, slug: str) -> None:
    """Let a pinned storefront go.

    It stays where it is until there is a reason to move it.
    """
    told(place.steward().pin(slug, ""))
    click.echo(f"{slug} is not pinned.")


@cluster.command(epilog=examples("doorward cluster down --yes"))
@click.option("--yes", is_flag=True, help="Do not ask.")
@talks_to_cluster
def down(place: Place, *, yes: bool) -> None:
    """End all hosts in order, and Ray where `up` started it.

    Nothing that was answered is lost: it is in Redis. HTTP processes go on, and answer 503 until
    the cluster is up again.
    """
    end_all(place, yes=yes)


async def _seen(orders: Orders, address: str) -> Seen:
    return Seen(address, await orders.status(), await orders.nodes())


def _watch(orders: Orders, address: str) -> None:
    async def look(columns: int) -> RenderableType:
        try:
            return (await _seen(orders, address)).shown(columns)
        except ClusterRefused as error:
            return Text(f"Cluster at {address}: {error}", "red")

    # Ctrl-C is how people end it.
    with contextlib.suppress(KeyboardInterrupt):
        told(watch(look, pause_seconds=_WATCH_SECONDS))
