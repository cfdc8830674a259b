"""What a seeded world must never show, and that it would show it.

More: ``DOORWARD_SIM_SEEDS`` (how many), ``DOORWARD_SIM_FIRST`` (from which),
``DOORWARD_SIM_STEPS``.
"""

import os
from collections.abc import Sequence
from random import Random
from typing import Any, Final

import msgspec
import pytest

from doorward.actors.desks import challenges, codes, sessions, tallies
from doorward.actors.gate import Gate
from doorward.actors.journal import Bid, Commit, Ending
from doorward.actors.ledger import Ledger
from doorward.actors.mailboxes import Ask
from doorward.actors.memory import Memory
from doorward.actors.messages.envelope import Outcome
from doorward.actors.ownership import Partition
from doorward.actors.records.sign_in import Challenge
from doorward.actors.turns import Turn
from tests.actors.simulation.chaos import simulate
from tests.actors.simulation.history import Violation
from tests.actors.simulation.machine import Design, PlacedOwnership
from tests.actors.simulation.model_store import ModelStore, Row

FIRST: Final = int(os.environ.get("DOORWARD_SIM_FIRST", "1000"))
SEEDS: Final = int(os.environ.get("DOORWARD_SIM_SEEDS", "40"))
STEPS: Final = int(os.environ.get("DOORWARD_SIM_STEPS", "120"))
CAUGHT_WITHIN: Final = 60
"""Seeds a saboteur may survive."""

KEPT: Final = {
    # A take whose reply was lost, and taken again: nobody waited for the last owner's lease.
    26: 150,
    118: 150,
    231: 150,
}


@pytest.mark.parametrize("seed", range(FIRST, FIRST + SEEDS))
def test_a_world_keeps_every_promise_whatever_fails(seed: int) -> None:
    world = simulate(seed, STEPS)

    assert world.history.applied > 0
    assert world.promises.answered > 0


@pytest.mark.parametrize(("seed", "steps"), KEPT.items())
def test_what_was_found_once_stays_mended(seed: int, steps: int) -> None:
    simulate(seed, steps)


def test_a_seed_tells_all() -> None:
    first, second = simulate(FIRST, STEPS), simulate(FIRST, STEPS)

    assert first.trace == second.trace
    assert first.history.events == second.history.events
    assert first.store.image == second.store.image


# --- saboteurs: the checker can fail --------------------------------------------------------------


class UnfencedStore(ModelStore):
    """Lets everybody write."""

    def judge(self, row: Row, commit: Commit) -> Ending:
        return Ending.COMMITTED


class ForgetfulStore(ModelStore):
    """Says that everything is durable, and drops a commit now and then."""

    dice = Random(0)

    def commit(self, commit: Commit) -> Ending:
        if commit.operations and self.dice.random() < 0.05:
            commit = commit._replace(operations=[])
        return super().commit(commit)


class BlindStore(ModelStore):
    """Does not notice that it was put back."""

    def went_back(self, row: Row, bid: Bid) -> bool:
        return False

    def judge(self, row: Row, commit: Commit) -> Ending:
        ending = super().judge(row, commit)
        return Ending.COMMITTED if ending is Ending.WENT_BACK else ending

    def confirm(self, owner: str, held: Sequence[tuple[int, int]], lease_ms: int) -> list[Ending]:
        verdicts = super().confirm(owner, held, lease_ms)
        back = Ending.WENT_BACK
        return [Ending.COMMITTED if verdict is back else verdict for verdict in verdicts]


class LeaselessOwnership(PlacedOwnership):
    """Answers as long as nobody told it otherwise."""

    def serves(self, partition: int) -> bool:
        return self.partitions[partition].owned


class HastyOwnership(PlacedOwnership):
    """Does not wait for the last owner's lease."""

    async def acquire(self, wanted: Any = ()) -> list[Partition]:  # noqa: ANN401
        taken = await super().acquire(wanted)
        for partition in taken:
            partition.serve_from = 0.0
        return taken


def answer_before_the_commit(
    gate: Gate, ask: Ask, partition: Partition, ledger: Ledger, outcome: Outcome
) -> None:
    _take(gate, ask, partition, ledger, outcome)
    ask.answer(outcome)


def restart_the_attempts(turn: Turn, *rest: Any, **named: Any) -> Challenge:  # noqa: ANN401
    return msgspec.structs.replace(_issue(turn, *rest, **named), wrong=0)


def leave_the_code_alive(turn: Turn, *rest: Any, **named: Any) -> Outcome:  # noqa: ANN401
    outcome = _admit(turn, *rest, **named)
    tallies.write(turn, rest[2])
    return outcome


def forget_nothing(memory: Memory, prefix: str = "") -> None:
    """Keep what is remembered of a partition that was lost."""


_take, _issue, _admit = Gate.take, challenges.issue, sessions.admit


SOMETHING = "^(?!nothing)"
"""Which broken promise shows first depends on the seed; that one does is the point."""


def caught(design: Design) -> str:
    """Run seeds until a violation is found, and tell it."""
    for seed in range(CAUGHT_WITHIN):
        try:
            simulate(seed, STEPS, design)
        except Violation as violation:
            return str(violation).partition("\n")[0]
    return "nothing"


@pytest.mark.parametrize(
    ("design", "finding"),
    [
        (Design(store=UnfencedStore), SOMETHING),
        (Design(store=ForgetfulStore), SOMETHING),
        (
            Design(store=BlindStore),
            SOMETHING,
        ),
        (Design(ownership=LeaselessOwnership), SOMETHING),
        (Design(ownership=HastyOwnership), SOMETHING),
    ],
)
def test_a_saboteur_is_caught(design: Design, finding: str) -> None:
    with pytest.raises(AssertionError, match=finding):
        raise AssertionError(caught(design))


@pytest.mark.parametrize(
    ("target", "name", "sabotage", "finding"),
    [
        (Gate, "take", answer_before_the_commit, SOMETHING),
        (codes.challenges, "issue", restart_the_attempts, SOMETHING),
        (codes.sessions, "admit", leave_the_code_alive, SOMETHING),
        (Memory, "forget", forget_nothing, SOMETHING),
    ],
)
def test_sabotage_from_within_is_caught(
    monkeypatch: pytest.MonkeyPatch, target: object, name: str, sabotage: object, finding: str
) -> None:
    monkeypatch.setattr(target, name, sabotage)

    with pytest.raises(AssertionError, match=finding):
        raise AssertionError(caught(Design()))
