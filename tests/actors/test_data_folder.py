import base64
import errno
import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from doorward.actors.data_folder import DataFolder, replace_file
from doorward.actors.errors import DataFolderInUse
from doorward.config.errors import ConfigurationError

HOLDER = """
import pathlib, sys
from doorward.actors.data_folder import DataFolder
folder = DataFolder.open(pathlib.Path(sys.argv[1]))
print("open", flush=True)
sys.stdin.read()
"""


def mode_of(path: Path) -> int:
    return path.stat().st_mode & 0o7777


def test_a_new_folder_and_its_new_parents_are_closed_to_others(tmp_path: Path) -> None:
    with DataFolder.open(tmp_path / "srv" / "door") as folder:
        pass

    assert folder.path == tmp_path / "srv" / "door"
    assert mode_of(folder.path) == 0o700
    assert mode_of(folder.path.parent) == 0o700


def test_a_second_open_is_refused_and_names_the_folder_and_the_process(tmp_path: Path) -> None:
    with DataFolder.open(tmp_path / "data"), pytest.raises(DataFolderInUse) as refusal:
        DataFolder.open(tmp_path / "data")

    assert str(tmp_path / "data") in str(refusal.value)
    assert str(os.getpid()) in str(refusal.value)


def test_a_refused_open_leaves_the_lock_and_the_pid_to_their_holder(tmp_path: Path) -> None:
    with DataFolder.open(tmp_path):
        for _ in range(2):
            with pytest.raises(DataFolderInUse, match=str(os.getpid())):
                DataFolder.open(tmp_path)


def test_a_closed_folder_can_be_opened_again(tmp_path: Path) -> None:
    first = DataFolder.open(tmp_path)
    first.close()
    first.close()

    with DataFolder.open(tmp_path) as second:
        assert second.path == tmp_path


def test_the_lock_dies_with_a_process_that_is_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLDER, str(tmp_path / "data")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"open\n"
        with pytest.raises(DataFolderInUse, match=f"process {holder.pid}"):
            DataFolder.open(tmp_path / "data")

        holder.send_signal(signal.SIGKILL)
        holder.wait(timeout=10)

    with DataFolder.open(tmp_path / "data") as folder:
        assert folder.path.is_dir()


def test_a_folder_others_may_write_in_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)

    with pytest.raises(ConfigurationError, match=r"0777.*owner alone"):
        DataFolder.open(shared)

    assert mode_of(shared) == 0o777
    assert list(shared.iterdir()) == []


def test_a_file_where_the_folder_should_be_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("not a folder")

    with pytest.raises(ConfigurationError) as refusal:
        DataFolder.open(tmp_path / "data")

    assert refusal.value.name == "DOORWARD_DATA_DIR"
    assert refusal.value.value == str(tmp_path / "data")


def test_a_subfolder_is_closed_to_others(tmp_path: Path) -> None:
    with DataFolder.open(tmp_path / "data") as folder:
        inner = folder.subfolder("redis")

    assert inner == tmp_path / "data" / "redis"
    assert mode_of(inner) == 0o700


def test_a_subfolder_others_may_write_in_is_refused(tmp_path: Path) -> None:
    (tmp_path / "redis").mkdir()
    (tmp_path / "redis").chmod(0o770)

    with DataFolder.open(tmp_path) as folder, pytest.raises(ConfigurationError, match="0770"):
        folder.subfolder("redis")


def test_a_subfolder_that_cannot_be_made_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "redis").write_text("not a folder")

    with DataFolder.open(tmp_path) as folder, pytest.raises(ConfigurationError) as refusal:
        folder.subfolder("redis")

    assert refusal.value.value == str(tmp_path / "redis")


def test_a_disk_that_cannot_lock_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_locks(lock_fd: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", no_locks)

    with pytest.raises(ConfigurationError, match="cannot be locked: No locks available"):
        DataFolder.open(tmp_path)


def test_a_secret_is_made_once_and_read_afterwards(tmp_path: Path) -> None:
    with DataFolder.open(tmp_path) as folder:
        made = folder.secret("master.key", 32)

    with DataFolder.open(tmp_path) as folder:
        assert folder.secret("master.key", 32) == made
    assert len(made) == 32


def test_a_secret_that_was_used_and_is_gone_is_never_made_anew(tmp_path: Path) -> None:
    with DataFolder.open(tmp_path) as folder:
        made = folder.lasting_secret("master.key", 32, used_by="marks")
        (tmp_path / "marks").touch()
        assert folder.lasting_secret("master.key", 32, used_by="marks") == made
        (tmp_path / "master.key").unlink()

        with pytest.raises(ConfigurationError, match=r"is missing.*DOORWARD_MASTER_KEY"):
            folder.lasting_secret("master.key", 32, used_by="marks")

    assert not (tmp_path / "master.key").exists()


def test_a_secret_is_one_line_of_base64url_only_its_owner_can_read(tmp_path: Path) -> None:
    with DataFolder.open(tmp_path) as folder:
        made = folder.secret("master.key", 32)

    text = (tmp_path / "master.key").read_text()
    assert text == base64.urlsafe_b64encode(made).decode().rstrip("=") + "\n"
    assert mode_of(tmp_path / "master.key") == 0o600


def test_secrets_of_different_names_differ(tmp_path: Path) -> None:
    with DataFolder.open(tmp_path) as folder:
        assert folder.secret("master.key", 32) != folder.secret("operator.key", 32)


def test_a_padded_secret_put_there_by_an_operator_is_read(tmp_path: Path) -> None:
    replace_file(tmp_path / "master.key", base64.urlsafe_b64encode(b"\xff" * 32))

    with DataFolder.open(tmp_path) as folder:
        assert folder.secret("master.key", 32) == b"\xff" * 32


@pytest.mark.parametrize(
    "content", [b"", b"c2hvcnQ\n", b"A" * 5000, b"not base64url! " * 3, b"\xff\xfe" * 20]
)
def test_a_secret_of_another_size_or_alphabet_is_refused_unseen(
    tmp_path: Path, content: bytes
) -> None:
    replace_file(tmp_path / "master.key", content)

    with DataFolder.open(tmp_path) as folder, pytest.raises(ConfigurationError) as refusal:
        folder.secret("master.key", 32)

    assert str(refusal.value) == (
        f"{tmp_path / 'master.key'}='(hidden)': must be 32 bytes in base64url"
    )
    assert (tmp_path / "master.key").read_bytes() == content


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_secret_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    with DataFolder.open(tmp_path) as folder:
        folder.secret("master.key", 32)
        (tmp_path / "master.key").chmod(mode)

        with pytest.raises(ConfigurationError, match=f"{mode:04o}.*chmod 600"):
            folder.secret("master.key", 32)


def test_a_secret_that_cannot_be_read_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "master.key").mkdir()

    with DataFolder.open(tmp_path) as folder, pytest.raises(ConfigurationError) as refusal:
        folder.secret("master.key", 32)

    assert refusal.value.name == str(tmp_path / "master.key")


def test_what_a_crash_left_of_a_half_written_secret_is_no_secret(tmp_path: Path) -> None:
    (tmp_path / ".master.key.new").write_bytes(b"half")

    with DataFolder.open(tmp_path) as folder:
        made = folder.secret("master.key", 32)

    assert len(made) == 32
    assert not (tmp_path / ".master.key.new").exists()


def test_a_file_is_replaced_whole_and_stays_private(tmp_path: Path) -> None:
    path = tmp_path / "redis.conf"
    path.write_text("old")
    path.chmod(0o644)

    replace_file(path, b"new")

    assert path.read_bytes() == b"new"
    assert mode_of(path) == 0o600
