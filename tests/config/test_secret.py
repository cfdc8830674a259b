import copy
import json
import pickle
import traceback
from collections.abc import Callable

import msgspec
import orjson
import pytest

from doorward.config.secret import Secret


@pytest.fixture
def secret() -> Secret[str]:
    return Secret("correct horse")


def test_a_secret_is_read_by_revealing_it(secret: Secret[str]) -> None:
    assert secret.reveal() == "correct horse"


def test_a_secret_is_masked_however_it_is_written(secret: Secret[str]) -> None:
    written = [str(secret), repr(secret), f"{secret}", f"{secret!r:>20}", "%s" % secret]  # noqa: UP031

    assert all("***" in text for text in written)
    assert not any("horse" in text for text in written)


def test_a_secret_is_masked_inside_a_struct(secret: Secret[str]) -> None:
    class Holder(msgspec.Struct):
        key: Secret[str]

    assert repr(Holder(secret)).endswith("Holder(key=Secret(***))")


def test_a_secret_is_masked_in_a_traceback_with_locals(secret: Secret[str]) -> None:
    def fail(key: Secret[str]) -> None:
        raise LookupError(f"no door for {key}")

    with pytest.raises(LookupError) as raised:
        fail(secret)

    told = traceback.TracebackException.from_exception(raised.value, capture_locals=True)
    written = "".join(told.format())
    assert "Secret(***)" in written
    assert "horse" not in written


@pytest.mark.parametrize(
    "encode",
    [json.dumps, orjson.dumps, msgspec.json.encode, msgspec.msgpack.encode, pickle.dumps],
    ids=["json", "orjson", "msgspec-json", "msgspec-msgpack", "pickle"],
)
def test_a_secret_cannot_be_encoded(
    secret: Secret[str], encode: Callable[[object], object]
) -> None:
    with pytest.raises(TypeError) as raised:
        encode(secret)

    assert "horse" not in str(raised.value)


def test_a_secret_cannot_be_copied_out_of_sight(secret: Secret[str]) -> None:
    with pytest.raises(TypeError, match="reveal"):
        copy.deepcopy(secret)


def test_two_secrets_are_never_compared_by_value() -> None:
    assert Secret("same") != Secret("same")
