from pathlib import Path

import pytest

from doorward.actors import high_water
from doorward.actors.high_water import FILE, HighWater


def test_marks_are_read_as_they_were_written(tmp_path: Path) -> None:
    marks = HighWater("store-1", ("host-1",), {7: (3, 40), 255: (1, 0)})

    high_water.write(tmp_path, marks)

    assert high_water.read(tmp_path) == marks
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600


def test_marks_are_replaced_as_a_whole(tmp_path: Path) -> None:
    high_water.write(tmp_path, HighWater("store-1", ("host-1",), {1: (1, 1), 2: (2, 2)}))

    high_water.write(tmp_path, HighWater("store-1", (), {3: (3, 3)}))

    assert high_water.read(tmp_path) == HighWater("store-1", (), {3: (3, 3)})
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_a_new_folder_says_nothing(tmp_path: Path) -> None:
    assert high_water.read(tmp_path) == HighWater()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"marks":{"1":[1]}}', b"\xff\xfe"])
def test_an_unreadable_file_says_nothing(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE).write_bytes(content)

    assert high_water.read(tmp_path) == HighWater()


def test_marks_of_another_store_mean_nothing_here() -> None:
    marks = HighWater("store-1", ("host-1",), {7: (3, 40)})

    assert marks.of("store-1") is marks
    assert marks.of("store-2") == HighWater("store-2", ("host-1",), {})


def test_the_newest_owners_are_remembered() -> None:
    marks = HighWater("store-1", (), {7: (3, 40)})

    for number in range(30):
        marks = marks.with_owner(f"host-{number}")

    assert marks.owners == tuple(f"host-{number}" for number in range(14, 30))
    assert marks.marks == {7: (3, 40)}
