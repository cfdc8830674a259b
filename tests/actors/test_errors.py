import copy
import pickle
from collections.abc import Iterator

import pytest

from doorward.actors import errors
from doorward.actors.errors import DoorwardError, RecordUnreadable, TurnFailed, Unavailable
from doorward.actors.ledger import Miss
from doorward.actors.post import transport


def every(root: type[DoorwardError]) -> Iterator[type[DoorwardError]]:
    # Other tests make up some of their own.
    if root.__module__.startswith("doorward."):
        yield root
    for child in root.__subclasses__():
        yield from every(child)


def made(kind: type[DoorwardError]) -> DoorwardError:
    if issubclass(kind, Unavailable):
        return kind("why", 7)
    if issubclass(kind, RecordUnreadable):
        return kind("email", "why")
    return kind("why")


KINDS = sorted(every(DoorwardError), key=lambda kind: kind.__name__)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("carry", [lambda error: pickle.loads(pickle.dumps(error)), copy.copy])  # noqa: S301 - our own bytes
def test_an_error_arrives_as_itself(kind: type[DoorwardError], carry: object) -> None:
    error = made(kind)

    arrived = carry(error)  # type: ignore[operator]

    assert type(arrived) is kind
    assert arrived.args == error.args
    assert vars(arrived) == vars(error)
    assert str(arrived) == str(error)


def test_a_miss_arrives_as_itself() -> None:
    arrived = pickle.loads(pickle.dumps(Miss(("a", "b"))))  # noqa: S301 - our own bytes

    assert arrived.keys == ("a", "b")


def test_every_leaf_has_a_code_of_its_own() -> None:
    leaves = [kind for kind in KINDS if not kind.__subclasses__()]

    codes = [kind.code for kind in leaves]

    assert len(set(codes)) == len(codes)
    assert all(code.replace("_", "").isalpha() and code.islower() for code in codes)


def test_the_tree_at_the_top_names_every_error_of_the_module() -> None:
    assert errors.__doc__ is not None

    ours = [kind.__name__ for kind in KINDS if kind.__module__ == errors.__name__]

    assert len(ours) > 8
    assert [name for name in ours if name not in errors.__doc__] == []
    assert transport.Retryable in KINDS


def test_what_is_unavailable_says_when_to_try_again() -> None:
    for kind in every(Unavailable):
        error = kind("why")  # type: ignore[call-arg]
        assert isinstance(error, Unavailable)
        assert error.retry_after_seconds == 1
        assert kind("why", 5).retry_after_seconds == 5  # type: ignore[call-arg, attr-defined]


def test_what_may_be_tried_again_is_told_from_what_may_not() -> None:
    assert not issubclass(TurnFailed, Unavailable)
    assert all(
        issubclass(kind, Unavailable)
        for kind in (errors.StoreUnreachable, errors.NotOwner, errors.Overloaded)
    )
