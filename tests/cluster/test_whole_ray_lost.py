import asyncio
from collections.abc import Callable

from doorward.actors.partitions import partition_of
from tests.cluster.clusters import Cluster, timed
from tests.cluster.crowds import Crowd
from tests.process.servers import Server


async def test_a_head_that_is_lost_and_started_again_costs_time_and_no_promise(
    cluster: Cluster, server: Server, crowd: Crowd, say: Callable[[str], None]
) -> None:
    _, survivor = await cluster.spread()
    head, other = cluster.nodes
    owners = (await cluster.plan()).owners
    served = crowd.at_some(lambda front: owners[partition_of(front.slug)] == survivor.name)
    lost = crowd.at_some(lambda front: front not in served.fronts)
    servers = list(cluster.servers)
    async with crowd.shopping():
        await crowd.until(2)

        await cluster.kill_node(head)
        unready_seconds = await server.until_ready(ready=False)
        await served.until_served()
        meanwhile = await lost.statuses()
        await cluster.start_head()
        ended_seconds = await timed(cluster.until_ended(servers))
    left = survivor.pid in await cluster.host_pids()
    await cluster.until(lambda _: True, "open")
    await asyncio.gather(cluster.serve(), cluster.serve())
    await crowd.until_served()
    await cluster.until_whole(2)
    await crowd.hold()

    say(
        f"head lost: not ready after {unready_seconds:.1f} s; started again: "
        f"the HTTP processes of the old cluster ended after {ended_seconds:.1f} s more; "
        f"{crowd.figures()}"
    )
    assert served.fronts
    assert set(meanwhile) == {503}
    assert [each.process.returncode for each in servers] == [0, 0]
    assert not left
    await cluster.kill_node(other)
