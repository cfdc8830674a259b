from collections import Counter
from collections.abc import Callable

from tests.cluster.clusters import Cluster, kill, timed
from tests.cluster.crowds import Crowd


async def test_a_steward_killed_under_load_is_missed_by_nobody(
    cluster: Cluster, crowd: Crowd, say: Callable[[str], None]
) -> None:
    plan = await cluster.plan()
    pid = await cluster.steward_pid()
    missed = cluster.logged("NoHosts")
    async with crowd.shopping():
        await crowd.until(2)

        kill(pid)
        seconds = await timed(cluster.until_whole(2))

        await crowd.until(2)
    await crowd.hold()

    say(f"steward killed, another after {seconds:.1f} s; {crowd.figures()}")
    assert await cluster.steward_pid() != pid
    newer = await cluster.plan()
    assert (newer.hosts, newer.leaving, newer.last) == (plan.hosts, plan.leaving, plan.last)
    # Either steward may even out what the crowd weighs, by an exchange; a host is never emptied.
    assert Counter(newer.owners) == Counter(plan.owners)
    assert cluster.logged("NoHosts") == missed
    assert crowd.is_well_served()


async def test_a_table_of_another_store_leads_nobody_astray(cluster: Cluster, crowd: Crowd) -> None:
    plan = await cluster.plan()
    host, newer = plan.hosts[0], plan.version + 1_000
    async with crowd.shopping():
        await crowd.until(2)

        misled = await cluster.order("mislead", host, "another-store", newer)
        await cluster.order("replace_steward", "another-store", newer, host)
        await cluster.until_logged('"cause":"ClusterRefused"')
        await crowd.until(2)
        await cluster.order("bring_steward_back")
        await cluster.until_whole(2)

        await crowd.until(2)
    await crowd.hold()

    assert misled["version"] == plan.version
    assert crowd.is_well_served()
