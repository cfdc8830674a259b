import secrets
from base64 import urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.config.credential_forms import MASTER_KEYS, OPERATOR_KEY, SMTP_URL
from doorward.config.forms import Form, Unfit
from doorward.config.redis_urls import REDIS_URL
from doorward.config.secret import Secret

KEY_BYTES = 32


def base64url(key: bytes) -> str:
    return urlsafe_b64encode(key).decode().rstrip("=")


ONE = base64url(bytes(range(32)))
OTHER = base64url(bytes(range(32, 64)))


@given(st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=4, unique=True))
def test_master_keys_keep_their_order_newest_first(keys: list[bytes]) -> None:
    read = MASTER_KEYS.read(", ".join(map(base64url, keys)))

    assert read.reveal() == tuple(keys)


def test_a_master_key_may_carry_its_padding() -> None:
    assert MASTER_KEYS.read(f"{ONE}=").reveal() == (bytes(range(32)),)


@pytest.mark.parametrize(
    "text",
    [
        ONE[:-1],
        f"{ONE}A",
        f"{ONE}==",
        base64url(bytes(31)),
        base64url(bytes(33)),
        f"{ONE[:-1]}9",
        ONE.replace("A", "+", 1),
        f"{ONE},{ONE}",
        f"{ONE},",
        f"{ONE} {OTHER}",
        "password",
        secrets.token_hex(KEY_BYTES),
    ],
)
def test_master_keys_that_are_cut_mistyped_or_twice_are_refused(text: str) -> None:
    with pytest.raises(Unfit, match=r"^must ") as raised:
        MASTER_KEYS.read(text)

    assert text not in str(raised.value)


def test_an_operator_key_of_32_characters_is_enough_and_31_are_not() -> None:
    assert OPERATOR_KEY.read("k" * 32).reveal() == "k" * 32
    with pytest.raises(Unfit, match="must have at least 32 characters"):
        OPERATOR_KEY.read("k" * 31)


@pytest.mark.parametrize("wrong", [" ", "\t", "\n", "é", ",", '"', "=k", "k" * 500])
def test_an_operator_key_that_no_bearer_header_can_carry_is_refused(wrong: str) -> None:
    with pytest.raises(Unfit, match="bearer token"):
        OPERATOR_KEY.read("k" * 32 + wrong)


@pytest.mark.parametrize(
    "text",
    [
        "smtp://mail.example",
        "smtp://user:pass@mail.example:587?starttls=required",
        "smtps://user%40mail.example:pass@mail.example:465",
        "smtp://[::1]:1025",
    ],
)
def test_an_smtp_url_is_taken_as_it_is(text: str) -> None:
    assert SMTP_URL.read(text).reveal() == text


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("mail.example:587", "must start with smtp:// or smtps://"),
        ("https://mail.example", "must start with smtp:// or smtps://"),
        ("smtp://", "must name a host"),
        ("smtp://user:hunter2hunter2@", "must name a host"),
        ("smtp://mail.example/inbox", "must have no path"),
        ("smtp://mail.example:0", "must name a port"),
        ("smtp://mail.example/#hunter2", "must have no '#'"),
    ],
)
def test_an_smtp_url_without_a_usable_server_is_refused(text: str, rule: str) -> None:
    with pytest.raises(Unfit) as raised:
        SMTP_URL.read(text)

    assert raised.value.rule.startswith(rule)
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize("form", [OPERATOR_KEY, MASTER_KEYS, REDIS_URL, SMTP_URL])
@given(
    text=st.text(min_size=1)
    | st.from_regex(r"(rediss?(\+(sentinel|cluster))?|unix|smtps?)://[!-~]{0,30}", fullmatch=True)
    | st.from_regex(r"[A-Za-z0-9_-]{40,46}", fullmatch=True)
)
def test_any_credential_is_either_hidden_or_unfit(form: Form[Secret[object]], text: str) -> None:
    assert outcome(form, text) in {"Secret(***)", "unfit"}


def outcome(form: Form[Secret[object]], text: str) -> str:
    try:
        return repr(form.read(text))
    except Unfit as unfit:
        # A cause would be printed with its own message, which quotes the text.
        hidden = unfit.__cause__ is None and unfit.__suppress_context__
        return "unfit" if hidden and unfit.rule.startswith("must ") else str(unfit)
