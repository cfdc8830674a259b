import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from doorward.actors.data_folder import DataFolder
from doorward.actors.errors import StoreRefused
from doorward.actors.redis_home import RedisHome, last_writer
from doorward.actors.redis_program import RedisProgram, Release
from doorward.config.errors import ConfigurationError

OLD = RedisProgram(Path("/opt/redis-server"), "redis", (6, 2, 14))
NEW = RedisProgram(Path("/usr/bin/redis-server"), "redis", (7, 0, 15))


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[DataFolder]:
    with DataFolder.open(tmp_path / "data") as opened:
        yield opened


@pytest.fixture
def home(folder: DataFolder) -> Iterator[RedisHome]:
    opened = RedisHome(folder)
    opened.open()
    yield opened
    opened.close()


def mode_of(path: Path) -> int:
    return path.stat().st_mode & 0o7777


def test_the_home_and_its_files_are_closed_to_others(home: RedisHome) -> None:
    home.furnish(NEW, fsync="always")
    home.record_writer(NEW.release)
    os.close(home.open_log())

    assert mode_of(home.path) == 0o700
    assert {mode_of(path) for path in home.path.iterdir()} == {0o600}
    assert mode_of(home.path.parent / "redis.password") == 0o600


def test_the_password_is_in_one_file_only_and_never_shown(home: RedisHome) -> None:
    home.furnish(NEW, fsync="always")

    config = (home.path / "redis.conf").read_text()
    assert home.login.password not in config
    assert hashlib.sha256(home.login.password.encode()).hexdigest() in config
    assert home.login.password not in repr(home.login)
    kept = (home.path.parent / "redis.password").read_text().strip()
    assert kept == home.login.password


def test_the_password_outlives_the_process(folder: DataFolder, home: RedisHome) -> None:
    again = RedisHome(folder)
    again.open()
    again.close()

    assert again.login == home.login


def test_closing_twice_is_harmless(home: RedisHome) -> None:
    home.close()
    home.close()

    assert not home.is_open


def test_a_closed_home_can_be_opened_again(home: RedisHome) -> None:
    before = home.login
    home.close()

    home.open()

    assert home.is_open
    assert home.login == before


def test_a_home_that_was_never_opened_has_no_login(folder: DataFolder) -> None:
    with pytest.raises(RuntimeError, match="never opened"):
        assert RedisHome(folder).login


def test_a_short_path_is_the_address(home: RedisHome) -> None:
    assert home.login.unix_socket_path == str(home.path / "redis.sock")


def test_a_long_path_has_a_short_address_that_leads_to_the_same_place(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["a-rather-long-folder-name"] * 12)

    with DataFolder.open(deep) as folder:
        home = RedisHome(folder)
        home.open()
        (home.path / "redis.sock").touch()

        assert len(home.login.unix_socket_path) < 100
        assert (home.path / "redis.sock").samefile(home.login.unix_socket_path)
        home.close()


def test_a_long_path_is_refused_where_it_cannot_be_shortened(
    folder: DataFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("doorward.actors.redis_home._OPEN_FILES", tmp_path / "no-proc")
    monkeypatch.setattr("doorward.actors.redis_home._SUN_PATH_BYTES", 10)

    home = RedisHome(folder)
    with pytest.raises(ConfigurationError, match="must be shorter") as refusal:
        home.open()

    assert refusal.value.name == "DOORWARD_DATA_DIR"
    assert not home.is_open


def test_a_new_home_has_no_writer(folder: DataFolder) -> None:
    assert last_writer(folder) is None


def test_the_last_writer_is_remembered(folder: DataFolder, home: RedisHome) -> None:
    home.record_writer(OLD.release)
    home.record_writer(NEW.release)
    home.record_writer(NEW.release)

    assert last_writer(folder) == NEW.release


def test_a_program_older_than_the_writer_is_refused_and_touches_nothing(home: RedisHome) -> None:
    home.record_writer(NEW.release)

    with pytest.raises(StoreRefused, match=r"written by redis 7\.0\.15.*redis 6\.2\.14"):
        home.furnish(OLD, fsync="always")

    assert [path.name for path in home.path.iterdir()] == ["written-by"]


@pytest.mark.parametrize("record", [None, OLD.release])
def test_moved_files_are_refused_to_an_older_program_even_without_a_record(
    folder: DataFolder, home: RedisHome, record: Release | None
) -> None:
    if record is not None:
        home.record_writer(record)
    (home.path / "appendonlydir").mkdir()

    with pytest.raises(StoreRefused, match=r"written by redis 7\.0\.0"):
        home.furnish(OLD, fsync="always")

    home.furnish(NEW, fsync="always")
    assert last_writer(folder) == Release("redis", (7, 0, 0))


def test_the_record_is_preferred_to_the_place_of_the_files(
    folder: DataFolder, home: RedisHome
) -> None:
    home.record_writer(Release("valkey", (8, 1, 0)))
    (home.path / "appendonlydir").mkdir()

    assert last_writer(folder) == Release("valkey", (8, 1, 0))


@pytest.mark.parametrize("record", [b"", b"redis seven", b"\xff\xfe"])
def test_a_record_that_names_no_release_is_refused(
    folder: DataFolder, home: RedisHome, record: bytes
) -> None:
    (home.path / "written-by").write_bytes(record)

    with pytest.raises(StoreRefused, match="names no Redis or Valkey release"):
        last_writer(folder)


def test_a_grown_log_is_set_aside_at_the_next_start(home: RedisHome) -> None:
    (home.path / "redis.log").write_bytes(b"x" * (1 << 20) + b"y")

    home.furnish(NEW, fsync="always")

    assert not (home.path / "redis.log").exists()
    assert (home.path / "redis.log.1").stat().st_size == (1 << 20) + 1


def test_the_last_words_are_the_end_of_this_run_only(home: RedisHome) -> None:
    log = home.path / "redis.log"
    log.write_text("an earlier run\n")
    home.furnish(NEW, fsync="always")

    with log.open("a") as file:
        file.writelines(f"line {number}\n" for number in range(9))

    assert home.last_words() == "line 4\nline 5\nline 6\nline 7\nline 8"


def test_last_words_of_a_quiet_run_are_empty(home: RedisHome) -> None:
    (home.path / "redis.log").write_text("an earlier run\n")

    home.furnish(NEW, fsync="always")

    assert home.last_words() == ""
