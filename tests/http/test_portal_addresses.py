import asyncio
from collections import Counter

import pytest

from tests.http.doors import Door, Setup
from tests.http.knocking import Headers, bearer, client_from, cookie_header
from tests.http.shops import AUTH, Shop, open_shop

pytestmark = pytest.mark.asyncio(loop_scope="session")

ONE_EACH = {"codes": {"perAddressPerMinute": 1}}
BEHIND_PROXIES = Setup(trusted_proxies=("127.0.0.1", "10.0.0.0/8", "2001:db8:aaaa::/48"))


async def asked(shop: Shop, *headers: Headers) -> list[int]:
    """Ask for a code once with each of these headers, each for another mailbox."""
    return [
        (await shop.request_code(f"b{number}@example.org", each)).status
        for number, each in enumerate(headers)
    ]


def forwarded(*values: str) -> Headers:
    return [("X-Forwarded-For", value) for value in values]


@pytest.mark.parametrize(
    "name", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "True-Client-IP", "CF-Connecting-IP"]
)
async def test_from_strangers_no_header_changes_whose_budget_it_is(door: Door, name: str) -> None:
    shop = await open_shop(door, policy=ONE_EACH)

    statuses = await asked(
        shop, [], *([(name, f"203.0.113.{n}")] for n in range(3)), [(name, "for=203.0.113.9")]
    )

    assert statuses == [200, 429, 429, 429, 429]


@pytest.mark.parametrize("door_setup", [BEHIND_PROXIES])
async def test_behind_a_trusted_proxy_each_client_has_a_budget(door: Door) -> None:
    shop = await open_shop(door, policy=ONE_EACH)

    statuses = await asked(
        shop,
        forwarded("203.0.113.1"),
        forwarded("203.0.113.2"),
        forwarded("203.0.113.1"),
    )

    assert statuses == [200, 200, 429]


@pytest.mark.parametrize("door_setup", [BEHIND_PROXIES])
async def test_what_a_client_writes_before_its_own_address_changes_nothing(door: Door) -> None:
    shop = await open_shop(door, policy=ONE_EACH)

    statuses = await asked(
        shop,
        forwarded("203.0.113.1"),
        forwarded("198.51.100.7, 203.0.113.1"),
        forwarded("198.51.100.8", "203.0.113.1"),
        forwarded("198.51.100.9, 203.0.113.1, 10.1.2.3"),
        forwarded("garbage, 203.0.113.1 , 10.9.9.9 "),
        [*forwarded("203.0.113.1"), ("Forwarded", "for=198.51.100.1")],
        [*forwarded("203.0.113.1"), ("X-Real-IP", "198.51.100.1")],
    )

    assert statuses == [200] + [429] * 6


@pytest.mark.parametrize("door_setup", [BEHIND_PROXIES])
async def test_a_slash_64_of_ipv6_is_one_client(door: Door) -> None:
    shop = await open_shop(door, policy=ONE_EACH)

    statuses = await asked(
        shop,
        forwarded("2001:db8:1:2::1"),
        forwarded("2001:db8:1:2:ffff:ffff:ffff:ffff"),
        forwarded("[2001:DB8:1:2::3]:443"),
        forwarded("2001:db8:1:3::1"),
        forwarded("::ffff:203.0.113.1"),
        forwarded("203.0.113.1"),
    )

    assert statuses == [200, 429, 429, 200, 200, 429]


async def test_each_socket_address_has_a_budget_and_each_mailbox_too(door: Door) -> None:
    shop = await open_shop(door, policy={"codes": {"perAddressPerMinute": 5}})
    counted: Counter[int] = Counter()
    for last in range(2, 8):
        async with client_from(door.url, f"127.0.0.{last}") as client:
            answers = await asyncio.gather(
                *(shop.request_code(f"b{n}-{last}@example.org", by=client) for n in range(8))
            )
        counted.update(answer.status for answer in answers)

    assert counted == {200: 30, 429: 18}


async def test_a_servers_own_key_may_assert_the_shoppers_address(door: Door) -> None:
    shop = await open_shop(door, policy=ONE_EACH)
    key = ("X-Doorward-Key", shop.key)

    statuses = await asked(
        shop,
        [key, *forwarded("203.0.113.1")],
        [key, *forwarded("203.0.113.2")],
        [key, *forwarded("198.51.100.1, 203.0.113.2")],
        [bearer(shop.key), *forwarded("203.0.113.3")],
        forwarded("203.0.113.4"),
    )

    assert statuses == [200, 200, 429, 200, 429]


async def test_a_key_that_is_not_this_storefronts_asserts_nothing(door: Door) -> None:
    shop, other = await open_shop(door, policy=ONE_EACH), await open_shop(door)
    public = await door.operate(
        "POST", f"/{shop.slug}/keys", {"kind": "publishable", "name": "page"}
    )
    await shop.request_code("first@example.org")

    statuses = {
        key: (await asked(shop, [("X-Doorward-Key", key), *forwarded("203.0.113.1")]))[0]
        for key in (other.key, str(public["key"]), "sk_live_" + "0" * 50, "")
    }

    assert 200 not in statuses.values()


async def test_a_wrong_key_beside_a_call_is_refused_and_me_still_never_says_401(
    shop: Shop,
) -> None:
    session = await shop.session()
    wrong = ("X-Doorward-Key", "sk_live_000000_" + "A" * 43)
    path = f"{AUTH}/me?storefrontSlug={shop.slug}"

    asked = await shop.request_code("new@example.org", [wrong])
    signed_out = await shop.sign_out(session, headers=[wrong])
    me = await shop.door.client.get(path, [wrong, cookie_header(session)])

    assert [asked.status, signed_out.status] == [401, 401]
    assert asked.error["code"] == "KEY_REQUIRED"
    assert me.status != 401
    assert await shop.is_signed_in(session)
