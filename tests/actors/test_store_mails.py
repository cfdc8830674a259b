"""Mails about passwords: what they say, where they lead, and who is mailed nothing."""

import re
from collections.abc import Callable
from html.parser import HTMLParser
from typing import get_args

import msgspec
import pytest

from doorward.actors import tokens
from doorward.actors.desks import store_mails
from doorward.actors.keyring import Keyring
from doorward.actors.locales import LANGUAGES
from doorward.actors.messages.envelope import Caller
from doorward.actors.opening import opened
from doorward.actors.partitions import record_prefix
from doorward.actors.post.mail import Mail
from doorward.actors.post.message import message
from doorward.actors.post.rendering import render
from doorward.actors.records.account import Action, ActionToken, ActionTokens
from doorward.actors.records.codec import decode_job, encode
from doorward.actors.records.mail import AccountLetter, AccountNews
from doorward.actors.records.sign_in import Customer, Password
from doorward.actors.records.storefronts import Storefront
from doorward.actors.turns import DAY_MS, HOUR_MS, MINUTE_MS, Place, Turn
from tests.actors.mailing import KEYRING, NOW_MS, PLACE, SHOP, Desk, with_

NEWS: tuple[AccountNews, ...] = get_args(AccountNews)
ACTIONS: dict[AccountNews, Action] = {
    "confirm_email": "confirm_email",
    "new_device": "revoke_sessions",
    "password_changed": "restore_password",
    "locked": "unlock_password",
    "password_disabled": "set_password",
    "set_password": "set_password",
}
LIVES_MS: dict[AccountNews, int] = {
    "confirm_email": 7 * DAY_MS,
    "new_device": 7 * DAY_MS,
    "password_changed": 7 * DAY_MS,
    "locked": HOUR_MS,
    "password_disabled": 7 * DAY_MS,
    "set_password": HOUR_MS,
}
CALLER = Caller(address="203.0.113.77", device_label="Firefox on Linux")
HOSTED = with_(hosted_domain="shops.example")
ANN = Customer(
    "c1",
    "ann@example.org",
    email_verified=False,
    created_at_ms=1,
    password=Password("$argon2id$x", NOW_MS - 5),
)


def mailed(
    news: AccountNews,
    shop: Storefront = HOSTED,
    *,
    place: Place = PLACE,
    customer: Customer | None = ANN,
    caller: Caller = CALLER,
    desk: Desk | None = None,
) -> Desk:
    """Stage a mail; of nobody where there is no customer."""
    desk = desk or Desk(shop, place)
    desk.shop = shop

    def stage(turn: Turn, storefront: Storefront, _order: object) -> None:
        send: Callable[..., None] = getattr(store_mails, news)
        if news in {"locked", "password_disabled", "set_password"}:
            send(turn, storefront, ANN.email, customer, caller)
        else:
            send(turn, storefront, customer, caller)

    desk.run(stage)
    return desk


def token_in(desk: Desk) -> str:
    return (desk.mail().link or "").rpartition("/")[2]


def kept(desk: Desk) -> dict[str, object]:
    prefix = record_prefix("alpha")
    return {key.removeprefix(prefix): record for key, record in desk.memory.records.items()}


