"""``doorward cluster down``: hosts in order, then the steward, then Ray if it was started here."""

import asyncio
from collections.abc import Callable
from typing import Final

import click

from doorward.actors.cluster.operating import Orders, leave
from doorward.http.cli.cluster_place import Place, in_words, shown_step, told
from doorward.http.cli.cluster_waiting import Patience, wait_until
from doorward.http.cli.failures import Failed

_DOWN: Final = Patience(steady_seconds=0.0)
_LOOK_SECONDS: Final = 0.1
END_SECONDS: Final = 20.0
"""After this long, hosts that are left are none of the steward's."""


def down(place: Place, *, yes: bool) -> None:
    """End a cluster, after asking whether that is meant.

    Raises:
        Failed: It does not end, or nobody said yes.
    """
    if place.address is None or (place.is_ours and not place.head.is_running()):
        with in_words():
            # What a head that was killed left lying about.
            place.head.end()
        click.echo("Nothing runs here.")
        return
    if not yes:
        _confirm(place.address)
    try:
        _end_hosts(place)
    except Failed as failed:
        if not place.is_ours:
            raise
        # What was answered is durable: a host that is cut off loses nothing of it.
        click.echo(f"Warning: hosts are ended at once, not in order. {failed.message}", err=True)
    if place.is_ours:
        with in_words(), shown_step("Ending Ray"):
            place.head.end()
    click.echo(f"The cluster at {place.address} is down.")


def _confirm(address: str) -> None:
    text = f"This ends all hosts at {address}: shoppers wait until it is up again. Go on?"
    try:
        is_meant = click.confirm(text, err=True)
    except click.Abort:
        raise Failed("Nothing was ended: answer y, or give --yes.") from None
    if not is_meant:
        raise Failed("Nothing was ended.")


def _end_hosts(place: Place) -> None:
    orders = place.join()
    if orders is None:
        return
    with shown_step("Ending hosts") as show:
        told(_ended(orders, show))
    leave()


async def _ended(orders: Orders, show: Callable[[str], None]) -> None:
    await orders.down()
    await wait_until(orders, lambda status: not status.hosts, show=show, patience=_DOWN)
    # The steward ends them one by one, after it has told that they are out of its plan.
    deadline = asyncio.get_running_loop().time() + END_SECONDS
    while left := await orders.processes():
        show(f"{len(left)} still to end")
        if asyncio.get_running_loop().time() > deadline:
            for name in left:
                await orders.end_host(name)
        await asyncio.sleep(_LOOK_SECONDS)
    orders.end()
