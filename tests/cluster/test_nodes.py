from collections.abc import Callable

from tests.cluster.clusters import Cluster, timed
from tests.cluster.crowds import Crowd

SERVED_SECONDS_MAX = 20.0
"""Far more than it takes (``tests.cluster.measure`` says): a busy machine is slow, not wrong."""


async def test_a_node_that_is_drained_under_load_fails_nobody(
    cluster: Cluster, crowd: Crowd, say: Callable[[str], None]
) -> None:
    _, drained = await cluster.spread()
    node = cluster.nodes[1]
    async with crowd.shopping():
        await crowd.until(2)

        await cluster.order("drain", node.id)
        seconds = await timed(cluster.until_without(drained.name))
        status = await cluster.until_whole(2)
        await cluster.kill_node(node)

        await crowd.until(2)
    await crowd.hold()

    say(f"node drained in {seconds:.1f} s; {crowd.figures()}")
    assert {host.node for host in status.hosts} == {cluster.nodes[0].id}
    assert crowd.is_well_served()


async def test_a_node_lost_under_load_costs_seconds_and_no_promise(
    cluster: Cluster, crowd: Crowd, say: Callable[[str], None]
) -> None:
    await cluster.spread()
    async with crowd.shopping():
        await crowd.until(2)

        await cluster.kill_node(cluster.nodes[1])
        took_seconds = await crowd.until_served()

        await crowd.until(2)
    await crowd.hold()

    say(f"node lost: {took_seconds:.2f} s; {crowd.figures()}")
    assert took_seconds < SERVED_SECONDS_MAX
