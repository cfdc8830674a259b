from functools import reduce
from operator import or_
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doorward.actors.messages.envelope import Caller, Outcome, Request
from doorward.actors.messages.operator import KeyMade, KeyView, StorefrontDocument, StorefrontView
from doorward.actors.messages.sign_in import CustomerView, SignedIn, SignInRefused, UpdateMe
from doorward.actors.post.contents import ActionLink, OrderNews, ReturnNews, SignIn, StatusLink
from doorward.actors.post.mail import Mail
from doorward.actors.records.storefronts import Payment
from doorward.actors.storefront import decide
from doorward.actors.windows import Rule, Standing
from tests.actors.harness import World

REQUESTS = Request.__subclasses__()
OUTCOMES = Outcome.__subclasses__()


def ours(kinds: list[type[Any]]) -> list[type[Any]]:
    """Leave out what other tests derived to play a foreign message."""
    return [kind for kind in kinds if kind.__module__.startswith("doorward.actors.messages.")]


MAILS = st.builds(
    Mail,
    id=st.from_regex(r"[A-Za-z0-9]{1,20}", fullmatch=True),
    slug=st.just("alpha"),
    to=st.text(),
    display_name=st.text(),
    accent=st.text(),
    origin=st.just("https://alpha.example"),
    locale=st.sampled_from(["en", "id"]),
    expires_at_ms=st.integers(0, 2**53),
    sent_at_ms=st.integers(0, 2**53),
    content=st.one_of(
        st.builds(
            SignIn,
            code=st.from_regex(r"[0-9]{6}", fullmatch=True),
            link=st.just("https://alpha.example/x?token=1"),
        ),
        *(
            st.builds(kind, link=st.just("https://alpha.example/o/1"))
            for kind in (OrderNews, ReturnNews, StatusLink, ActionLink)
        ),
    ),
)
st.register_type_strategy(Mail, MAILS)
st.register_type_strategy(int, st.integers(-(2**63), 2**64 - 1))
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
st.register_type_strategy(str, TEXT)


@pytest.mark.parametrize("kind", ours(REQUESTS), ids=lambda kind: kind.__name__)
def test_every_request_travels_as_bytes(kind: type[Request]) -> None:
    travels(kind, REQUESTS)


@pytest.mark.parametrize("kind", ours(OUTCOMES), ids=lambda kind: kind.__name__)
def test_every_outcome_travels_as_bytes(kind: type[Outcome]) -> None:
    travels(kind, OUTCOMES)


def travels(kind: type, kinds: list[type[Any]]) -> None:
    # Whoever receives it knows only that it is one of these; the tag says which.
    wire = reduce(or_, ours(kinds))
    decoder = msgspec.msgpack.Decoder(wire)
    encoder = msgspec.msgpack.Encoder()

    @given(st.from_type(kind))
    @settings(max_examples=15)
    def as_bytes(message: object) -> None:
        arrived = decoder.decode(encoder.encode(message))

        assert type(arrived) is kind
        assert arrived == message

    as_bytes()


async def test_every_request_has_a_desk() -> None:
    world = await World().open()

    for kind in ours(REQUESTS):
        with pytest.raises(Exception) as raised:  # noqa: PT011 - anything but "no such desk"
            decide(None, msgspec.convert({}, kind, strict=False))  # type: ignore[arg-type]
        assert not isinstance(raised.value, KeyError)

    assert world.troubles == []


def test_a_secret_never_shows_in_what_is_printed() -> None:
    standing = Standing(Rule("r", 1, 1), 0, 0)
    view = CustomerView("1", "ann@example.org", None, None, 1)
    signed_in = SignedIn(
        customer=view,
        secret="topsecret",
        device_secret="alsosecret",
        device_ttl_seconds=1,
        ttl_seconds=1,
        expires_at_ms=1,
        secure=True,
        standing=standing,
    )
    made = KeyMade(key=KeyView("1", "secret", "n", (), 1), secret="topsecret")

    shown = f"{signed_in!r} {signed_in} {made!r} {made}"

    assert "secret=…" in shown
    assert "topsecret" not in shown
    assert "alsosecret" not in shown


def test_unset_and_none_stay_apart_on_their_way() -> None:
    caller = Caller(address="a")
    left, cleared = UpdateMe(caller=caller), UpdateMe(caller=caller, name=None)

    both = [
        msgspec.msgpack.decode(msgspec.msgpack.encode(m), type=UpdateMe) for m in (left, cleared)
    ]

    assert both == [left, cleared]
    assert left != cleared


def test_a_message_cannot_be_changed() -> None:
    refused = SignInRefused(standing=Standing(Rule("r", 1, 1), 0, 0))

    with pytest.raises(AttributeError):
        refused.standing = None  # type: ignore[misc, assignment]


def test_a_storefront_view_carries_its_payment() -> None:
    hints = msgspec.structs.fields(StorefrontView)

    assert "document" in {field.name for field in hints}
    assert Payment in get_args(StorefrontDocument.__annotations__["payment"])
