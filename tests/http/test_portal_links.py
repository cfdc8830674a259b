import asyncio
import re
from collections import Counter

import pytest
import pytest_asyncio

from tests.http.doors import Door, Setup
from tests.http.guessing import guess, spend_guesses
from tests.http.knocking import Headers, cookie_header
from tests.http.shops import AUTH, BUYER, REFUSED, Shop, open_shop

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(loop_scope="session")
async def linked(shop: Shop) -> Shop:
    """A storefront whose buyer gets links: the guesses at their codes are spent."""
    await spend_guesses(shop)
    await shop.advance(60)
    await shop.request_code()
    return shop


async def test_a_link_signs_in_like_a_code(linked: Shop) -> None:
    answer = await linked.verify_link(await linked.link_token())

    assert answer.status == 200
    assert answer.data["client"]["email"] == BUYER
    assert re.fullmatch(
        rf"portal-{linked.slug}=[A-Za-z0-9_-]{{43}};"
        " Max-Age=2592000; Path=/; HttpOnly; SameSite=Lax",
        answer.cookies[0],
    )
    assert answer.cookies[1].startswith(f"device-{linked.slug}=")
    assert await linked.is_signed_in(answer.cookie("portal-"))


async def test_the_link_mail_holds_one_link_and_no_code(linked: Shop) -> None:
    mail = (await linked.mails(BUYER))[-1]

    (link,) = mail["links"]
    assert mail["code"] is None
    assert re.fullmatch(
        rf"{re.escape(linked.door.url)}/s/{linked.slug}/account/link\?token=l[A-Za-z0-9_-]{{43}}",
        link,
    )
    assert link in mail["text"]
    assert not re.search(r"\b[0-9]{6}\b", mail["subject"] + mail["text"].replace(link, ""))


async def test_a_link_works_once(linked: Shop) -> None:
    token = await linked.link_token()

    first = await linked.verify_link(token)
    second = await linked.verify_link(token)

    assert first.status == 200
    assert second.status == 401
    assert second.error == REFUSED
    assert second.cookies == []


async def test_of_fifty_uses_of_a_link_at_once_exactly_one_wins(linked: Shop) -> None:
    token = await linked.link_token()

    answers = await asyncio.gather(*(linked.verify_link(token) for _ in range(50)))

    assert Counter(answer.status for answer in answers) == {200: 1, 401: 49}


async def test_a_link_lives_ten_minutes(linked: Shop) -> None:
    token = await linked.link_token()
    await linked.advance(290)
    await linked.request_code()
    await linked.advance(305)
    in_time = await linked.verify_link(token)

    await linked.request_code()
    late = await linked.link_token()
    await linked.advance(600)

    assert in_time.status == 200
    assert (await linked.verify_link(late)).error == REFUSED


async def test_a_resend_mails_the_same_link_and_later_a_fresh_one_replaces_it(linked: Shop) -> None:
    first = await linked.link_token()
    await linked.request_code()
    again = await linked.link_token()
    await linked.advance(301)
    await linked.request_code()
    fresh = await linked.link_token()

    assert again == first
    assert fresh != first
    assert (await linked.verify_link(first)).error == REFUSED
    assert (await linked.verify_link(fresh)).status == 200


async def test_no_code_opens_what_a_link_was_mailed_for(linked: Shop) -> None:
    codes = [mail["code"] for mail in await linked.mails(BUYER) if mail["code"]]

    tries = [(await linked.verify(code)).status for code in (*codes, "000000", "")]

    assert set(tries) == {401}
    assert (await linked.verify_link(await linked.link_token())).status == 200


async def test_every_kind_of_dead_link_is_one_and_the_same_answer(linked: Shop) -> None:
    same = [("X-Request-Id", "same-request")]
    used = await linked.link_token()
    await linked.verify_link(used)
    await linked.request_code()
    live = await linked.link_token()

    answers = [
        await linked.verify_link(used, same),
        await linked.verify_link(live + "A", same),
        await linked.verify_link(live[1:], same),
        await linked.verify_link("l" + "A" * 43, same),
        await linked.verify_link("", same),
        await linked.verify_link("é" * 1_000, same),
    ]
    wrong_code = await linked.verify("000000", same, email="never-asked@x.io")

    assert len({str(answer.unmistakable()) for answer in (*answers, wrong_code)}) == 1
    assert answers[0].status == 401


