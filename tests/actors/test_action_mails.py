import re
from typing import get_args

import pytest

from doorward.actors.desks import action_mails
from doorward.actors.desks.action_mails import Minted
from doorward.actors.keyring import Keyring
from doorward.actors.opening import opened
from doorward.actors.post.rendering import render
from doorward.actors.records.account import Action
from doorward.actors.records.codec import decode_job, encode
from doorward.actors.turns import DAY_MS
from tests.actors.mailing import KEYRING, NOW_MS, SHOP, Desk, with_

ACTIONS: tuple[Action, ...] = get_args(Action)
TOKEN_ID = b"i" * 20
UNTIL_MS = NOW_MS + 7 * DAY_MS


def token_for(action: Action, number: str | None = None) -> Minted:
    return Minted(action, "ann@example.org", TOKEN_ID, UNTIL_MS, number)


@pytest.mark.parametrize("action", ACTIONS)
def test_the_mailed_link_holds_the_very_token_that_was_minted(action: Action) -> None:
    desk = Desk(with_(hosted_domain="shops.example"))
    token = KEYRING.action_token(KEYRING.newest, SHOP.life("alpha"), TOKEN_ID)

    mailed = desk.run(action_mails.minted, token_for(action))

    assert mailed is True
    assert re.fullmatch(r"a[a-z0-9]{25}", token)
    assert desk.mail().link == f"https://alpha.shops.example/actions/{token}"
    assert (desk.mail().to, desk.mail().code) == ("ann@example.org", None)
    assert desk.jobs[0].expires_at_ms == UNTIL_MS


def test_neither_the_job_nor_its_stored_form_holds_the_token() -> None:
    desk = Desk(with_(hosted_domain="shops.example"))
    token = KEYRING.action_token(KEYRING.newest, SHOP.life("alpha"), TOKEN_ID)

    desk.run(action_mails.minted, token_for("confirm_email"))

    assert token.encode() not in encode(desk.jobs[0])
    assert token not in repr(desk.jobs[0]) + repr(desk.mail())
    assert decode_job(encode(desk.jobs[0])) == desk.jobs[0]


def test_a_token_whose_master_key_is_gone_is_not_mailed() -> None:
    desk = Desk(with_(hosted_domain="shops.example"))

    desk.run(action_mails.minted, token_for("confirm_email"))

    assert opened(desk.jobs[0], Keyring([b"n" * 32]), at_ms=NOW_MS) is None


def test_an_action_about_an_order_names_it() -> None:
    desk = Desk(with_(hosted_domain="shops.example"))

    desk.run(action_mails.minted, token_for("start_return", "1042"))
    desk.run(action_mails.minted, token_for("revoke_sessions"))

    about, general = render(desk.mail(0)), render(desk.mail(1))
    assert about.subject == "Order 1042: Return items"
    assert "Order: 1042\n" in about.text
    assert general.subject == "Toko Kopi: Sign out everywhere"
    assert "Order" not in general.text


def test_the_mail_says_until_when_the_link_works() -> None:
    desk = Desk(with_(hosted_domain="shops.example"))

    desk.run(action_mails.minted, token_for("cancel_return", "1042"))

    assert "The link works once, until Jan 22, 2027, 08:00 UTC." in render(desk.mail()).text


@pytest.mark.parametrize("shop", [{}, {"hosted_domain": "shops.example", "published": False}])
def test_a_link_that_would_lead_nowhere_is_not_mailed(shop: dict[str, object]) -> None:
    desk = Desk(with_(**shop))

    assert desk.run(action_mails.minted, token_for("confirm_email")) is False
    assert desk.jobs == []


def test_an_action_is_told_in_the_language_of_the_last_sign_in() -> None:
    desk = Desk(with_(hosted_domain="shops.example"))
    desk.customer("id")

    desk.run(action_mails.minted, token_for("confirm_email"))

    assert render(desk.mail()).subject == "Toko Kopi: Konfirmasi alamat email Anda"


def test_a_sandbox_storefronts_action_mail_is_captured_in_its_place() -> None:
    desk = Desk(with_(hosted_domain="shops.example", sandbox=True))

    desk.run(action_mails.minted, token_for("confirm_email"))

    (job,) = desk.captured()
    mail = opened(job, KEYRING, at_ms=NOW_MS)
    assert desk.jobs == []
    assert mail is not None
    assert (mail.link or "").startswith("https://alpha.shops.example/actions/a")
