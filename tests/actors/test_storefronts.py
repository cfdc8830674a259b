import msgspec
import pytest

from doorward.actors.desks.storefronts import is_origin
from doorward.actors.keyring import Keyring
from doorward.actors.messages.envelope import Caller, Outcome
from doorward.actors.messages.operator import (
    AddKey,
    DeleteStorefront,
    EraseRecords,
    GetStorefront,
    KeyMade,
    PutStorefront,
    StorefrontDocument,
    StorefrontView,
)
from doorward.actors.messages.refusals import (
    Conflict,
    Deleted,
    Invalid,
    KeyRefused,
    NotFound,
    TooMany,
)
from doorward.actors.messages.sandbox import AdvanceClock, ClockNow, MailList, ReadMail
from doorward.actors.messages.sign_in import (
    CodeSent,
    Front,
    Me,
    ReadFront,
    RequestCode,
    SignedIn,
    SignInRefused,
)
from doorward.actors.partitions import record_prefix
from doorward.actors.records.storefronts import BankAccount, Payment
from doorward.actors.tokens import digest
from doorward.actors.turns import Place
from tests.actors.harness import CALLER, EMAIL, MASTER_KEY, World

DAY = 86_400


@pytest.fixture
async def world() -> World:
    return await World().open()


FULL = StorefrontDocument(
    display_name="Alpha Shop",
    published=True,
    origin="https://alpha.example:8443",
    hosted_domain="shops.example",
    headless=True,
    allowed_origins=("https://a.example", "http://localhost:3000"),
    payment=Payment((BankAccount("BCA", "123", "Alpha"),), "Transfer please\nThanks", "+62812"),
    return_to_store_url="https://alpha.example/shop?x=1",
    accent="#2f6f4F",
    logo_url="https://alpha.example/logo.png",
    policy=b'{"codes":{"perEmailPerMinute":5}}',
    sandbox=False,
    locale="id",
)


async def put(world: World, document: StorefrontDocument, slug: str = "alpha") -> Outcome:
    return await world.ask(slug, PutStorefront(document=document))


def with_(**changes: object) -> StorefrontDocument:
    return msgspec.structs.replace(FULL, **changes)


async def test_a_storefront_is_read_as_it_was_written(world: World) -> None:
    made = await put(world, FULL)

    read = await world.ask("alpha", GetStorefront())

    assert isinstance(made, StorefrontView)
    assert made.created
    assert made.document == FULL
    assert read == msgspec.structs.replace(made, created=False)


async def test_writing_again_changes_it_and_resets_what_is_left_out(world: World) -> None:
    await put(world, FULL)
    await world.advance(10)

    changed = await put(world, StorefrontDocument(display_name="Beta"))

    assert isinstance(changed, StorefrontView)
    assert not changed.created
    assert changed.document == StorefrontDocument(display_name="Beta", sandbox=False)
    assert changed.updated_at_ms == changed.created_at_ms + 10_000


async def test_an_unknown_storefront_is_not_found(world: World) -> None:
    for message in (GetStorefront(), DeleteStorefront(), ReadFront()):
        assert await world.ask("alpha", message) == NotFound()


