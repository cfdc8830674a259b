"""Batches and answers as bytes: everything travels, and what cannot be read is never guessed."""

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import get_args

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doorward.actors import errors
from doorward.actors.cluster import wire
from doorward.actors.errors import (
    DoorwardError,
    NoHosts,
    NotOwner,
    Overloaded,
    StoreUnreachable,
    TurnFailed,
    Unavailable,
    VocabularyDiffers,
)
from doorward.actors.messages.envelope import Caller, Outcome, Request
from doorward.actors.messages.fronts import AskWithFront
from doorward.actors.messages.refusals import NotFound
from doorward.actors.messages.sign_in import ReadFront, ReadMe, RequestCode
from tests.actors.harness import CALLER
from tests.actors.test_messages import TEXT, ours

REQUESTS = get_args(wire._REQUESTS)  # noqa: SLF001
OUTCOMES = get_args(wire._OUTCOMES)  # noqa: SLF001
DECIDED = tuple(kind for kind in OUTCOMES if kind is not wire.Refused)
ME = ReadMe(caller=CALLER)

ANOTHER_PROCESS = """
import sys
from importlib.machinery import PathFinder, SourceFileLoader

class Edited(SourceFileLoader):
    def get_data(self, path):
        text = super().get_data(path)
        before, after = (each.encode() for each in sys.argv[1:3])
        assert not path.endswith(".py") or text.count(before) == 1
        return text.replace(before, after)

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name != "doorward.actors.messages.sign_in":
            return None
        spec = PathFinder.find_spec(name, path, target)
        spec.loader = Edited(name, spec.origin)
        # What was compiled before is another text.
        spec.loader.get_code = lambda name: compile(
            spec.loader.get_data(spec.origin), spec.origin, "exec", dont_inherit=True
        )
        return spec

sys.meta_path.insert(0, Finder())
from doorward.actors.cluster import wire
from doorward.actors.messages.envelope import Caller
from doorward.actors.messages.sign_in import ReadMe
ask = wire.ask_bytes("alpha", ReadMe(caller=Caller(address="a")))
print(wire.VOCABULARY, wire.batch_bytes(7, [ask]).hex())
"""
CODE = '    """Mail a code (or, past the guess budgets, a link) to ``email`` (canonical form)."""\n'


def another_process(before: str, after: str, *, seed: int = 0) -> tuple[str, bytes]:
    """Tell the vocabulary of a process whose messages are edited, and a batch that it wrote."""
    told = subprocess.run(
        [sys.executable, "-P", "-c", ANOTHER_PROCESS, before, after],
        env=os.environ | {"PYTHONHASHSEED": str(seed)},
        capture_output=True,
        text=True,
        check=True,
    )
    vocabulary, _, batch = told.stdout.strip().partition(" ")
    return vocabulary, bytes.fromhex(batch)


def batched(kinds: tuple[type, ...], count: int) -> Iterator[tuple[type, ...]]:
    yield from (kinds[start : start + count] for start in range(0, len(kinds), count))


def leaves(kind: type) -> list[type]:
    below = ours(kind.__subclasses__())
    return [leaf for sub in below for leaf in leaves(sub)] if below else [kind]


# --- what travels ---------------------------------------------------------------------------------


def test_every_request_and_every_outcome_may_travel() -> None:
    assert set(REQUESTS) == set(leaves(Request))
    assert set(OUTCOMES) == {*leaves(Outcome), wire.Refused}
    assert AskWithFront in REQUESTS


@pytest.mark.parametrize("kinds", list(batched(REQUESTS, 12)))
def test_asks_of_every_kind_arrive_as_they_were_sent(kinds: tuple[type[Request], ...]) -> None:
    @given(st.tuples(*map(st.from_type, kinds)), st.integers(0, 2**40), TEXT)
    @settings(max_examples=2)
    def as_bytes(messages: tuple[Request, ...], version: int, slug: str) -> None:
        batch = wire.batch_bytes(version, [wire.ask_bytes(slug, each) for each in messages])

        arrived = wire.read_batch(batch)

        assert arrived == (version, [(slug, each) for each in messages])
        assert [type(message) for _, message in arrived[1]] == list(kinds)

    as_bytes()


@pytest.mark.parametrize("kinds", list(batched(DECIDED, 12)))
def test_outcomes_of_every_kind_arrive_as_they_were_decided(
    kinds: tuple[type[Outcome], ...],
) -> None:
    @given(st.tuples(*map(st.from_type, kinds)), st.integers(0, 2**40))
    @settings(max_examples=2)
    def as_bytes(outcomes: tuple[Outcome, ...], version: int) -> None:
        written = wire.answers_bytes(version, [*outcomes])

        assert wire.read_answers(written, len(outcomes)) == (version, list(outcomes))

    as_bytes()


@pytest.mark.parametrize(
    "kind", [Unavailable, StoreUnreachable, NotOwner, Overloaded, VocabularyDiffers]
)
def test_an_error_of_a_host_arrives_as_itself(kind: type[Unavailable]) -> None:
    _, (arrived,) = wire.read_answers(wire.answers_bytes(1, [kind("why", 7)]), 1)

    assert type(arrived) is kind
    assert isinstance(arrived, Unavailable)
    assert (arrived.reason, arrived.retry_after_seconds) == ("why", 7)


def test_only_what_a_host_did_nothing_with_arrives_as_not_its_own() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    unavailable = [kind for kind in kinds if issubclass(kind, Unavailable)]
    assert NoHosts in unavailable
    for kind in unavailable:
        _, (arrived,) = wire.read_answers(wire.answers_bytes(1, [kind("why")]), 1)

        assert isinstance(arrived, Unavailable)
        assert isinstance(arrived, NotOwner) == (kind is NotOwner)