class Text(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.text = ""
        self.links: list[str | None] = []
        self.feed(re.sub(r"<(style|title)>.*?</\1>", "", html, flags=re.DOTALL))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.links.append(dict(attrs)["href"])

    def handle_data(self, data: str) -> None:
        self.text += data


# --- the link -------------------------------------------------------------------------------------


@pytest.mark.parametrize("news", NEWS)
def test_the_link_holds_a_token_that_does_what_the_mail_is_about(news: AccountNews) -> None:
    desk = mailed(news)

    token = token_in(desk)
    family = "p" if ACTIONS[news] == "set_password" else "a"
    assert re.fullmatch(f"{family}[a-z0-9]{{25}}", token)
    assert desk.mail().link == f"https://alpha.shops.example/actions/{token}"
    record = kept(desk)[f"action-token:{tokens.digest(token)}"]
    assert isinstance(record, ActionToken)
    assert (record.action, record.email) == (ACTIONS[news], ANN.email)
    assert record.expires_at_ms == NOW_MS + LIVES_MS[news] == desk.jobs[0].expires_at_ms
    listed = kept(desk)[f"action-tokens:{tokens.email_id(ANN.email)}"]
    assert isinstance(listed, ActionTokens)
    assert [entry.digest for entry in listed.entries] == [tokens.digest(token)]


def test_a_long_lock_can_be_ended_while_it_lasts() -> None:
    desk = mailed("locked", with_(policy=b'{"passwords":{"lock":7200}}'))

    assert desk.jobs[0].expires_at_ms == NOW_MS + 2 * HOUR_MS


@pytest.mark.parametrize("news", NEWS)
@pytest.mark.parametrize(
    ("shop", "place", "page"),
    [
        ({"origin": "https://own.example"}, PLACE, "https://own.example/actions/"),
        ({}, PLACE, "https://door.example/s/alpha/account/actions/"),
        (
            {},
            Place(KEYRING, fallback_origin="http://localhost:8099"),
            "http://alpha.localhost:8099/actions/",
        ),
    ],
)
def test_it_leads_to_a_page_that_is_there(
    news: AccountNews, shop: dict[str, object], place: Place, page: str
) -> None:
    desk = mailed(news, with_(**shop), place=place)

    assert (desk.mail().link or "").removesuffix(token_in(desk)) == page


@pytest.mark.parametrize("news", NEWS)
def test_neither_the_job_nor_its_stored_form_holds_the_token(news: AccountNews) -> None:
    desk = mailed(news)

    token = token_in(desk)
    assert token.encode() not in encode(desk.jobs[0])
    assert token not in repr(desk.jobs[0]) + repr(desk.mail())
    assert decode_job(encode(desk.jobs[0])) == desk.jobs[0]


@pytest.mark.parametrize("news", NEWS)
def test_a_token_whose_master_key_is_gone_is_not_mailed(news: AccountNews) -> None:
    desk = mailed(news)

    assert opened(desk.jobs[0], Keyring([b"n" * 32]), at_ms=NOW_MS) is None


# --- who is mailed --------------------------------------------------------------------------------


@pytest.mark.parametrize("news", ["locked", "password_disabled", "set_password"])
def test_an_unknown_email_costs_the_same_and_is_mailed_nothing(news: AccountNews) -> None:
    known, unknown = mailed(news), mailed(news, customer=None)

    assert kept(known) == kept(unknown)
    assert [job.is_blank for job in known.jobs + unknown.jobs] == [False, True]
    blank = opened(unknown.jobs[0], KEYRING, at_ms=NOW_MS)
    assert blank is not None
    assert len(encode(known.jobs[0])) - len(encode(unknown.jobs[0])) < 16


def test_a_sandbox_storefront_keeps_nothing_blank() -> None:
    shop = with_(sandbox=True)

    assert len(mailed("set_password", shop).captured()) == 1
    assert mailed("set_password", shop, customer=None).captured() == []


@pytest.mark.parametrize("news", ["locked", "password_disabled"])
def test_who_has_no_password_is_told_nothing_of_it(news: AccountNews) -> None:
    bea = Customer("c1", ANN.email, email_verified=True, created_at_ms=1)

    assert mailed(news, customer=bea).jobs[0].is_blank


def test_what_may_be_blank_or_is_waited_for_is_urgent_and_the_rest_is_not() -> None:
    urgent = {news for news in NEWS if mailed(news).jobs[0].letter.urgent}

    assert urgent == {"confirm_email", "locked", "password_disabled", "set_password"}


def test_an_erased_person_is_mailed_nothing() -> None:
    gone = Customer("c1", "erased-1@erased.invalid", email_verified=True, created_at_ms=1)

    assert mailed("password_changed", customer=gone).jobs == []


# --- words ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("locale", LANGUAGES)
@pytest.mark.parametrize("news", NEWS)
def test_every_mail_has_one_link_and_says_the_same_twice(news: AccountNews, locale: str) -> None:
    desk = mailed(news, with_(hosted_domain="shops.example", locale=locale))
    mail = desk.mail()

    rendered = render(mail)

    page = Text(rendered.html)
    assert page.links == [mail.link]
    assert rendered.text.count("://") == 1
    assert f'<html lang="{locale}"' in rendered.html
    assert SHOP.display_name in rendered.subject
    assert "{" not in rendered.subject + rendered.text + page.text
    assert str(SHOP.branding.accent) in rendered.html
    for line in rendered.text.split("\n"):
        assert line in page.text or line.endswith(":")


def test_the_words_are_those_of_who_asks_or_else_of_whom_it_is_about() -> None:
    caller = Caller(address="x", locale="id")
    ann = Customer(
        "c1", ANN.email, email_verified=True, created_at_ms=1, locale="en", password=ANN.password
    )

    found = {news: mailed(news, customer=ann, caller=caller).jobs[0].locale for news in NEWS}

    assert found == {
        "confirm_email": "id",
        "set_password": "id",
        "new_device": "en",
        "password_changed": "en",
        "locked": "en",
        "password_disabled": "en",
    }


def test_a_new_device_is_named_with_time_and_network_but_no_whole_address() -> None:
    text = render(
        mailed("new_device", with_(hosted_domain="shops.example", locale="en")).mail()
    ).text

    assert "When: Jan 15, 2027, 08:00 UTC" in text
    assert "Device: Firefox on Linux" in text
    assert "Network: 203.0.113.0/24" in text
    assert "203.0.113.77" not in text


def test_what_is_not_known_of_a_device_is_left_out() -> None:
    text = render(mailed("new_device", caller=Caller(address="nowhere")).mail()).text

    assert "Device:" not in text
    assert "Network:" not in text


@pytest.mark.parametrize("news", [news for news in NEWS if news != "new_device"])
def test_no_other_mail_tells_who_came(news: AccountNews) -> None:
    desk = mailed(news)

    for told in (render(desk.mail()).text, repr(desk.jobs)):
        assert "Firefox" not in told
        assert "203.0.113" not in told


def test_a_label_is_hostile_text() -> None:
    hostile = "Alpha\r\nBcc: thief@evil.test\u202e" + "x" * 100
    mail = mailed("new_device", caller=Caller(address="x", device_label=hostile)).mail()

    rendered = render(mail)

    assert "\nBcc" not in rendered.text
    assert "\u202e" not in rendered.text
    assert message(rendered, mail, "door@mail.example").isascii()


def test_a_letter_prints_its_token_nowhere() -> None:
    desk = mailed("set_password")

    assert token_in(desk) not in repr(desk.mail().content)
    letter = desk.jobs[0].letter
    assert isinstance(letter, AccountLetter)
    assert letter.until_ms == NOW_MS + 60 * MINUTE_MS


@pytest.mark.parametrize("news", NEWS)
def test_a_mail_travels_as_bytes_and_leads_nowhere_else(news: AccountNews) -> None:
    mail = mailed(news).mail()

    assert msgspec.msgpack.decode(msgspec.msgpack.encode(mail), type=Mail) == mail
    elsewhere = msgspec.structs.replace(mail.content, link="https://evil.test/actions/a1")
    with pytest.raises(ValueError, match="malformed mail: link"):
        msgspec.structs.replace(mail, content=elsewhere)


def test_a_token_that_sets_a_password_is_of_a_family_of_its_own() -> None:
    given = KEYRING.newest, SHOP.life("alpha"), b"i" * 20

    assert KEYRING.password_token(*given)[1:] != KEYRING.action_token(*given)[1:]
    assert KEYRING.password_token(*given) == KEYRING.password_token(*given)
