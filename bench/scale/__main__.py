"""``scripts/simulate``: a cluster as large as no test can start, on a virtual clock.

What places partitions is the steward's own ``next_moves``. What hosts, store and messages do is a
model of a few hundred lines that goes by the protocol's own constants (``protocol``); the protocol
itself, with every turn and every message, is simulated in ``tests/actors/simulation``.
"""

from dataclasses import replace
from typing import Final

import click

from bench.progress import tell
from bench.scale import report
from bench.scale.protocol import Protocol, Scene, described
from bench.scale.watch import Violation
from bench.scale.world import World
from doorward.actors.partitions import PARTITIONS

WHAT_IF: Final = 16_384
"""Partitions, as many as Redis Cluster has slots."""
USUAL: Final = ((1_000, PARTITIONS, 3), (1_000, WHAT_IF, 1), (32, PARTITIONS, 1))
"""Hosts, partitions, and how many times as long: as asked for, with more partitions, a likely one.
Where most hosts have nothing, most failures show nothing, so it takes longer to see as much."""


@click.command()
@click.option("--hosts", type=click.IntRange(min=2), help="Simulate only a cluster of so many.")
@click.option("--partitions", type=click.IntRange(min=1), help="Of that cluster. Default: 256.")
@click.option("--storefronts", default=1_000_000, show_default=True, type=click.IntRange(min=1))
@click.option("--seconds", default=600.0, show_default=True, type=click.FloatRange(min=60))
@click.option("--ray-call-ms", default=0.5, show_default=True, type=click.FloatRange(min=0))
@click.option("--seed", default=1, show_default=True, type=int)
@click.option("figures", "--figures", is_flag=True, help="Print what a run goes by, and end.")
def main(  # noqa: PLR0913 - one argument for each option
    *,
    hosts: int | None,
    partitions: int | None,
    storefronts: int,
    seconds: float,
    ray_call_ms: float,
    seed: int,
    figures: bool,
) -> None:
    """Simulate clusters that lose, freeze, drain and gain hosts all the time, and say how it went.

    Ends with status 1 when something was seen that must never be.
    """
    if figures:
        click.echo("\n".join(report.parameters(described(Protocol(), Scene()))))
        return
    sizes = ((hosts, partitions or PARTITIONS, 1),) if hosts else USUAL
    for many, parts, times in sizes:
        title = f"{many:,} hosts, {parts:,} partitions"
        tell(title)
        protocol = replace(Protocol(), partitions=parts, ray_call_seconds=ray_call_ms / 1000)
        scene = replace(Scene(), hosts=many, storefronts=storefronts, seconds=seconds * times)
        world = World(seed, protocol, scene)
        try:
            world.run()
        except Violation as violation:
            raise click.ClickException(f"{title}, seed {seed}: {violation}") from violation
        click.echo("\n".join(report.whole(world, title)))


if __name__ == "__main__":
    main(prog_name="scripts/simulate")
