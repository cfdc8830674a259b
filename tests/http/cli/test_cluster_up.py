"""``up`` with a program in Ray's place and a pretended steward."""

import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import Result

from doorward.actors.cluster import ray_head
from doorward.actors.cluster.fleet import Node
from doorward.actors.cluster.ray_head import RayHead
from doorward.http.cli import cluster_up
from tests.http.cli.conftest import Run
from tests.http.cli.pretended_steward import NODE, OTHER_NODE, PretendedSteward, host, status
from tests.http.cli.test_cluster_orders import AT_ONCE

WAITS = (
    "import pathlib, sys, time; pathlib.Path(sys.argv[1], 'ray_current_cluster').touch(); "
    "time.sleep(600)"
)
SETTINGS = {"DOORWARD_REDIS_URL": "redis://127.0.0.1:1", "DOORWARD_MASTER_KEY": "A" * 43}


class Up:
    """``doorward cluster up`` where Ray is a program that waits."""

    def __init__(self, run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._run = run
        self._monkeypatch = monkeypatch
        self.head = RayHead(folder / "data")
        self.cpus: list[int] = []

    def __call__(self, *words: str, steward: PretendedSteward, **environ: str) -> Result:
        self._monkeypatch.setattr(cluster_up, "start_steward", lambda _address, _folder: steward)
        return self._run("cluster", "up", *words, **(SETTINGS | environ))

    def command(self, _address: str, folder: Path, cpus: int) -> list[str]:
        self.cpus.append(cpus)
        return [sys.executable, "-c", WAITS, str(folder)]


@pytest.fixture
def up(run: Run, clean_place: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Up]:
    made = Up(run, clean_place, monkeypatch)
    monkeypatch.setenv("RAY_AUTH_TOKEN", "t" * 64)
    monkeypatch.setattr(ray_head, "_command", made.command)
    with socket.create_server(("127.0.0.1", 0)) as free:
        monkeypatch.setattr(ray_head, "USUAL_PORT", free.getsockname()[1])
    monkeypatch.setattr(cluster_up, "demand_ray", lambda: None)
    for patience in ("PATIENCE", "_ANY"):
        monkeypatch.setattr(cluster_up, patience, AT_ONCE._replace(stuck_seconds=0))
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    yield made
    made.head.end()


def test_up_starts_ray_with_room_to_grow_and_says_where_to_go_from_there(up: Up) -> None:
    none = status(wanted_hosts=0)
    steward = PretendedSteward(none, status(host("host-1"), host("host-2")))

    done = up(steward=steward)

    started = up.head.running()
    assert done.exit_code == 0
    assert started is not None
    assert up.cpus == [4]
    assert steward.asked == ["scale 2"]
    assert f"  doorward serve --cluster {started.address}" in done.stdout.splitlines()
    assert "DOORWARD_OPERATOR_KEY" in done.stdout
    assert str(started.logs) in done.stdout


def test_a_cluster_that_is_up_keeps_its_hosts_unless_another_number_is_given(up: Up) -> None:
    three = status(host("host-1", 86), host("host-2", 85), host("host-3", 85))
    kept, grown = PretendedSteward(three), PretendedSteward(three)

    up(steward=kept)
    before = up.head.running()
    up("--hosts", "3", steward=grown)

    assert (kept.asked, grown.asked) == ([], [])
    assert up.head.running() == before
    assert up.cpus == [4]


def test_more_hosts_than_cpus_are_given_room(up: Up) -> None:
    steward = PretendedSteward(status(wanted_hosts=0))

    refused = up("--hosts", "9", steward=steward)

    assert up.cpus == [10]
    assert "There is no room for 9 hosts" in refused.stderr


def test_when_it_does_not_come_up_ray_is_ended_again(up: Up) -> None:
    steward = PretendedSteward("StoreUnreachable: Connection refused")

    refused = up(steward=steward)

    assert refused.exit_code == 1
    assert refused.stderr == (
        "Error: The steward cannot start: StoreUnreachable: Connection refused.\n"
    )
    assert up.cpus == [4]
    assert up.head.running() is None


def test_a_cluster_that_was_up_already_is_left_alone_when_something_is_wrong(up: Up) -> None:
    up(steward=PretendedSteward(status(host("host-1", 256))))
    before = up.head.running()

    refused = up(steward=PretendedSteward("the steward does not answer"))

    assert refused.exit_code == 1
    assert up.head.running() == before is not None


def test_settings_that_hosts_do_not_have_are_named_and_never_shown(up: Up) -> None:
    steward = PretendedSteward(status(host("host-1", 256)))
    same = up(steward=steward)

    other = up(
        steward=steward,
        DOORWARD_MASTER_KEY="B" * 42 + "A",
        DOORWARD_PUBLIC_URL="https://shops.example",
        DOORWARD_PORT="8001",
    )

    assert same.stderr == ""
    assert other.exit_code == 0
    assert other.stderr.startswith(
        "Warning: the hosts were started with other settings (DOORWARD_PUBLIC_URL, "
        "DOORWARD_MASTER_KEY): "
    )
    assert "BBBB" not in other.stderr


def test_a_port_that_ray_does_not_have_is_refused(up: Up) -> None:
    steward = PretendedSteward(status(host("host-1", 256)))
    up(steward=steward)

    refused = up("--port", "1024", steward=steward)

    assert refused.exit_code == 1
    assert refused.stderr.endswith("already: leave --port out.\n")


def test_nodes_of_a_cluster_elsewhere_are_waited_for_and_none_is_started_here(
    up: Up, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster_up, "ROOM_SECONDS", 0.0)
    steward = PretendedSteward(status(wanted_hosts=0), nodes=[NODE._replace(room=1)])

    refused = up("--hosts", "2", "--address", "10.0.0.5:6379", steward=steward)
    monkeypatch.setattr(cluster_up, "ROOM_SECONDS", 60.0)
    both = status(host("host-1"), host("host-2"))
    steward = Growing(status(wanted_hosts=0), both, nodes=[NODE._replace(room=1)])
    done = up("--hosts", "2", "--address", "10.0.0.5:6379", steward=steward)

    assert refused.exit_code == 1
    assert "1 node has 1; add a node to the Ray cluster." in refused.stderr
    assert done.exit_code == 0
    assert "  doorward cluster scale 4 --address 10.0.0.5:6379" in done.stdout.splitlines()
    assert steward.asked == ["scale 2"]
    assert up.cpus == []


class Growing(PretendedSteward):
    """One whose cluster gets another node each time somebody looks."""

    async def nodes(self) -> list[Node]:
        known = await super().nodes()
        known.append(OTHER_NODE._replace(room=1))
        return known