async def test_the_public_sees_the_front_of_a_published_storefront(world: World) -> None:
    await put(world, FULL)
    front = await world.ask("alpha", ReadFront())
    await put(world, with_(published=False))

    assert front == Front(
        slug="alpha",
        display_name="Alpha Shop",
        accent="#2f6f4F",
        logo_url=FULL.logo_url,
        return_to_store_url=FULL.return_to_store_url,
        locale="id",
        secure=True,
    )
    assert await world.ask("alpha", ReadFront()) == NotFound()


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"display_name": ""}, "displayName"),
        ({"display_name": "  "}, "displayName"),
        ({"display_name": "x" * 101}, "displayName"),
        ({"display_name": "a\r\nBcc: eve@example.org"}, "displayName"),
        ({"origin": "https://alpha.example/"}, "origin"),
        ({"origin": "ftp://alpha.example"}, "origin"),
        ({"origin": "https://Alpha.example"}, "origin"),
        ({"origin": "https://user@alpha.example"}, "origin"),
        ({"origin": "https://alpha.example:0"}, "origin"),
        ({"origin": "https://alpha.example:65536"}, "origin"),
        ({"origin": "https://alpha.example:"}, "origin"),
        ({"origin": "alpha.example"}, "origin"),
        ({"origin": "https://"}, "origin"),
        ({"hosted_domain": "Shops.example"}, "hostedDomain"),
        ({"hosted_domain": "-shops.example"}, "hostedDomain"),
        ({"hosted_domain": "shops.example."}, "hostedDomain"),
        ({"allowed_origins": ("https://a.example", "*")}, "allowedOrigins"),
        ({"allowed_origins": ("https://a.example",) * 101}, "allowedOrigins"),
        ({"return_to_store_url": "javascript:alert(1)"}, "returnToStoreUrl"),
        ({"return_to_store_url": "https:///path"}, "returnToStoreUrl"),
        ({"return_to_store_url": "https://a.example/\r\nX: y"}, "returnToStoreUrl"),
        ({"return_to_store_url": "https://[::1"}, "returnToStoreUrl"),
        ({"accent": "red"}, "branding.accent"),
        ({"accent": "#12345"}, "branding.accent"),
        ({"accent": "#123456;x"}, "branding.accent"),
        ({"logo_url": "http://alpha.example/logo.png"}, "branding.logoUrl"),
        ({"payment": Payment(whatsapp_number="1\n2")}, "payment"),
        ({"payment": Payment(whatsapp_number="1" * 501)}, "payment"),
        ({"payment": Payment(instructions="x" * 4_001)}, "payment"),
        ({"payment": Payment((BankAccount("a", "b", "c\x00"),))}, "payment"),
        ({"payment": Payment((BankAccount("a", "b", "c"),) * 11)}, "payment"),
        ({"policy": b'{"codes":{"perEmailPerMinute":0}}'}, "policy.codes.perEmailPerMinute"),
        ({"policy": b'{"codes":{"perEmailPerMinute":11}}'}, "policy.codes.perEmailPerMinute"),
        ({"policy": b'{"unheard":1}'}, "policy.unheard"),
    ],
)
async def test_a_bad_value_is_named_and_changes_nothing(
    world: World, changes: dict[str, object], name: str
) -> None:
    await put(world, FULL)

    refused = await put(world, with_(**changes))
    read = await world.ask("alpha", GetStorefront())

    assert isinstance(refused, Invalid)
    assert refused.name == name
    assert isinstance(read, StorefrontView)
    assert read.document == FULL


async def test_a_bad_value_creates_nothing(world: World) -> None:
    await put(world, with_(accent="red"))

    assert await world.ask("alpha", GetStorefront()) == NotFound()
    assert world.site.store.image.records == {}


@pytest.mark.parametrize(
    "origin",
    ["https://alpha.example", "http://localhost", "http://127.0.0.1:8080", "https://a-b.c:65535"],
)
def test_an_origin_is_what_browsers_send(origin: str) -> None:
    assert is_origin(origin)


async def test_sandbox_is_decided_at_creation(world: World) -> None:
    await put(world, with_(sandbox=True), "alpha")
    await put(world, with_(sandbox=None), "bravo")

    outcomes = [
        await put(world, with_(sandbox=False), "alpha"),
        await put(world, with_(sandbox=True), "bravo"),
        await put(world, with_(sandbox=None), "alpha"),
        await put(world, with_(sandbox=False), "bravo"),
    ]

    assert [type(outcome) for outcome in outcomes] == [
        Conflict,
        Conflict,
        StorefrontView,
        StorefrontView,
    ]
    kept = await world.ask("alpha", GetStorefront())
    assert isinstance(kept, StorefrontView)
    assert kept.document.sandbox is True


async def test_a_new_policy_holds_at_once(world: World) -> None:
    await world.furnish("alpha")
    for _ in range(3):
        await world.request()
    refused = await world.request()

    await world.put("alpha", policy=b'{"codes":{"perEmailPerMinute":4}}')

    assert isinstance(refused, TooMany)
    assert isinstance(await world.request(), CodeSent)


async def test_storefronts_are_listed_until_they_are_closed(world: World) -> None:
    await world.furnish("charlie", "alpha", "bravo")
    await world.put("alpha", published=False)
    before = world.site.store.roster("", 10)

    await world.ask("bravo", DeleteStorefront())

    assert before == ["alpha", "bravo", "charlie"]
    assert world.site.store.roster("", 10) == ["alpha", "charlie"]


async def test_a_closed_storefront_answers_nobody(world: World) -> None:
    await world.furnish("alpha")
    signed_in = await world.sign_in()

    closed = await world.ask("alpha", DeleteStorefront())

    assert closed == Deleted()
    assert await world.ask("alpha", DeleteStorefront()) == Deleted()
    assert await world.request() == NotFound()
    assert await world.me(signed_in.secret) == NotFound()
    assert await world.ask("alpha", GetStorefront()) == NotFound()
    assert isinstance(await put(world, FULL), Conflict)


