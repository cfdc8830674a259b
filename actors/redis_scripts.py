"""The scripts that read and change partitions in Redis, and the calls that run them."""

from collections.abc import Collection, Iterator, Sequence
from hashlib import sha1
from importlib.resources import files
from typing import Any, Final

from doorward.actors.journal import Commit, Ending
from doorward.actors.partitions import partition_key

WRITES_PER_CALL: Final = 256
"""Keeps one script call well under a millisecond, so that Redis stays answerable."""

ENDINGS: Final = (Ending.COMMITTED, Ending.FENCED, Ending.WENT_BACK)
"""As ``commit.lua`` numbers them."""

Words = tuple[Any, ...]
"""A call to Redis: the command's name and its arguments."""

SOURCES: Final = {
    name: files("doorward.actors.lua").joinpath(f"{name}.lua").read_text("utf-8")
    for name in ("commit", "take", "confirm", "release")
}
SHA: Final = {name: sha1(source.encode()).hexdigest() for name, source in SOURCES.items()}  # noqa: S324 - how Redis names scripts


def commit_calls(commits: Sequence[Commit]) -> Iterator[Words]:
    """Fill script calls with whole partitions, up to ``WRITES_PER_CALL`` writes each."""
    script = SHA["commit"]
    keys: list[str] = []
    args: list[Any] = []
    partitions = writes = 0
    for commit in commits:
        if writes and writes + len(commit.operations) > WRITES_PER_CALL:
            yield ("EVALSHA", script, len(keys), *keys, partitions, *args)
            keys, args = [], []
            partitions = writes = 0
        partitions += 1
        keys.append(partition_key(commit.partition))
        args += (commit.epoch, commit.owner, commit.seq, commit.at_ms, len(commit.operations))
        for what, key, value, extra in commit.operations:
            keys.append(key)
            args += (what, value, extra)
        writes += len(commit.operations)
    if partitions:
        yield ("EVALSHA", script, len(keys), *keys, partitions, *args)


def held_call(
    script: str, owner: str, held: Sequence[tuple[int, int]], settled: Collection[int]
) -> Words:
    """Make a call of ``confirm`` or ``release`` for some (partition, epoch)."""
    keys = [partition_key(partition) for partition, _ in held]
    told = [word for index, epoch in held for word in (epoch, int(index in settled))]
    return ("EVALSHA", SHA[script], len(keys), *keys, owner, *told)
