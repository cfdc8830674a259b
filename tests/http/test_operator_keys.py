import hashlib
import re
from uuid import UUID

import pytest

from doorward.actors.partitions import PARTITIONS, partition_of
from tests.http.doors import OPERATOR_KEY, STOREFRONTS, Door, Setup
from tests.http.knocking import Answer, bearer
from tests.http.shops import SANDBOX, Shop, open_shop
from tests.http.store_server import StoreServer

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def keys_of(shop: Shop, method: str, path: str = "", body: object = None) -> Answer:
    headers = [bearer(OPERATOR_KEY)]
    return await shop.door.client(method, f"{STOREFRONTS}/{shop.slug}/keys{path}", body, headers)


async def opens(shop: Shop, key: str) -> int:
    return (await shop.door.client.get(f"{SANDBOX}/mail", [bearer(key)])).status


@pytest.mark.parametrize(("kind", "prefix"), [("publishable", "pk"), ("secret", "sk")])
async def test_a_new_key_is_shown_once_and_leads_to_its_storefront(
    shop: Shop, kind: str, prefix: str
) -> None:
    scopes = ["orders:read", "policy:write"]

    answer = await keys_of(shop, "POST", "", {"kind": kind, "name": "Büro", "scopes": scopes})

    made = answer.body
    form = re.fullmatch(rf"{prefix}_live_([0-9a-f]{{6}})_[A-Za-z0-9_-]{{43}}", made["key"])
    assert answer.status == 201
    assert form
    assert int(form[1], 16) % PARTITIONS == partition_of(shop.slug)
    assert made == {
        "id": str(UUID(made["id"], version=4)),
        "kind": kind,
        "name": "Büro",
        "scopes": scopes,
        "createdAt": made["createdAt"],
        "key": made["key"],
    }
    listed = await keys_of(shop, "GET")
    del made["key"]
    assert listed.body["items"][-1] == made
    assert form[0].encode() not in listed.raw


async def test_keys_are_listed_oldest_first(shop: Shop) -> None:
    for name in ("one", "two"):
        await keys_of(shop, "POST", "", {"kind": "secret", "name": name})

    body = (await keys_of(shop, "GET")).body

    assert [item["name"] for item in body["items"]] == ["tests", "one", "two"]
    assert body["nextCursor"] is None


async def test_a_revoked_key_opens_nothing_at_once(shop: Shop) -> None:
    made = (await keys_of(shop, "POST", "", {"kind": "secret", "name": "x"})).body
    before = await opens(shop, made["key"])

    revoked = await keys_of(shop, "DELETE", f"/{made['id']}")

    assert before == 200
    assert (revoked.status, revoked.raw) == (204, b"")
    assert await opens(shop, made["key"]) == 401
    assert await opens(shop, shop.key) == 200
    assert (await keys_of(shop, "DELETE", f"/{made['id']}")).status == 404


async def test_another_storefronts_key_cannot_be_revoked_here(door: Door, shop: Shop) -> None:
    other = await open_shop(door)
    (theirs,) = (await keys_of(other, "GET")).body["items"]

    assert (await keys_of(shop, "DELETE", f"/{theirs['id']}")).status == 404
    assert await opens(other, other.key) == 200


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ({}, "kind"),
        ({"kind": "secret"}, "name"),
        ({"kind": "public", "name": "x"}, "kind"),
        ({"kind": 7, "name": "x"}, "kind"),
        ({"kind": "secret", "name": ""}, "name"),
        ({"kind": "secret", "name": "x" * 101}, "name"),
        ({"kind": "secret", "name": "a\nb"}, "name"),
        ({"kind": "secret", "name": 7}, "name"),
        ({"kind": "secret", "name": "x", "scopes": ["everything"]}, "scopes"),
        ({"kind": "secret", "name": "x", "scopes": "orders:read"}, "scopes"),
        ({"kind": "secret", "name": "x", "scopes": [7]}, "scopes"),
    ],
)
async def test_a_key_that_breaks_a_rule_is_not_made(
    shop: Shop, body: dict[str, object], names: str
) -> None:
    answer = await keys_of(shop, "POST", "", body)

    assert answer.status == 400
    assert answer.body["code"] == "VALIDATION_ERROR"
    assert answer.body["message"].startswith(names)
    assert len((await keys_of(shop, "GET")).body["items"]) == 1


async def test_what_was_sent_is_not_sent_back(shop: Shop) -> None:
    canary = "zz-canary-zz"

    answers = [
        await keys_of(shop, "POST", "", {"kind": canary, "name": "x"}),
        await keys_of(shop, "POST", "", {"kind": "secret", "name": f"{canary}\n"}),
        await keys_of(shop, "POST", "", {"kind": "secret", "name": "x", "scopes": [canary]}),
        await keys_of(shop, "DELETE", f"/{canary}"),
    ]

    assert [answer.status for answer in answers] == [400, 400, 400, 404]
    assert not [answer for answer in answers if canary.encode() in answer.raw]


async def test_a_storefront_holds_a_hundred_keys(shop: Shop) -> None:
    made = [
        (await keys_of(shop, "POST", "", {"kind": "publishable", "name": str(n)})).status
        for n in range(100)
    ]

    refused = await keys_of(shop, "POST", "", {"kind": "publishable", "name": "x"})

    assert made == [201] * 99 + [409]
    assert refused.body["code"] == "CONFLICT"
    assert await opens(shop, shop.key) == 200


async def test_keys_of_no_storefront_are_404(door: Door) -> None:
    nobody = Shop(door, "no-such-shop", "")

    answers = [
        await keys_of(nobody, "POST", "", {"kind": "secret", "name": "x"}),
        await keys_of(nobody, "GET"),
        await keys_of(nobody, "DELETE", "/1"),
    ]

    assert [answer.status for answer in answers] == [404] * 3


@pytest.mark.parametrize("door_setup", [Setup()])
async def test_at_rest_there_are_only_hashes(door: Door, store_of_one: StoreServer) -> None:
    shop = await open_shop(door)
    signed_in = await shop.sign_in()
    await shop.request_code()
    code = await shop.code()
    secrets = [
        shop.key,
        shop.key.split("_", 3)[3],
        *(cookie.partition("=")[2].partition(";")[0] for cookie in signed_in.cookies),
    ]

    values = [*await everything_stored(door), store_of_one.append_only_bytes()]

    digest = hashlib.sha256(shop.key.encode()).hexdigest()
    assert sum(digest.encode() in value for value in values) >= 2
    for value in values:
        assert not [secret for secret in secrets if secret.encode() in value]
        assert not re.search(rb"(?<![0-9])%s(?![0-9])" % code.encode(), value)


async def everything_stored(door: Door) -> list[bytes]:
    """Return every key and value in the store, whatever its type."""
    stored: list[bytes] = []
    for key in await door.keys():
        kept: object = await door.store.dump(key)
        if await door.store.type(key) == b"string":
            # A dump may be compressed, what is read is not.
            kept = await door.store.get(key)
        stored += [key, kept if isinstance(kept, bytes) else b""]
    return stored
