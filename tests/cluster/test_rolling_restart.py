import asyncio
from collections.abc import Callable

from tests.cluster.clusters import Cluster
from tests.cluster.crowds import Crowd


async def test_http_processes_restarted_one_after_the_other_fail_nobody(
    cluster: Cluster, crowd_anyhow: Crowd, say: Callable[[str], None]
) -> None:
    crowd = crowd_anyhow
    before, statuses = list(cluster.servers), []
    async with crowd.shopping():
        await crowd.until(2)

        await asyncio.gather(cluster.serve(), cluster.serve())
        for server in before:
            statuses.append(await cluster.end_server(server))
            await crowd.until(2)
    await crowd.hold()

    say(f"HTTP processes restarted; {crowd.figures()}")
    assert statuses == [0, 0]
    assert crowd.is_well_served()
