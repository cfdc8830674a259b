"""What goes between a courier and a host, as bytes: batches of asks, and their answers in order.

Both sides must have the very same vocabulary: a message that one of them reads otherwise would be a
wrong answer. So each batch names the vocabulary it is written in (a digest of the shapes of all
messages), and a host that has another one refuses the batch unread.
"""

import json
from collections.abc import Iterable
from functools import reduce
from hashlib import blake2b
from operator import or_
from typing import Any, Final

import msgspec

from doorward.actors import errors
from doorward.actors.errors import (
    DoorwardError,
    NotOwner,
    Overloaded,
    StoreUnreachable,
    TurnFailed,
    Unavailable,
    VocabularyDiffers,
)
from doorward.actors.messages.envelope import Outcome, Request
from doorward.actors.messages.fronts import AskWithFront
from doorward.actors.storefront import MESSAGES


class Refused(msgspec.Struct, frozen=True, tag=True, gc=False):
    """No outcome: the class of the error by its name, and what it says."""

    error: str
    reason: str
    retry_after_seconds: int = 1


def _outcomes(kind: type[Outcome]) -> list[type[Any]]:
    """List the outcomes; what others are derived from is none itself."""
    below = kind.__subclasses__()
    found = [leaf for sub in below for leaf in _outcomes(sub)] if below else [kind]
    return [leaf for leaf in found if leaf.__module__.startswith("doorward.actors.messages.")]


def _union(kinds: Iterable[type[Any]]) -> Any:  # noqa: ANN401 - a type that is put together
    return reduce(or_, sorted(kinds, key=lambda kind: kind.__name__))


_REQUESTS: Final[Any] = _union((*MESSAGES, AskWithFront))
_OUTCOMES: Final[Any] = _union((*_outcomes(Outcome), Refused))
_ERRORS: Final = {
    kind.__name__: kind
    for kind in (Unavailable, StoreUnreachable, NotOwner, Overloaded, VocabularyDiffers)
}
_UNREADABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
_encoder: Final = msgspec.msgpack.Encoder()
_version: Final = msgspec.msgpack.Decoder(tuple[str, int, list[msgspec.Raw]])
_asks: Final[Any] = msgspec.msgpack.Decoder(tuple[str, _REQUESTS])
_answers: Final[Any] = msgspec.msgpack.Decoder(tuple[int, list[_OUTCOMES]])


def _vocabulary() -> str:
    shapes = _bare(msgspec.json.schema_components([_REQUESTS, _OUTCOMES]))
    return blake2b(json.dumps(shapes, sort_keys=True).encode(), digest_size=8).hexdigest()


def _bare(shape: Any) -> Any:  # noqa: ANN401 - a schema, or a part of one
    """Leave out docstrings: they are no shape, and not the same in every Python."""
    if isinstance(shape, dict):
        kept = {key: part for key, part in shape.items() if not _is_said(key, part)}
        return {key: _bare(part) for key, part in kept.items()}
    return [_bare(part) for part in shape] if isinstance(shape, list | tuple) else shape


def _is_said(key: str, part: object) -> bool:
    return key == "description" and isinstance(part, str)


VOCABULARY: Final = _vocabulary()


def ask_bytes(slug: str, message: Request) -> bytes:
    """Write one ask."""
    return _encoder.encode((slug, message))


def batch_bytes(version: int, asks: Iterable[bytes]) -> bytes:
    """Write a batch of asks, under the version of the table that led here."""
    return _encoder.encode((VOCABULARY, version, [msgspec.Raw(ask) for ask in asks]))


def read_batch(batch: bytes) -> tuple[int, list[tuple[str, Request]]]:
    """Read a batch: the version of the table, and the asks.

    Raises:
        VocabularyDiffers: When it is written in another vocabulary, or is no batch.
    """
    try:
        vocabulary, version, asks = _version.decode(batch)
        if vocabulary != VOCABULARY:
            raise VocabularyDiffers(f"asked in {vocabulary}, this host speaks {VOCABULARY}")
        return version, [_asks.decode(ask) for ask in asks]
    except _UNREADABLE as error:
        raise VocabularyDiffers("asked in what is no batch") from error


def answers_bytes(version: int, answers: list[Outcome | Exception]) -> bytes:
    """Write the answers to a batch, in its order, and the version of the host's own table."""
    return _encoder.encode((version, [_written(answer) for answer in answers]))


def read_answers(answers: bytes, count: int) -> tuple[int, list[Outcome | DoorwardError]]:
    """Read the answers to a batch of ``count`` asks.

    Raises:
        Unavailable: When they cannot be read; nothing may be concluded from them.
    """
    try:
        version, found = _answers.decode(answers)
    except _UNREADABLE as error:
        raise Unavailable("a host's answers cannot be read") from error
    if len(found) != count:
        raise Unavailable("a host answered another number of messages")
    return version, [_read(answer) for answer in found]


def refusal(error: Unavailable) -> Refused:
    """Write why there is no outcome."""
    return Refused(type(error).__name__, error.reason, error.retry_after_seconds)


def _written(answer: Outcome | Exception) -> Outcome | Refused:
    if isinstance(answer, Outcome):
        return answer
    if isinstance(answer, Unavailable):
        return refusal(answer)
    # Its text may quote what was sent: the cause is in the host's own log.
    return Refused("TurnFailed", type(answer).__name__)


def _read(answer: Any) -> Outcome | DoorwardError:  # noqa: ANN401 - one of the outcomes, or Refused
    if not isinstance(answer, Refused):
        return answer  # type: ignore[no-any-return]
    return read_refusal(answer)


def read_refusal(told: Refused) -> DoorwardError:
    """Read why there is no outcome."""
    if told.error == TurnFailed.__name__:
        return TurnFailed(told.reason)
    kind = _ERRORS.get(told.error, errors.Unavailable)
    return kind(told.reason, told.retry_after_seconds)
