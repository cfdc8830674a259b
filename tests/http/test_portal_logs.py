import pytest

from doorward.actors.ledger import Event
from tests.http.guessing import guess, spend_guesses
from tests.http.knocking import cookie_header
from tests.http.shops import Shop

pytestmark = pytest.mark.asyncio(loop_scope="session")

ID = ("X-Request-Id", "the-request-in-question")


def told(shop: Shop, name: str) -> list[Event]:
    """Return what was told of this storefront under one name."""
    return [event for event in shop.door.events if (event.slug, event.name) == (shop.slug, name)]


async def test_each_thing_that_matters_is_told_once_with_storefront_and_request(
    shop: Shop,
) -> None:
    session = await shop.session()
    await shop.request_code()
    await shop.verify("no code", [ID])
    await shop.verify(await shop.code(), [ID])
    await shop.sign_out(session, headers=[ID])
    await shop.sign_out(headers=[ID])
    await shop.sign_out(headers=[ID, ("Origin", "https://evil.example")])

    named = {
        name: [event.fields["request_id"] for event in told(shop, name)][-1:]
        for name in (*("signed_in", "sign_in_refused", "signed_out", "origin_refused"),)
    }

    assert named == {name: [ID[1]] for name in named}
    assert len(told(shop, "signed_in")) == 2
    assert len(told(shop, "sign_in_refused")) == 1
    assert len(told(shop, "signed_out")) == 1


async def test_nothing_that_is_told_holds_a_secret_or_a_mailbox(shop: Shop) -> None:
    odd = "buyer+Tag@example.org"
    signed_in = await shop.sign_in(odd)
    await shop.request_code(odd)
    await guess(shop, 3, email=odd)
    await spend_guesses(shop, "linked@example.org")
    await shop.advance(60)
    await shop.request_code("linked@example.org")
    token = await shop.link_token("linked@example.org")
    await shop.verify_link(token + "x")
    linked = await shop.verify_link(token)
    await shop.sign_out(linked.cookie("portal-"))
    await shop.request_code("forged\r\nX: y@x.io", [("User-Agent", "evil\tagent")])

    texts = [f"{event.name} {dict(event.fields)}" for event in shop.door.events]
    secrets = [
        shop.key,
        token,
        "buyer+tag@example.org",
        "linked@example.org",
        *(cookie.partition("=")[2].partition(";")[0] for cookie in signed_in.cookies),
        *(cookie.partition("=")[2].partition(";")[0] for cookie in linked.cookies),
    ]
    codes = [f"'{mail['code']}'" for mail in await shop.mails() if mail["code"]]

    assert len(codes) == 4
    assert told(shop, "signed_in")
    for text in texts:
        assert not [secret for secret in (*secrets, *codes) if secret in text]
        assert "@" not in text


async def test_what_is_refused_before_a_storefront_is_asked_is_not_told_as_its_event(
    shop: Shop,
) -> None:
    before = len(shop.door.events)

    await shop.me("x=1", "x=2")
    await shop.door.client.post("/api/v1/client-auth/signout", None, [cookie_header("x=1")])

    assert len(shop.door.events) == before
