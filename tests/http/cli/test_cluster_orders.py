import json
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from click.testing import Result
from rich.console import Console

from doorward.actors.errors import ClusterRefused
from doorward.http.cli import cluster_down, cluster_orders, cluster_place
from doorward.http.cli.cluster_table import HEADS, Seen
from doorward.http.cli.cluster_waiting import Patience, is_settled, wait_until
from doorward.http.cli.failures import Failed
from tests.http.cli.conftest import Run
from tests.http.cli.pretended_steward import NODE, OTHER_NODE, PretendedSteward, host, status
from tests.http.cli.running_server import surroundings

AT_ONCE = Patience(seconds=60, stuck_seconds=60, steady_seconds=0, look_seconds=0)
SETTLED = status(host("host-1"), host("host-2"))
ADDRESS = "10.0.0.5:6379"


@pytest.fixture(autouse=True)
def _nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_orders, "PATIENCE", AT_ONCE)


async def test_waiting_ends_once_all_is_served_and_nobody_has_moved_anything_for_a_while() -> None:
    patience = AT_ONCE._replace(steady_seconds=0.05)
    steward = PretendedSteward(
        "the steward is starting",
        status(host("host-1", 256), host("host-2", 0, state="starting"), version=1),
        status(host("host-1", 256), host("host-2", 0), version=1),
        status(host("host-1", 240, wanted=128), host("host-2", 16, wanted=128), version=2),
        status(host("host-1"), host("host-2"), version=3),
    )
    shown: list[str] = []

    found = await wait_until(steward, is_settled, show=shown.append, patience=patience)

    assert found.version == 3
    assert shown == [
        "the steward is starting",
        "256 of 256 partitions served, 1 of 2 hosts live",
        "256 of 256 partitions served, 2 of 2 hosts live",
    ]


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("StoreUnreachable: TimeoutError", "StoreUnreachable: TimeoutError"),
        (status(trouble="no node has room for host-3"), "the steward says: no node has room for"),
        (
            status(host("host-1", 0, state="refused", trouble="it is of another release")),
            "host-1 says: it is of another release",
        ),
    ],
)
async def test_waiting_ends_with_what_is_wrong_when_nothing_changes_any_more(
    said: object, why: str
) -> None:
    steward = PretendedSteward(said)  # type: ignore[arg-type] # one of the two
    patience = AT_ONCE._replace(stuck_seconds=0)

    with pytest.raises(ClusterRefused, match=why):
        await wait_until(steward, is_settled, show=lambda _: None, patience=patience)


async def test_waiting_ends_with_how_far_it_came_when_it_takes_too_long() -> None:
    steward = PretendedSteward(status(host("host-1", 200), wanted_hosts=2))

    with pytest.raises(ClusterRefused, match="200 of 256 partitions served, 1 of 2 hosts live"):
        await wait_until(
            steward, is_settled, show=lambda _: None, patience=AT_ONCE._replace(seconds=0)
        )


async def scaled(steward: PretendedSteward, hosts: int, *, is_waited: bool = True) -> object:
    return await cluster_orders.scale(
        steward, hosts, advice="add a node", is_waited=is_waited, show=lambda _: None
    )


async def test_scaling_waits_for_the_hosts_that_were_asked_for() -> None:
    more = status(host("host-1", 64), host("host-2", 64), host("host-3", 64), host("host-4", 64))
    steward = PretendedSteward(SETTLED, SETTLED, more)

    found = await scaled(steward, 4)

    assert found == more
    assert steward.asked == ["scale 4"]


async def test_scaling_does_not_wait_where_nobody_does() -> None:
    steward = PretendedSteward(SETTLED, "never asked")

    await scaled(steward, 4, is_waited=False)

    assert steward.asked == ["scale 4"]


async def test_room_is_that_of_nodes_that_are_not_drained_and_nothing_is_asked_for_beyond_it() -> (
    None
):
    drained = status(host("host-1", 256), drained_nodes=(OTHER_NODE.id,))
    steward = PretendedSteward(drained, nodes=[NODE, OTHER_NODE])

    with pytest.raises(Failed) as refused:
        await scaled(steward, 5)

    assert refused.value.message == (
        "There is no room for 5 hosts, at a CPU of Ray's each: 1 node that is not drained "
        "has 4; add a node."
    )
    assert steward.asked == []


