"""How long a cluster takes to recover, over many losses: ``python -m tests.cluster.measure 20``.

Slow, and no test: it prints the median, the largest and all. Settings may follow the number:
``DOORWARD_LEASE_SECONDS=3``; without any, a lease lasts a second, as in the tests.
"""

import asyncio
import statistics
import sys
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from pathlib import Path
from shutil import rmtree

from tests.cluster.clusters import Cluster, freeze, kill, thaw, timed
from tests.cluster.crowds import STOREFRONTS, Crowd
from tests.process.servers import Server

Loss = Callable[[Cluster, Crowd], Awaitable[float]]


async def host_killed(cluster: Cluster, crowd: Crowd) -> float:
    """Kill the host that has the first storefront."""
    hosts = await cluster.hosts()
    kill(hosts[await cluster.place(crowd.fronts[0])].pid)
    return await crowd.until_served()


async def host_frozen(cluster: Cluster, crowd: Crowd) -> float:
    """Freeze it, and let it go on when others have taken its place."""
    hosts = await cluster.hosts()
    pid = hosts[await cluster.place(crowd.fronts[0])].pid
    freeze(pid)
    try:
        return await crowd.until_served()
    finally:
        thaw(pid)


async def node_lost(cluster: Cluster, crowd: Crowd) -> float:
    """Lose the node that is not the head, with a host on it."""
    await cluster.spread()
    await cluster.kill_node(cluster.nodes[1])
    return await crowd.until_served()


async def measured(  # noqa: PLR0917 - what is measured, and how often
    what: str, cluster: Cluster, crowd: Crowd, hosts: int, times: int, loss: Loss
) -> None:
    seconds = []
    for _ in range(times):
        async with crowd.shopping():
            await crowd.until(2)
            seconds.append(await loss(cluster, crowd))
            await crowd.until(2)
        await cluster.restore(hosts)
    shown = " ".join(f"{each:.2f}" for each in sorted(seconds))
    print(  # noqa: T201 - what it is for
        f"{what}: median {statistics.median(seconds):.2f} s, longest {max(seconds):.2f} s "
        f"({shown});"
        f" {crowd.figures()}, {crowd.unheard} cut off",
        flush=True,
    )


async def scaled(cluster: Cluster, crowd: Crowd, times: int) -> None:
    up, down = [], []
    async with crowd.shopping():
        for _ in range(times):
            await crowd.until(2)
            up.append(await timed(cluster.scale(4)))
            await crowd.until(2)
            down.append(await timed(cluster.scale(2)))
    print(  # noqa: T201 - what it is for
        f"2→4: median {statistics.median(up):.2f} s, longest {max(up):.2f} s; "
        f"4→2: {statistics.median(down):.2f} s, {max(down):.2f} s; "
        f"{crowd.figures()}, {crowd.unheard} cut off",
        flush=True,
    )


async def measure(cluster: Cluster, times: int) -> None:
    await cluster.start()
    async with cluster.door() as server:
        fronts = [await server.open_sandbox(f"shop-{each}") for each in range(STOREFRONTS)]

        async def crowd() -> Crowd:
            return await Crowd.at(Server(cluster.servers[0], server.client), fronts)

        for hosts in (2, 4, 1):
            await cluster.restore(hosts)
            what = f"a host of {hosts} killed"
            await measured(what, cluster, await crowd(), hosts, times, host_killed)
            if hosts == 2:
                await measured("a host of 2 frozen", cluster, await crowd(), 2, times, host_frozen)
        await cluster.restore()
        await scaled(cluster, await crowd(), max(3, times // 4))
        await measured("a node lost", cluster, await crowd(), 2, max(3, times // 4), node_lost)


def main() -> None:
    times, *settings = sys.argv[1:]
    folder = Path(tempfile.mkdtemp(prefix="dw-cluster-"))
    with ExitStack() as stack:
        stack.callback(rmtree, folder, ignore_errors=True)
        cluster = Cluster(folder, stack, **dict(word.split("=") for word in settings))
        asyncio.run(measure(cluster, int(times)))


if __name__ == "__main__":
    main()
