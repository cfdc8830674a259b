"""The head's life with programs in Ray's place; with Ray itself in tests of the commands."""

import os
import signal
import socket
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from doorward.actors.cluster import ray_head
from doorward.actors.cluster.ray_head import RayHead, resolve
from doorward.actors.data_folder import DataFolder
from doorward.actors.errors import ClusterRefused

STARTED = "import pathlib, sys, time; pathlib.Path(sys.argv[1], 'ray_current_cluster').touch()\n"
WAITS = f"{STARTED}time.sleep(600)"
IS_STUBBORN = f"""
import signal, subprocess
signal.signal(signal.SIGTERM, signal.SIG_IGN)
subprocess.Popen([{sys.executable!r}, "-c", "import time; time.sleep(600)"])
{WAITS}
"""
FAILS = "import sys; print('Session name ...'); print('port 6399 is bad\\n'); sys.exit(3)"


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A data folder; a head that is left over is ended."""
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(tmp_path / "token"))
    monkeypatch.delenv("RAY_AUTH_MODE", raising=False)
    monkeypatch.delenv("RAY_AUTH_TOKEN", raising=False)
    monkeypatch.setattr(ray_head, "USUAL_PORT", free_port())
    yield tmp_path / "data"
    RayHead(tmp_path / "data").end()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def instead_of_ray(monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    def command(_address: str, folder: Path, _cpus: int) -> list[str]:
        return [sys.executable, "-c", program, str(folder)]

    monkeypatch.setattr(ray_head, "_command", command)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_head_is_started_remembered_and_ended(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    instead_of_ray(monkeypatch, WAITS)
    head = RayHead(data_dir)
    nothing = (head.running(), head.remembered())

    started = head.start(cpus=2)
    elsewhere = RayHead(data_dir)
    seen = (elsewhere.running(), resolve("auto", data_dir), resolve("10.0.0.5:1", data_dir))
    session = os.getsid(started.pid)
    head.end()

    assert nothing == (None, None)
    assert seen == (started, started.address, "10.0.0.5:1")
    assert started.address == f"127.0.0.1:{ray_head.USUAL_PORT}"
    assert session == started.pid
    assert not is_alive(started.pid)
    assert not Path(started.folder).exists()
    assert (head.running(), head.remembered()) == (None, started)
    assert resolve("auto", data_dir) == "auto"


def test_a_second_head_is_not_started_beside_the_first(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    instead_of_ray(monkeypatch, WAITS)
    monkeypatch.setattr(ray_head, "_LOCK_SECONDS", 0.0)
    first = RayHead(data_dir)
    started = first.start(cpus=2)

    with pytest.raises(ClusterRefused, match="a Ray head runs here already"):
        RayHead(data_dir).start(cpus=2)

    assert RayHead(data_dir).running() == started
    first.end()


def test_a_head_that_was_killed_is_known_to_be_gone_and_comes_back_at_its_port(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    instead_of_ray(monkeypatch, WAITS)
    head = RayHead(data_dir)
    port = free_port()
    killed = head.start(cpus=2, port=port)
    os.kill(killed.pid, signal.SIGKILL)
    head.end()
    gone = head.running()

    again = head.start(cpus=2)
    head.end()

    assert gone is None
    assert again.address == killed.address == f"127.0.0.1:{port}"
    assert again.pid != killed.pid


def test_a_head_that_does_not_end_is_killed_with_all_it_started(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    instead_of_ray(monkeypatch, IS_STUBBORN)
    monkeypatch.setattr(ray_head, "_TERM_SECONDS", 0.05)
    head = RayHead(data_dir)
    started = head.start(cpus=2)
    ran = ray_head.processes_of(started.pid)
    monkeypatch.setattr(ray_head, "_KILL_SECONDS", 0.5)

    head.end()

    assert len(ran) == 2
    assert ray_head.processes_of(started.pid) == []


def test_a_head_that_does_not_start_says_why(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    instead_of_ray(monkeypatch, FAILS)
    head = RayHead(data_dir)

    with pytest.raises(ClusterRefused) as refused:
        head.start(cpus=2)

    assert str(refused.value) == f"Ray does not start: port 6399 is bad (see {head.log})"
    assert head.running() is None


def test_a_head_that_takes_too_long_is_ended(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    instead_of_ray(monkeypatch, "import time; time.sleep(600)")
    monkeypatch.setattr(ray_head, "_START_SECONDS", 0.0)
    head = RayHead(data_dir)

    with pytest.raises(ClusterRefused, match="has not started within 0 seconds"):
        head.start(cpus=2)

    assert head.running() is None


def test_a_taken_port_is_left_to_who_has_it_unless_it_was_asked_for(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    instead_of_ray(monkeypatch, WAITS)
    head = RayHead(data_dir)

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setattr(ray_head, "USUAL_PORT", port)
        with pytest.raises(ClusterRefused, match=f"port {port} is taken: choose another"):
            head.start(cpus=2, port=port)
        started = head.start(cpus=2)
    head.end()

    assert started.address != f"127.0.0.1:{port}"


def test_two_commands_do_not_start_one_head_at_once(data_dir: Path) -> None:
    with DataFolder.open(data_dir / "cluster"), pytest.raises(ClusterRefused) as refused:
        RayHead(data_dir).start(cpus=2)

    assert str(refused.value) == "another command starts or ends the Ray head here"


def test_hosts_get_the_settings_that_are_here_and_ray_is_told_to_be_private(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tells = f"import os; print(dict(os.environ), flush=True)\n{WAITS}"
    instead_of_ray(monkeypatch, tells)
    monkeypatch.setenv("DOORWARD_LEASE_SECONDS", "7")
    monkeypatch.setenv("DOORWARD_URL", "https://shops.example")
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.5:6379")
    head = RayHead(data_dir)

    head.start(cpus=2)
    head.end()
    told = head.log.read_text()

    assert "'DOORWARD_LEASE_SECONDS': '7'" in told
    assert "'RAY_AUTH_MODE': 'token'" in told
    assert "'RAY_USAGE_STATS_ENABLED': '0'" in told
    assert "DOORWARD_URL" not in told
    assert "RAY_ADDRESS" not in told


def test_only_the_owner_may_enter_rays_folder_wherever_it_is(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    instead_of_ray(monkeypatch, WAITS)
    head = RayHead(data_dir)

    # A path as long as pytest's has no room for a socket's name.
    started = head.start(cpus=2)
    parent = Path(started.folder).parent
    mode = stat.S_IMODE(parent.stat().st_mode)
    head.end()

    assert mode == 0o700
    assert not parent.is_relative_to(data_dir)
    assert not parent.exists()
    assert (
        len(f"{started.folder}/session_2026-11-21_18-57-24_459945_4194304/sockets/plasma_st") < 103
    )


def test_a_token_is_made_once_for_its_owner_alone(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    instead_of_ray(monkeypatch, WAITS)
    token = tmp_path / "token"
    head = RayHead(data_dir)

    head.start(cpus=2)
    head.end()
    made = token.read_text()
    token.chmod(0o644)
    head.start(cpus=2)
    head.end()

    assert len(made) == 64
    assert token.read_text() == made
    assert stat.S_IMODE(token.stat().st_mode) == 0o600


def test_a_token_in_the_environment_needs_no_file(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    instead_of_ray(monkeypatch, WAITS)
    monkeypatch.setenv("RAY_AUTH_TOKEN", "t" * 64)
    head = RayHead(data_dir)

    head.start(cpus=2)
    head.end()

    assert not (tmp_path / "token").exists()


def test_a_head_is_never_started_without_tokens(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")

    with pytest.raises(ClusterRefused, match="RAY_AUTH_MODE=disabled would let anybody"):
        RayHead(data_dir).start(cpus=2)


def test_a_file_that_says_nothing_is_no_head(data_dir: Path) -> None:
    (data_dir / "cluster").mkdir(parents=True)
    (data_dir / "cluster" / "cluster.json").write_text("{")

    head = RayHead(data_dir)
    head.end()

    assert (head.remembered(), head.running()) == (None, None)
