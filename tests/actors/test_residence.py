"""Owner ids, and when their bearers are certainly dead: judged on real processes."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from doorward.actors.residence import gone, new_owner

OTHER = """
import sys
from doorward.actors.residence import new_owner
print(new_owner(), flush=True)
sys.stdin.read()
"""
STAT = Path("/proc/self/stat").read_text() if Path("/proc/self/stat").exists() else ""
MORE_THAN_ANY = 4_194_305
"""No process has this number: the kernel's own limit is one less (proc(5), ``pid_max``)."""


@contextmanager
def another() -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    command = [sys.executable, "-P", "-c", OTHER]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip(), process
        process.kill()


def changed(owner: str, part: int, value: str) -> str:
    parts = owner.split(".")
    parts[part] = value
    return ".".join(parts)


def proc(monkeypatch: pytest.MonkeyPatch, read: Callable[[Path], str | None]) -> None:
    """Let files be read through ``read``; None leaves a file as it is."""
    read_text = Path.read_text

    def played(path: Path, *args: str | None, **kwargs: str | None) -> str:
        text = read(path)
        return read_text(path, *args, **kwargs) if text is None else text

    monkeypatch.setattr(Path, "read_text", played)


def test_every_owner_has_an_id_of_its_own() -> None:
    owners = {new_owner() for _ in range(100)}

    assert len(owners) == 100
    assert {owner.split(".")[2] for owner in owners} == {str(os.getpid())}


def test_who_lives_is_not_gone() -> None:
    with another() as (owner, _):
        assert owner.count(".") == 3
        assert gone([new_owner(), owner]) == frozenset()


def test_who_is_frozen_is_not_gone() -> None:
    with another() as (owner, process):
        process.send_signal(signal.SIGSTOP)

        assert gone([owner]) == frozenset()


def test_who_was_killed_is_gone_before_anybody_waited_for_it() -> None:
    with another() as (owner, process):
        process.kill()
        # Waits for its end, and leaves it a zombie.
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)

        assert Path(f"/proc/{process.pid}").exists()
        assert gone([owner, new_owner()]) == {owner}


def test_who_was_killed_is_gone_once_it_was_waited_for() -> None:
    with another() as (owner, process):
        process.kill()
        process.wait()

        assert gone([owner]) == {owner}


def test_another_process_of_the_same_number_is_not_the_owner() -> None:
    owner = new_owner()
    started = int(owner.split(".")[3])

    earlier = changed(owner, 3, str(started - 1))

    assert gone([owner, earlier]) == {earlier}


def test_nobody_has_a_number_that_no_process_has() -> None:
    owner = changed(new_owner(), 2, str(MORE_THAN_ANY))

    assert gone([owner]) == {owner}


def test_of_another_machine_nothing_is_concluded() -> None:
    with another() as (owner, process):
        elsewhere = changed(owner, 1, "0123456789ab")
        process.kill()
        process.wait()

        assert gone([elsewhere, owner]) == {owner}


@pytest.mark.parametrize("kind", ["boot", "pid", "time"])
def test_another_boot_or_namespace_is_another_machine(
    monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    owner = changed(new_owner(), 2, str(MORE_THAN_ANY))
    readlink = Path.readlink
    proc(monkeypatch, lambda path: "x" if kind == "boot" and path.name == "boot_id" else None)
    monkeypatch.setattr(
        Path, "readlink", lambda path: Path("x") if path.name == kind else readlink(path)
    )

    assert gone([owner]) == frozenset()
    assert new_owner().split(".")[1] != owner.split(".")[1]


def test_a_kernel_without_time_namespaces_tells_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    is_symlink = Path.is_symlink
    monkeypatch.setattr(Path, "is_symlink", lambda path: path.name != "time" and is_symlink(path))

    owner = changed(new_owner(), 2, str(MORE_THAN_ANY))

    assert gone([owner]) == {owner}


@pytest.mark.parametrize(
    "shape",
    [
        "",
        ".",
        "...",
        "plain",
        "{name}.{here}",
        "{name}.{here}.{pid}",
        "{name}.{here}.{pid}.",
        "{name}.{here}.{pid}.later",
        "{name}.{here}.{pid}.-1",
        "{name}.{here}.{pid}.1.1",
        "{name}.{here}..1",
        "{name}.{here}.me.1",
        "{name}.{here}.-1.1",
        "{name}.{here}.²²²²²²²².1",
        "{name}.{here}.٣٣٣٣٣٣.1",
        "{name}.{here}.1/../self.1",
        "{name}.{here}." + "9" * 5_000 + ".1",
        "{name}.{here}.0.1",
        "{name}..{pid}.1",
        "{name}.{here}.{pid}.1\n",
    ],
)
def test_of_an_id_that_is_none_nothing_is_concluded(shape: str) -> None:
    name, here, pid, _ = new_owner().split(".")

    assert gone([shape.format(name=name, here=here, pid=pid)]) == frozenset()


@pytest.mark.parametrize("error", [FileNotFoundError, PermissionError, OSError])
def test_who_is_not_shown_to_us_is_not_gone(
    monkeypatch: pytest.MonkeyPatch, error: type[OSError]
) -> None:
    # As with /proc mounted so that users see their own processes only.
    def hidden(path: Path) -> None:
        if path.name == "stat":
            raise error

    with another() as (owner, _):
        proc(monkeypatch, hidden)

        assert gone([owner]) == frozenset()


def test_another_users_process_that_is_not_shown_to_us_is_not_gone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(pid: int, signum: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "kill", refuse)

    assert gone([changed(new_owner(), 2, str(MORE_THAN_ANY))]) == frozenset()


def test_who_ends_while_we_look_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    def ends(path: Path) -> None:
        if path.name == "stat":
            raise ProcessLookupError

    owner = new_owner()
    proc(monkeypatch, ends)

    assert gone([owner]) == {owner}


def test_a_processs_name_may_hold_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    owner = new_owner()
    before, _, after = STAT.partition("(")
    odd = f"{before}(a) Z 1 (b{after}"
    proc(monkeypatch, lambda path: odd if path.name == "stat" else None)

    assert gone([owner]) == frozenset()


@pytest.mark.parametrize("missing", ["boot_id", "self", "pid"])
def test_where_the_system_tells_nothing_nobody_is_proven_dead(
    monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    dead = changed(new_owner(), 2, str(MORE_THAN_ANY))
    readlink = Path.readlink

    def no_link(path: Path) -> Path:
        if path.name == missing:
            raise FileNotFoundError
        return readlink(path)

    def no_text(path: Path) -> None:
        if path.name == missing:
            raise FileNotFoundError

    proc(monkeypatch, no_text)
    monkeypatch.setattr(Path, "readlink", no_link)

    assert gone([dead]) == frozenset()
    assert "." not in new_owner()
    assert new_owner() != new_owner()


def test_where_proc_tells_of_another_namespace_nobody_is_proven_dead(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dead = changed(new_owner(), 2, str(MORE_THAN_ANY))
    monkeypatch.setattr(os, "getpid", lambda: 1)

    assert gone([dead]) == frozenset()
    assert "." not in new_owner()
