import pickle

import pytest

from doorward.actors.errors import DoorwardError
from doorward.actors.post.message import MessageRefused
from doorward.actors.post.transport import Retryable, Undeliverable


@pytest.mark.parametrize("kind", [Retryable, Undeliverable, MessageRefused])
def test_every_error_of_the_post_survives_pickling(kind: type[DoorwardError]) -> None:
    error = kind("SMTPDataError 451")

    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 -- our own bytes

    assert type(copy) is kind
    assert vars(copy) == vars(error)
    assert str(copy) == "SMTPDataError 451"


def test_every_error_of_the_post_has_a_code_of_its_own() -> None:
    codes = {kind.code for kind in (Retryable, Undeliverable, MessageRefused, DoorwardError)}

    assert len(codes) == 4