def test_an_error_that_a_newer_host_knows_is_unavailable() -> None:
    refused = msgspec.msgpack.encode((1, [wire.Refused("TooTired", "asleep", 9)]))

    _, (arrived,) = wire.read_answers(refused, 1)

    assert type(arrived) is Unavailable
    assert (arrived.reason, arrived.retry_after_seconds) == ("asleep", 9)


@pytest.mark.parametrize("error", [TurnFailed("KeyError"), ValueError("ann@example.org")])
def test_what_a_turn_raised_is_told_without_its_text(error: Exception) -> None:
    written = wire.answers_bytes(1, [error])

    _, (arrived,) = wire.read_answers(written, 1)

    assert type(arrived) is TurnFailed
    assert b"example.org" not in written


def test_a_failure_among_answers_is_that_ones_alone() -> None:
    answers = [NotFound(), Overloaded("full"), NotFound()]

    _, arrived = wire.read_answers(wire.answers_bytes(3, answers), 3)

    assert [type(each) for each in arrived] == [NotFound, Overloaded, NotFound]


# --- what is refused ------------------------------------------------------------------------------


def test_a_batch_in_another_vocabulary_is_refused_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    ask = wire.ask_bytes("alpha", ME)
    monkeypatch.setattr(wire, "VOCABULARY", "other")
    batch = wire.batch_bytes(1, [ask])
    monkeypatch.undo()
    monkeypatch.setattr(wire, "_asks", None)

    with pytest.raises(
        VocabularyDiffers, match=f"asked in other, this host speaks {wire.VOCABULARY}"
    ):
        wire.read_batch(batch)


BATCH = wire.batch_bytes(
    3, [wire.ask_bytes("alpha", RequestCode(email="a@b.c", caller=CALLER))] * 2
)
ANSWERS = wire.answers_bytes(3, [NotFound(), Overloaded("full")])


@given(st.integers(0, len(BATCH) - 1))
def test_a_batch_that_is_cut_short_is_refused(length: int) -> None:
    with pytest.raises(VocabularyDiffers):
        wire.read_batch(BATCH[:length])


@given(st.integers(0, len(ANSWERS) - 1))
def test_answers_that_are_cut_short_are_none(length: int) -> None:
    with pytest.raises(Unavailable):
        wire.read_answers(ANSWERS[:length], 2)


@pytest.mark.parametrize("more", [b"\x00", BATCH, ANSWERS])
def test_bytes_after_the_end_are_refused(more: bytes) -> None:
    with pytest.raises(VocabularyDiffers):
        wire.read_batch(BATCH + more)
    with pytest.raises(Unavailable):
        wire.read_answers(ANSWERS + more, 2)


@given(st.binary(max_size=64))
def test_garbage_is_no_batch_and_no_answer(garbage: bytes) -> None:
    with pytest.raises(VocabularyDiffers):
        wire.read_batch(garbage)
    with pytest.raises(Unavailable):
        wire.read_answers(garbage, 2)


def damaged(data: st.DataObject, whole: bytes) -> bytes:
    changed = bytearray(whole)
    for place in data.draw(st.lists(st.integers(0, len(whole) - 1), min_size=1, max_size=4)):
        changed[place] = data.draw(st.integers(0, 255))
    return bytes(changed)


@given(st.data())
def test_of_a_damaged_batch_come_messages_or_nothing(data: st.DataObject) -> None:
    try:
        _, asks = wire.read_batch(damaged(data, BATCH))
    except VocabularyDiffers:
        return

    assert all(isinstance(message, Request) for _, message in asks)


@given(st.data())
def test_of_damaged_answers_come_as_many_or_nothing(data: st.DataObject) -> None:
    try:
        _, answers = wire.read_answers(damaged(data, ANSWERS), 2)
    except Unavailable:
        return

    assert len(answers) == 2
    assert all(isinstance(answer, Outcome | DoorwardError) for answer in answers)


@pytest.mark.parametrize("count", [0, 1, 3])
def test_another_number_of_answers_is_none(count: int) -> None:
    with pytest.raises(Unavailable, match="another number"):
        wire.read_answers(ANSWERS, count)


def test_an_answer_that_is_no_outcome_is_none() -> None:
    with pytest.raises(Unavailable):
        wire.read_answers(msgspec.msgpack.encode((1, [ReadFront()])), 1)


def test_an_outcome_is_no_ask() -> None:
    batch = wire.batch_bytes(1, [msgspec.msgpack.encode(("alpha", NotFound()))])

    with pytest.raises(VocabularyDiffers):
        wire.read_batch(batch)


# --- two processes --------------------------------------------------------------------------------


@pytest.mark.parametrize("said", [CODE, '    """The same in other words."""\n'])
def test_every_process_of_a_release_speaks_the_same(said: str) -> None:
    # Words for people are not what is agreed about; and no order in which sets are walked through.
    vocabulary, batch = another_process(CODE, said, seed=len(said))

    assert vocabulary == wire.VOCABULARY
    assert wire.read_batch(batch) == (7, [("alpha", ReadMe(caller=Caller(address="a")))])


def test_a_message_that_gains_a_field_makes_another_vocabulary() -> None:
    # Also with a default: a host that does not know the field would decide without it.
    vocabulary, batch = another_process(CODE, f'{CODE}    why: str = ""\n')

    assert vocabulary != wire.VOCABULARY
    with pytest.raises(VocabularyDiffers):
        wire.read_batch(batch)
