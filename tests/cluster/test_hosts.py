import asyncio
from collections.abc import Callable

from doorward.actors.cluster.tables import Status
from tests.cluster.clusters import Cluster, disguised, freeze, kill, thaw, timed
from tests.cluster.crowds import Crowd
from tests.cluster.truths import Truth
from tests.http.store_server import StoreServer

SERVED_SECONDS_MAX = 20.0
"""Far more than it takes (``tests.cluster.measure`` says): a busy machine is slow, not wrong."""
LOOKS = 20
HOUR = "3600"


async def test_a_frozen_host_that_wakes_up_answers_nothing_stale(
    cluster: Cluster, crowd: Crowd, say: Callable[[str], None]
) -> None:
    truths = [await Truth.before(front, "frozen@x.io") for front in crowd.fronts]
    pids = [host.pid for host in (await cluster.hosts()).values()]
    async with crowd.shopping():
        await crowd.until(2)

        freeze(pids[1])
        took_seconds = await crowd.until_served()
        # What the sleeper knows is wrong from here on.
        await asyncio.gather(*(truth.change() for truth in truths))
        thaw(pids[1])
        for _ in range(LOOKS):
            await asyncio.gather(*(truth.hold() for truth in truths))

        status = await cluster.until_whole(2)
        await crowd.until(2)
    await crowd.hold()

    say(f"one of two hosts frozen: {took_seconds:.2f} s; {crowd.figures()}")
    assert took_seconds < SERVED_SECONDS_MAX
    assert [host.pid for host in status.hosts] == pids


async def test_hosts_killed_under_load_one_and_then_all_cost_seconds_and_no_promise(
    cluster: Cluster, crowd: Crowd, say: Callable[[str], None]
) -> None:
    _, unseen = await cluster.spread()
    async with crowd.shopping():
        await crowd.until(2)

        kill(unseen.pid)
        after_one_seconds = await crowd.until_served()
        await crowd.until(2)
        await cluster.until_hosts_are(2)
        for pid in await cluster.host_pids():
            kill(pid)
        after_all_seconds = await crowd.until_served()

        await cluster.until_whole(2)
        await crowd.until(2)
    await crowd.hold()

    say(
        f"one of two hosts killed: {after_one_seconds:.2f} s, both: {after_all_seconds:.2f} s; "
        f"{crowd.figures()}"
    )
    assert after_one_seconds < SERVED_SECONDS_MAX


async def test_hosts_come_and_go_under_load_whatever_they_take_for_the_time_and_fail_nobody(
    cluster: Cluster, crowd: Crowd, say: Callable[[str], None]
) -> None:
    early, late = await cluster.prepare_hosts(
        disguised(CLOCK_SECONDS=f"-{HOUR}"), disguised(CLOCK_SECONDS=HOUR)
    )
    async with crowd.shopping():
        await crowd.until(2)

        up_seconds = await timed(cluster.scale(4))
        # What was promised by a host with one clock is held by one with another.
        await cluster.move(crowd.fronts[0], early)
        await cluster.move(crowd.fronts[1], late)
        await crowd.until(4)
        await crowd.hold()
        await cluster.move(crowd.fronts[0], late)
        await cluster.move(crowd.fronts[1], early)
        await crowd.until(2)
        down_seconds = await timed(cluster.scale(2))

        await crowd.until(2)
    await crowd.hold()

    say(f"2→4 in {up_seconds:.1f} s, 4→2 in {down_seconds:.1f} s; {crowd.figures()}")
    assert crowd.is_well_served()
    await cluster.until_hosts_are(2)


async def test_hosts_that_differ_from_the_others_are_given_nothing_and_said_to(
    cluster: Cluster, crowd: Crowd, other_store: StoreServer
) -> None:
    names = await cluster.prepare_hosts(
        {"DOORWARD_REDIS_URL": f"unix://{other_store.socket}"},
        {"DOORWARD_PUBLIC_URL": "https://elsewhere.example"},
        {"DOORWARD_MASTER_KEY": ""},
        disguised(VOCABULARY="of-another-release"),
    )

    def are_refused(status: Status) -> bool:
        return [host.name for host in status.hosts if host.state == "refused"] == names

    async with crowd.shopping():
        await cluster.order("scale", 2 + len(names))
        status = await cluster.until(are_refused, "refused")
        await crowd.until(2)
        await cluster.scale(2)
    await crowd.hold()

    good, refused = status.hosts[:2], status.hosts[2:]
    assert [host.trouble for host in good] == ["", ""]
    assert [host.wanted + host.held for host in refused] == [0, 0, 0, 0]
    assert refused[0].trouble.startswith("it has store")
    assert refused[1].trouble.startswith("its settings differ")
    assert "DOORWARD_MASTER_KEY" in refused[2].trouble
    assert refused[3].trouble == "it is of another release"
