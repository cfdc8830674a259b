import pytest

from doorward.actors.desks import mails
from doorward.actors.desks.landings import account_origin
from doorward.actors.messages.envelope import Caller
from doorward.actors.post.rendering import render
from doorward.actors.records.sign_in import Challenge
from doorward.actors.records.storefronts import Storefront
from doorward.actors.turns import MINUTE_MS, Place, Turn
from tests.actors.mailing import KEYRING, NOW_MS, PLACE, SHOP, Desk, with_

NOTHING_SET = Place(KEYRING, fallback_origin="http://localhost:8099")
CALLER = Caller(address="x")
CHALLENGE = Challenge(
    id=b"c" * 16,
    key_id=KEYRING.newest,
    issued_at_ms=NOW_MS,
    expires_at_ms=NOW_MS + 10 * MINUTE_MS,
    has_code=True,
    has_link=True,
)
CODE = KEYRING.code(KEYRING.newest, SHOP.life("alpha"), CHALLENGE.id)
TOKEN = KEYRING.link_token(KEYRING.newest, SHOP.life("alpha"), CHALLENGE.id)


def sign_in_of(desk: Desk, caller: Caller = CALLER) -> None:
    def send(turn: Turn, storefront: Storefront, challenge: Challenge) -> None:
        mails.send_account_sign_in(turn, storefront, challenge, to="ann@example.org", caller=caller)

    desk.run(send, CHALLENGE)


@pytest.mark.parametrize(
    ("shop", "place", "origin"),
    [
        ({"origin": "https://own.example"}, PLACE, "https://own.example"),
        (
            {"origin": "https://own.example", "hosted_domain": "shops.example"},
            PLACE,
            "https://own.example",
        ),
        ({"hosted_domain": "shops.example"}, PLACE, "https://alpha.shops.example"),
        (
            {},
            Place(KEYRING, "https://door.example:8443", "all.example"),
            "https://alpha.all.example:8443",
        ),
        ({}, PLACE, None),
        ({}, NOTHING_SET, "http://alpha.localhost:8099"),
    ],
)
def test_the_accounts_pages_lie_below_an_origin_of_the_storefronts_own(
    shop: dict[str, object], place: Place, origin: str | None
) -> None:
    desk = Desk(with_(**shop), place)

    assert desk.run(lambda turn, storefront, _: account_origin(turn, storefront)) == origin


@pytest.mark.parametrize(
    ("sent_to", "origin"),
    [
        ("http://127.0.0.1:9000", "http://alpha.localhost:9000"),
        ("http://[::1]:9000", "http://alpha.localhost:9000"),
        ("http://bravo.localhost:9000", "http://alpha.localhost:9000"),
        ("https://localhost", "https://alpha.localhost"),
    ],
)
def test_in_development_only_scheme_and_port_come_from_the_request(
    sent_to: str, origin: str
) -> None:
    desk = Desk(SHOP, NOTHING_SET)

    sign_in_of(desk, Caller(address="x", own_origin=sent_to))

    assert desk.mail().link == f"{origin}/account/link?token={TOKEN}"


def test_a_sign_in_mail_of_the_account_carries_link_and_code() -> None:
    desk = Desk(with_(hosted_domain="shops.example"))

    sign_in_of(desk)

    mail, rendered = desk.mail(), render(desk.mail())
    assert mail.code == CODE
    assert mail.link == f"https://alpha.shops.example/account/link?token={TOKEN}"
    assert rendered.subject == f"{CODE} is your Toko Kopi code"
    assert rendered.text.rpartition("\n")[2] == f"@alpha.shops.example #{CODE}"
    assert mail.link in rendered.text.split("\n")
    assert f">{CODE} is your sign-in code." in rendered.html
    assert desk.jobs[0].letter.urgent


def test_without_a_host_of_the_storefronts_own_the_link_leads_to_the_portals_page() -> None:
    desk = Desk()

    sign_in_of(desk)

    assert desk.mail().link == f"https://door.example/s/alpha/account/link?token={TOKEN}"


def test_a_request_to_elsewhere_does_not_change_where_a_configured_link_leads() -> None:
    desk = Desk(with_(hosted_domain="shops.example"))

    sign_in_of(desk, Caller(address="x", own_origin="http://evil.localhost:1", origin="x"))

    assert (desk.mail().link or "").startswith("https://alpha.shops.example/account/link?")


def test_a_sign_in_mail_is_written_in_the_requesters_language() -> None:
    desk = Desk(with_(hosted_domain="shops.example"))
    desk.customer("en")

    sign_in_of(desk, Caller(address="x", locale="id"))

    assert desk.jobs[0].locale == "id"