async def erase(world: World, slug: str = "alpha") -> None:
    await world.ask(slug, DeleteStorefront())
    names, complete = world.site.store.names(slug, 1_000)
    assert complete
    await world.ask(slug, EraseRecords(names=tuple(names), last=False))
    await world.ask(slug, EraseRecords(names=(), last=True))


async def test_erasing_leaves_nothing_and_frees_the_slug(world: World) -> None:
    await world.furnish("alpha", "bravo")
    await world.sign_in()
    kept = await world.sign_in("bravo")
    await world.ask("alpha", AddKey(key_kind="secret", name="n"))

    await erase(world)

    left = [key for key in world.site.store.image.records if "alpha" in key or ":~:" in key]
    assert left == []
    assert await world.ask("alpha", GetStorefront()) == NotFound()
    assert await world.me(kept.secret, "bravo") == Me(customer=kept.customer)
    made = await put(world, FULL)
    assert isinstance(made, StorefrontView)
    assert made.created


async def test_a_new_life_of_a_slug_shares_no_secret_with_the_old_one(world: World) -> None:
    await world.furnish("alpha")
    signed_in = await world.sign_in()
    await world.advance(100)
    code = await world.code()
    old_job = world.jobs[-1][2]

    await erase(world)
    await world.furnish("alpha")

    assert await world.me(signed_in.secret) == Me(customer=None)
    assert isinstance(await world.verify(code), SignInRefused)
    await world.request()
    new_job = world.jobs[-1][2]
    derive = world.site.keyring.code
    assert new_job.life != old_job.life
    asked = old_job.letter.challenge_id
    assert derive(new_job.letter.key_id, new_job.life, asked) != code


async def test_a_new_life_starts_with_full_budgets(world: World) -> None:
    await world.furnish("alpha")
    for _ in range(4):
        await world.request()

    await erase(world)
    await world.furnish("alpha")

    assert isinstance(await world.request(), CodeSent)


async def test_an_open_storefront_is_never_erased(world: World) -> None:
    await world.furnish("alpha")
    names, _ = world.site.store.names("alpha", 10)

    outcome = await world.ask("alpha", EraseRecords(names=tuple(names), last=True))

    assert outcome == NotFound()
    assert isinstance(await world.ask("alpha", GetStorefront()), StorefrontView)
    assert await world.ask("nobody", EraseRecords(names=(), last=True)) == NotFound()


async def test_erasing_in_pieces_keeps_the_mark_until_the_last(world: World) -> None:
    await world.furnish("alpha")
    await world.sign_in()
    await world.ask("alpha", DeleteStorefront())
    names, _ = world.site.store.names("alpha", 1_000)

    await world.ask("alpha", EraseRecords(names=tuple(names), last=False))
    between = await put(world, FULL)
    after = await world.successor()
    still = await put(after, FULL)
    await after.ask("alpha", EraseRecords(names=(), last=True))

    assert isinstance(between, Conflict)
    assert isinstance(still, Conflict)
    assert isinstance(await put(after, FULL), StorefrontView)


# --- a sandbox storefront's own clock -------------------------------------------------------------


async def sandbox(world: World) -> str:
    await world.furnish("alpha", "bravo", sandbox=True)
    made = await world.ask("alpha", AddKey(key_kind="secret", name="tests"))
    assert isinstance(made, KeyMade)
    return digest(made.secret)


async def move(world: World, key: str, seconds: float) -> Outcome:
    return await world.ask("alpha", AdvanceClock(key_digest=key, advance_ms=round(seconds * 1000)))


async def captured_code(world: World, key: str) -> str:
    assert isinstance(await world.request(), CodeSent)
    mails = await world.ask("alpha", ReadMail(key_digest=key, to=EMAIL, limit=500))
    assert isinstance(mails, MailList)
    code = mails.items[-1].code
    assert code is not None
    return code


async def test_a_sandbox_clock_moves_forward_and_tells_the_time(world: World) -> None:
    key = await sandbox(world)

    moved = [await move(world, key, 10), await move(world, key, 0), await move(world, key, 5)]

    now_ms = world.now_ms
    assert moved == [
        ClockNow(now_ms=now_ms + 10_000),
        ClockNow(now_ms=now_ms + 10_000),
        ClockNow(now_ms=now_ms + 15_000),
    ]


async def test_a_sandbox_clock_never_goes_back_nor_too_far(world: World) -> None:
    key = await sandbox(world)

    outcomes = [await move(world, key, -1), await move(world, key, 11 * 366 * DAY)]

    assert all(isinstance(outcome, Invalid) for outcome in outcomes)
    assert await move(world, key, 0) == ClockNow(now_ms=world.now_ms)