async def test_a_link_of_one_storefront_is_none_at_another(linked: Shop) -> None:
    other = await open_shop(linked.door)
    token = await linked.link_token()

    assert (await other.verify_link(token)).error == REFUSED
    assert (await linked.verify_link(token)).status == 200


async def test_looking_at_a_link_neither_spends_it_nor_sets_a_cookie(linked: Shop) -> None:
    (link,) = (await linked.mails(BUYER))[-1]["links"]
    path, token = link.removeprefix(linked.door.url), await linked.link_token()
    visits = [
        await linked.door.client(method, where, headers=headers)
        for method in ("GET", "HEAD", "OPTIONS")
        for where in (
            path,
            f"{AUTH}/verify-link?storefrontSlug={linked.slug}&token={token}",
            f"{AUTH}/me?storefrontSlug={linked.slug}&token={token}",
        )
        for headers in ([], [("Sec-Purpose", "prefetch;prerender")])
    ]

    assert not any(visit.cookies for visit in visits)
    assert (await linked.verify_link(token)).status == 200


async def test_a_link_used_with_an_old_session_ends_that_session(linked: Shop) -> None:
    first = (await linked.verify_link(await linked.link_token())).cookie("portal-")
    await linked.request_code()

    second = await linked.verify_link(await linked.link_token(), [cookie_header(first)])

    assert second.cookie("portal-") != first
    assert not await linked.is_signed_in(first)
    assert await linked.is_signed_in(second.cookie("portal-"))


async def test_links_do_not_spend_guesses(linked: Shop) -> None:
    for _ in range(20):
        await linked.verify_link("l" + "A" * 43)
    await linked.advance(86_400)
    await linked.request_code()

    assert {answer.status for answer in await guess(linked, 4)} == {401}
    assert (await linked.verify(await linked.code())).status == 200


FORGED: list[Headers] = [
    [("Host", "evil.example")],
    [("X-Forwarded-Host", "evil.example")],
    [("X-Forwarded-For", "203.0.113.7"), ("X-Forwarded-Proto", "https")],
    [("Forwarded", "host=evil.example;proto=https")],
    [("Host", "evil.example"), ("X-Forwarded-Host", "evil.example"), ("X-Original-Host", "e.x")],
]


@pytest.mark.parametrize("headers", FORGED)
@pytest.mark.parametrize(
    ("door_setup", "document", "origin"),
    [
        (None, {"origin": "https://alpha.example"}, "https://alpha.example"),
        (None, {"hostedDomain": "shops.example"}, "https://SLUG.shops.example"),
        (Setup(public_url="https://door.example:8443"), {}, "https://door.example:8443"),
        (Setup(hosted_domain="door.example"), {}, "https://SLUG.door.example"),
        (
            Setup(public_url="http://door.example:8080", hosted_domain="door.example"),
            {},
            "http://SLUG.door.example:8080",
        ),
    ],
)
async def test_mail_links_lead_to_the_configured_origin_whatever_a_request_says(
    door: Door, document: dict[str, str], origin: str, headers: Headers
) -> None:
    shop = await open_shop(door, **document)
    await spend_guesses(shop)
    await shop.advance(60)

    asked = await shop.request_code(BUYER, headers)

    mail = (await shop.mails(BUYER))[-1]
    own = origin.replace("SLUG", shop.slug)
    assert asked.status == 200
    assert mail["links"][0].startswith(f"{own}/s/{shop.slug}/account/link?token=l")
    assert "evil" not in mail["text"] + mail["html"] + mail["subject"]


@pytest.mark.parametrize("headers", [*FORGED[:2], *FORGED[3:]])
async def test_where_nothing_is_configured_a_foreign_host_is_still_not_mailed(
    shop: Shop, headers: Headers
) -> None:
    await shop.request_code(BUYER, headers)

    (mail,) = await shop.mails(BUYER)
    assert "evil" not in mail["text"] + mail["html"] + mail["subject"]
    assert re.search(r"^@(localhost|127\.0\.0\.1) #[0-9]{6}$", mail["text"].splitlines()[-1])