async def test_a_drained_host_is_waited_for_until_it_is_gone_and_another_has_its_place() -> None:
    there = status(host("host-1"), host("host-2"))
    steward = PretendedSteward(
        there,
        status(host("host-1"), host("host-2", state="leaving"), wanted_hosts=2),
        status(host("host-1", 256), wanted_hosts=2),
        status(host("host-1"), host("host-3"), version=9),
    )

    await cluster_orders.drain(steward, "host-2", is_waited=True, show=lambda _: None)

    assert steward.asked == ["drain host-2"]
    assert (await steward.status()).version == 9


@pytest.mark.parametrize("name", [NODE.id, NODE.address])
async def test_a_drained_node_is_waited_for_until_no_host_is_on_it(name: str) -> None:
    there = status(host("host-1"), host("host-2", node=OTHER_NODE))
    gone = status(host("host-3", node=OTHER_NODE), host("host-2", node=OTHER_NODE), version=9)
    steward = PretendedSteward(there, there, gone, nodes=[NODE, OTHER_NODE])

    await cluster_orders.drain(steward, name, is_waited=True, show=lambda _: None)

    assert steward.asked == [f"drain {name}"]
    assert (await steward.status()).version == 9


async def test_a_node_is_not_drained_where_nothing_would_be_left_to_host() -> None:
    steward = PretendedSteward(SETTLED, nodes=[NODE, OTHER_NODE._replace(room=0)])

    with pytest.raises(Failed, match=r"no room for 2 hosts, .*: 1 node that is not drained has 0"):
        await cluster_orders.drain(steward, NODE.id, is_waited=True, show=lambda _: None)

    assert steward.asked == []


async def test_a_node_is_drained_though_the_others_have_less_room_than_is_wanted() -> None:
    there = status(host("host-1"), host("host-2", node=OTHER_NODE))
    planned = host("host-3", 0, state="starting", node=NODE._replace(id=""))
    gone = status(
        host("host-2", 256, node=OTHER_NODE), planned, version=9, trouble="no node has room"
    )
    nodes = [NODE, OTHER_NODE._replace(room=1)]
    steward = PretendedSteward(there, there, gone, nodes=nodes)

    lacking = await cluster_orders.drain(steward, NODE.id, is_waited=True, show=lambda _: None)

    assert lacking == 1
    assert steward.asked == [f"drain {NODE.id}"]


async def test_a_pin_is_waited_for_until_the_host_serves_the_storefront() -> None:
    moving = status(host("host-1", 127), host("host-2", 128, wanted=129))
    moved = status(host("host-1", 127), host("host-2", 129), version=9)
    # Asked twice a turn: once by who waits, and once more after the table was asked for.
    steward = PretendedSteward(SETTLED, SETTLED, moving, moving, moved)
    steward.places = ["host-1", "host-2"]

    await cluster_orders.pin(steward, "toko", "host-2", is_waited=True, show=lambda _: None)

    assert steward.asked == ["pin toko host-2"]
    assert (await steward.status()).version == 9


def rendered(seen: Seen, columns: int) -> list[str]:
    file = StringIO()
    Console(file=file, width=columns).print(seen.shown(columns))
    return file.getvalue().splitlines()


def test_the_table_shows_all_there_is_on_a_wide_terminal_and_what_matters_on_a_narrow_one() -> None:
    found = status(
        host("host-1"),
        host("host-12", 100, wanted=128, state="leaving"),
        host("host-13", 0, state="refused", trouble="it is of another\nrelease"),
        pins={"toko": "host-1"},
        drained_nodes=(OTHER_NODE.id,),
        trouble="no node has room for host-14",
    )
    seen = Seen("127.0.0.1:6399", found, [NODE, OTHER_NODE])

    wide, narrow = rendered(seen, 110), rendered(seen, 80)

    row = "host-12 leaving 10.0.0.5 100/128 12 3 240 1.3 7"
    assert " ".join(wide[6].split()) == f"{row} 4321 131 0.2"
    assert " ".join(narrow[6].split()) == row
    for lines in (wide, narrow):
        assert lines[0].startswith("Cluster at 127.0.0.1:6399  store 5335f79c46dabb3b  plan 1")
        assert lines[1].startswith("228 of 256 partitions served, 1 of 3 hosts live, 1 leaving")
        assert [line.strip() for line in lines[-4:]] == [
            "Pinned: toko to host-1",
            "Drained nodes: 10.0.0.6",
            "Steward: no node has room for host-14",
            "host-13: it is of another release",
        ]
        assert "…" not in "".join(lines)