async def test_a_sandbox_clock_governs_codes_windows_and_sessions(world: World) -> None:
    key = await sandbox(world)
    code = await captured_code(world, key)
    for _ in range(2):
        await world.request()
    full = await world.request()
    await move(world, key, 601)
    expired = await world.verify(code)
    fresh = await world.verify(await captured_code(world, key))
    assert isinstance(fresh, SignedIn)
    alive = await world.me(fresh.secret)
    await move(world, key, 30 * DAY)

    assert isinstance(full, TooMany)
    assert isinstance(expired, SignInRefused)
    assert alive == Me(customer=fresh.customer)
    assert await world.me(fresh.secret) == Me(customer=None)


async def test_a_sandbox_clock_is_its_storefronts_alone(world: World) -> None:
    key = await sandbox(world)
    for _ in range(3):
        await world.request("bravo")

    await move(world, key, 60)

    assert isinstance(await world.request("bravo"), TooMany)


async def test_a_sandbox_clock_outlives_host_and_change(world: World) -> None:
    key = await sandbox(world)
    await move(world, key, 500)
    await world.put("alpha", display_name="Changed")

    after = await world.successor()

    assert await move(after, key, 0) == ClockNow(now_ms=after.now_ms + 500_000)


async def test_only_sandbox_storefronts_have_a_clock(world: World) -> None:
    await world.furnish("alpha")
    made = await world.ask("alpha", AddKey(key_kind="secret", name="server"))
    assert isinstance(made, KeyMade)

    assert await move(world, digest(made.secret), 5) == NotFound()
    assert await move(world, "0" * 64, 5) == KeyRefused()
    nobody = AdvanceClock(key_digest="0" * 64, advance_ms=5)
    assert await world.ask("nobody", nobody) == KeyRefused()


async def test_after_a_rollback_a_moved_clock_kills_no_fresh_code(world: World) -> None:
    key = await sandbox(world)
    image = world.site.store.image.copy()
    await world.request()
    world.site.store.image = image
    after = World(world.site, owner="host-2", dead=("host-1",), seed=2)
    after.ownership.expect(world.ownership.high_water())
    await after.open()
    for _ in range(5):
        await after.advance(1)
    code = await captured_code(after, key)

    await move(after, key, 60)

    assert isinstance(await after.verify(code), SignedIn)


# --- where mails lead -----------------------------------------------------------------------------


async def link_origin(world: World, slug: str, caller: Caller = CALLER) -> str:
    sent = await world.ask(slug, RequestCode(email=EMAIL, caller=caller))
    assert isinstance(sent, CodeSent)
    return world.mail(slug).origin


@pytest.mark.parametrize(
    ("place", "document", "expected"),
    [
        ({"public_url": "https://door.example"}, {}, "https://alpha.example"),
        ({"public_url": "https://door.example"}, {"origin": None}, "https://door.example"),
        (
            {"public_url": "https://door.example:8443", "hosted_domain": "shops.example"},
            {"origin": None},
            "https://alpha.shops.example:8443",
        ),
        (
            {"public_url": "http://localhost:8080", "hosted_domain": "localhost"},
            {"origin": None, "hosted_domain": "own.example"},
            "http://alpha.own.example:8080",
        ),
        ({"hosted_domain": "shops.example"}, {"origin": None}, "https://alpha.shops.example"),
        ({}, {"origin": None}, "http://localhost:8080"),
    ],
)
async def test_mails_lead_to_the_configured_origin(
    place: dict[str, str], document: dict[str, object], expected: str
) -> None:
    there = Place(keyring=Keyring([MASTER_KEY]), **place)  # type: ignore[arg-type]
    world = await World(place=there).open()
    await world.put("alpha", **document)

    assert await link_origin(world, "alpha") == expected


async def test_only_where_nothing_is_configured_the_requests_own_origin_counts() -> None:
    world = await World().open()
    await world.put("alpha", origin=None)
    await world.put("bravo")
    caller = Caller(address=CALLER.address, own_origin="http://127.0.0.1:9000")

    assert await link_origin(world, "alpha", caller) == "http://127.0.0.1:9000"
    assert await link_origin(world, "bravo", caller) == "https://bravo.example"


async def test_everything_of_a_storefront_lies_under_its_own_prefix(world: World) -> None:
    await world.furnish("alpha")
    await world.sign_in()

    keys = list(world.site.store.image.records)

    assert keys
    assert all(key.startswith(record_prefix("alpha")) for key in keys)