@pytest.fixture
def ask(run: Run, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command against the steward that is given."""

    def run_with(
        *words: str, steward: PretendedSteward | None, answer: str | None = None
    ) -> Result:
        monkeypatch.setattr(cluster_place, "find_steward", lambda _: steward)
        return run("cluster", *words, "--address", ADDRESS, answer=answer)

    return run_with


def test_status_ends_with_0_only_when_every_partition_is_served(ask: Run) -> None:
    served = ask("status", steward=PretendedSteward(SETTLED))
    short = ask("status", steward=PretendedSteward(status(host("host-1", 255), trouble="no room")))

    assert [served.exit_code, short.exit_code] == [0, 1]
    rows = [line.split("\t") for line in served.stdout.splitlines()]
    assert [row[:4] for row in rows] == [
        ["host-1", "live", "10.0.0.5", "128"],
        ["host-2", "live", "10.0.0.5", "128"],
    ]
    assert {len(row) for row in rows} == {len(HEADS)}
    assert short.stderr == "Steward: no room\n"


def test_status_tells_programs_everything(ask: Run) -> None:
    found = status(host("host-1", 256), pins={"toko-satu": "host-1"}, drained_nodes=("0a",))

    told = json.loads(ask("status", "--json", steward=PretendedSteward(found)).stdout)

    assert told["address"] == ADDRESS
    assert told["wantedHosts"] == 1
    assert told["hosts"][0]["asksPerSecond"] == 240.4
    assert told["pins"] == {"toko-satu": "host-1"}
    assert told["drainedNodes"] == ["0a"]
    assert told["nodes"] == {NODE.id: NODE.address}


def test_a_pinned_storefront_is_let_go(ask: Run) -> None:
    steward = PretendedSteward(SETTLED)

    done = ask("unpin", "toko", steward=steward)

    assert (done.exit_code, done.stdout) == (0, "toko is not pinned.\n")
    assert steward.asked == ["pin toko"]


@pytest.mark.parametrize("words", [("status", "--watch", "--json"), ("scale", "0"), ("scale", "x")])
def test_what_makes_no_sense_is_refused_before_anybody_is_asked(
    run: Run, words: tuple[str, ...]
) -> None:
    assert run("cluster", *words).exit_code == 2


def test_down_ends_hosts_then_strays_then_the_steward(
    ask: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster_down, "END_SECONDS", 0.0)
    monkeypatch.setattr(cluster_down, "leave", lambda: None)
    steward = PretendedSteward(SETTLED, status(host("host-1", 9, state="leaving")), status())
    steward.left = [["host-2", "host-7"], ["host-7"], []]

    done = ask("down", steward=steward, answer="y\n")

    assert done.exit_code == 0
    assert done.stdout == f"The cluster at {ADDRESS} is down.\n"
    assert steward.asked == ["down", "end host-2", "end host-7", "end host-7", "end"]


@pytest.mark.parametrize("answer", ["", "n\n", "\n"])
def test_down_ends_nothing_unless_somebody_says_yes(ask: Run, answer: str) -> None:
    steward = PretendedSteward(SETTLED)

    refused = ask("down", steward=steward, answer=answer)

    assert refused.exit_code == 1
    assert "Nothing was ended" in refused.stderr
    assert steward.asked == []


IS_FROZEN = """
import time
from doorward.http.cli import cluster_place
cluster_place.JOIN_SECONDS = 0.1
cluster_place.find_steward = lambda address: time.sleep(600)
from doorward.http.cli.main import main
main()
"""


def test_ray_that_answers_and_hangs_is_given_up(tmp_path: Path) -> None:
    given_up = subprocess.run(
        [sys.executable, "-c", IS_FROZEN, "cluster", "status", "--address", ADDRESS],
        cwd=tmp_path,
        env=surroundings(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (given_up.returncode, given_up.stdout) == (1, "")
    assert given_up.stderr.startswith(f"Error: Ray at {ADDRESS} answers, and does not let us in")


def test_where_no_steward_is_there_is_nothing_to_order_and_nothing_to_end(ask: Run) -> None:
    refused = ask("scale", "2", steward=None)
    down = ask("down", "--yes", steward=None)

    assert refused.exit_code == 1
    assert refused.stderr == (
        f"Error: Ray at {ADDRESS} has no Doorward in it: `doorward cluster up` starts one.\n"
    )
    assert down.exit_code == 0
