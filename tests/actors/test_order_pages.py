"""The order page: what the holder of a link sees, says, claims and uploads."""

import pytest

from doorward.actors.desks.order_pages import PROOFS_MAX
from doorward.actors.desks.threads import NAMELESS_BUYER, PAGE_SIZE, REMARKS_MAX
from doorward.actors.messages.envelope import Caller, Outcome
from doorward.actors.messages.merchant import FindProof, ProofFound
from doorward.actors.messages.orders import (
    AddBuyerRemark,
    AdmitProof,
    ClaimPayment,
    KeepProof,
    OrderPage,
    PaymentClaimed,
    ProofAdmitted,
    ProofKept,
    RemarkAdded,
)
from doorward.actors.messages.refusals import (
    Conflict,
    Invalid,
    InvalidTransition,
    KeyRefused,
    NotFound,
    OriginRefused,
    TooMany,
)
from doorward.actors.messages.sign_in import Front
from doorward.actors.records.orders import Proof, Thread
from doorward.actors.records.storefronts import BankAccount, Payment
from doorward.actors.tokens import digest
from tests.actors.harness import CALLER, World
from tests.actors.ordering import (
    by_token,
    change,
    claim,
    confirm,
    get,
    key_of,
    leads_to,
    listed_numbers,
    page,
    put,
    say,
    write,
)

PAYMENT = Payment((BankAccount("BCA", "123", "Alpha"),), "Transfer please", "+628123456789")
OTHER = Caller(address="198.51.100.7", scheme="https")
HOUR = 3_600
LOOSE = (
    b'{"orders":{"messagesPerAddressPerHour":100000,"claimsPerAddressPerHour":100000,'
    b'"proofsPerAddressPerHour":100000}}'
)


@pytest.fixture
async def world() -> World:
    return await (await World().open()).furnish("alpha", payment=PAYMENT)


def proof(number: int = 1) -> Proof:
    return Proof(f"blob-{number}", "image/png", 1_000 + number, 0)


async def admit(world: World, token: str, caller: Caller = CALLER) -> Outcome:
    return await by_token(world, token, AdmitProof, caller=caller)


async def keep(world: World, token: str, number: int = 1) -> Outcome:
    return await by_token(world, token, KeepProof, proof=proof(number))


async def test_a_page_shows_the_order_its_storefront_and_how_to_pay(world: World) -> None:
    made = await put(world)

    shown = await page(world, made.access_token)

    assert shown.order == made.order
    assert shown.front == Front(slug="alpha", display_name="alpha", secure=True)
    assert shown.payment == PAYMENT
    assert shown.remarks == ()


async def test_reading_a_page_writes_nothing(world: World) -> None:
    made = await put(world)
    before = dict(world.site.store.image.records)

    await page(world, made.access_token)

    assert world.site.store.image.records == before


async def test_how_to_pay_is_shown_until_the_payment_is_confirmed(world: World) -> None:
    made = await put(world)
    await claim(world, made.access_token)
    claimed = await page(world, made.access_token)

    await confirm(world)

    assert claimed.payment == PAYMENT
    assert (await page(world, made.access_token)).payment is None


# --- the thread -----------------------------------------------------------------------------------


async def test_buyer_and_seller_write_to_each_other(world: World) -> None:
    made = await put(world, buyer_name="Ann")

    await write(world, made.access_token, "Is it\n\tfresh?")
    await say(world, "Roasted today", author_name="Budi", attachments=("https://a.example/x",))
    await say(world, "Enjoy")

    first, second, third = (await page(world, made.access_token)).remarks
    assert (first.author, first.author_name, first.body) == ("buyer", "Ann", "Is it\n\tfresh?")
    assert (second.author, second.author_name) == ("seller", "Budi")
    assert second.attachments == ("https://a.example/x",)
    assert third.author_name == "alpha"
    assert first.created_at_ms == world.now_ms
    assert len({first.id, second.id, third.id}) == 3


async def test_a_nameless_buyer_has_a_name_in_the_thread(world: World) -> None:
    made = await put(world)

    added = await write(world, made.access_token)

    assert isinstance(added, RemarkAdded)
    assert added.remark.author_name == NAMELESS_BUYER


async def test_internal_messages_are_the_merchants_alone(world: World) -> None:
    made = await put(world)

    added = await say(world, "Difficult customer", internal=True)

    assert isinstance(added, RemarkAdded)
    assert added.remark.internal
    assert (await page(world, made.access_token)).remarks == ()
    assert [remark.body for remark in (await get(world)).remarks] == ["Difficult customer"]


@pytest.mark.parametrize("body", ["", "  \n", "x" * 4_001, "a\x00b", "a\rb", "\ud800"])
async def test_a_body_that_breaks_the_rule_is_refused_whoever_writes_it(
    world: World, body: str
) -> None:
    made = await put(world)

    for refused in (await write(world, made.access_token, body), await say(world, body)):
        assert isinstance(refused, Invalid)
        assert refused.name == "body"
    assert (await get(world)).order == made.order


@pytest.mark.parametrize(
    "attachments",
    [
        ("http://a.example/x",),
        ("javascript:alert(1)",),
        ("https://",),
        ("https://a.example/x y",),
        ("https://a.example/" + "x" * 2_000,),
        ("https://a.example/x",) * 11,
    ],
)
async def test_attachments_are_a_few_https_urls(world: World, attachments: tuple[str, ...]) -> None:
    made = await put(world)

    refused = await write(world, made.access_token, attachments=attachments)

    assert isinstance(refused, Invalid)
    assert refused.name == "attachments"


async def test_a_sellers_name_is_held_to_the_rule_of_names(world: World) -> None:
    await put(world)

    refused = await say(world, author_name="a\nb")

    assert isinstance(refused, Invalid)
    assert refused.name == "authorName"


async def test_a_thread_is_kept_in_pages_and_has_an_end(world: World) -> None:
    await world.put("alpha", policy=LOOSE)
    made = await put(world)

    for number in range(REMARKS_MAX):
        assert isinstance(await write(world, made.access_token, f"{number}"), RemarkAdded)
    full = await write(world, made.access_token, "one more")
    sellers = await say(world, "one more", internal=True)

    assert isinstance(full, Conflict)
    assert isinstance(sellers, Conflict)
    heir = await world.successor()
    remarks = (await page(heir, made.access_token)).remarks
    assert [remark.body for remark in remarks] == [f"{number}" for number in range(REMARKS_MAX)]
    pages = [key for key in world.site.store.image.records if f":{Thread.kind}:" in key]
    assert len(pages) == -(-REMARKS_MAX // PAGE_SIZE)


async def test_a_message_moves_the_order_up_the_buyers_list(world: World) -> None:
    first = await put(world, "A-1")
    await world.advance(1)
    await put(world, "A-2")
    await world.advance(1)

    await write(world, first.access_token)

    assert await listed_numbers(world, email=first.order.email) == ["A-1", "A-2"]
    assert (await get(world)).order.activity_at_ms == world.now_ms


async def test_messages_are_limited_by_address_and_order(world: World) -> None:
    made, second = await put(world), await put(world, "A-2")
    for number in range(30):
        added = await write(world, made.access_token, f"{number}")
        assert isinstance(added, RemarkAdded)
        assert added.standing is not None
        assert added.standing.remaining == 29 - number

    refused = await write(world, made.access_token)

    assert isinstance(refused, TooMany)
    assert refused.standing.rule.name == "orders.messages"
    assert refused.wait_ms == HOUR * 1_000
    assert isinstance(await write(world, made.access_token, caller=OTHER), RemarkAdded)
    assert isinstance(await write(world, second.access_token), RemarkAdded)
    assert isinstance(await by_token(world, made.access_token), OrderPage)
    await world.advance(HOUR)
    assert isinstance(await write(world, made.access_token), RemarkAdded)


# --- claiming to have paid ------------------------------------------------------------------------


async def test_a_claim_stands_and_saying_it_again_changes_nothing(world: World) -> None:
    made = await put(world)

    first = await claim(world, made.access_token)
    at_ms = world.now_ms
    await world.advance(1)
    second = await claim(world, made.access_token)

    assert isinstance(first, PaymentClaimed)
    assert isinstance(second, PaymentClaimed)
    assert (first.payment_status, first.again) == ("payment_claimed", False)
    assert (second.payment_status, second.again) == ("payment_claimed", True)
    assert (await get(world)).order.activity_at_ms == at_ms


async def test_a_confirmed_payment_cannot_be_claimed(world: World) -> None:
    made = await put(world)
    await confirm(world)

    assert isinstance(await claim(world, made.access_token), InvalidTransition)


async def test_of_parallel_claims_one_is_the_first(world: World) -> None:
    made = await put(world)
    message = ClaimPayment(token_digest=digest(made.access_token), caller=CALLER)

    claims = await world.ask_all(leads_to(made.access_token), [message] * 20)

    assert [done.again for done in claims if isinstance(done, PaymentClaimed)].count(False) == 1
    assert len(claims) == 20


async def test_claims_are_limited(world: World) -> None:
    made = await put(world)
    for _ in range(30):
        await claim(world, made.access_token)

    assert isinstance(await claim(world, made.access_token), TooMany)


# --- proofs ---------------------------------------------------------------------------------------


async def test_a_proof_is_kept_and_found(world: World) -> None:
    made = await put(world)
    await world.advance(5)

    admitted = await admit(world, made.access_token)
    kept = await keep(world, made.access_token, 1)
    await keep(world, made.access_token, 2)

    assert isinstance(admitted, ProofAdmitted)
    assert (admitted.slug, admitted.order_id) == ("alpha", made.order.id)
    assert kept == ProofKept()
    newest = await world.ask("alpha", FindProof(key_digest=None, order_number="A-1"))
    oldest = await world.ask("alpha", FindProof(key_digest=None, order_number="A-1", number=1))
    assert isinstance(newest, ProofFound)
    assert isinstance(oldest, ProofFound)
    assert (newest.proof.blob, oldest.proof.blob) == ("blob-2", "blob-1")
    assert oldest.proof.sent_at_ms == world.now_ms
    order = (await get(world)).order
    assert order.payment_status == "unpaid"
    assert order.activity_at_ms == world.now_ms


@pytest.mark.parametrize("number", [-1, 0, 2])
async def test_a_proof_that_is_not_there_is_not_found(world: World, number: int) -> None:
    made = await put(world)
    await keep(world, made.access_token)

    message = FindProof(key_digest=None, order_number="A-1", number=number)

    assert await world.ask("alpha", message) == NotFound()


async def test_an_order_holds_so_many_proofs_and_no_more(world: World) -> None:
    made = await put(world)
    for number in range(PROOFS_MAX):
        assert isinstance(await admit(world, made.access_token), ProofAdmitted)
        assert await keep(world, made.access_token, number) == ProofKept()

    assert isinstance(await admit(world, made.access_token), Conflict)
    assert isinstance(await keep(world, made.access_token), Conflict)
    assert len((await get(world)).order.proofs) == PROOFS_MAX


async def test_of_parallel_uploads_no_more_are_kept_than_fit(world: World) -> None:
    made = await put(world)
    keeps = [
        KeepProof(token_digest=digest(made.access_token), caller=CALLER, proof=proof(number))
        for number in range(25)
    ]

    done = await world.ask_all(leads_to(made.access_token), keeps)

    assert done.count(ProofKept()) == PROOFS_MAX


async def test_uploads_that_are_begun_count_though_nothing_is_kept(world: World) -> None:
    made = await put(world)
    for _ in range(30):
        assert isinstance(await admit(world, made.access_token), ProofAdmitted)

    assert isinstance(await admit(world, made.access_token), TooMany)
    assert isinstance(await admit(world, made.access_token, OTHER), ProofAdmitted)


# --- who may --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (AddBuyerRemark, {"body": "x"}),
        (ClaimPayment, {}),
        (AdmitProof, {}),
        (KeepProof, {"proof": proof()}),
    ],
)
async def test_a_page_of_another_origin_does_nothing(
    world: World, kind: type, values: dict[str, object]
) -> None:
    made = await put(world)
    foreign = Caller(address="192.0.2.1", origin="https://evil.example", scheme="https")
    own = Caller(address="192.0.2.1", origin="https://alpha.example", scheme="https")

    refused = await by_token(world, made.access_token, kind, caller=foreign, **values)

    assert refused == OriginRefused()
    assert (await get(world)).order == made.order
    done = await by_token(world, made.access_token, kind, caller=own, **values)
    assert not isinstance(done, OriginRefused)


async def test_a_shops_server_counts_for_the_shopper_it_names(world: World) -> None:
    made = await put(world)
    digest_of_key = await key_of(world)

    def server(shopper: str, key: str = digest_of_key) -> Caller:
        return Caller(address="192.0.2.9", key_digest=key, asserted_address=shopper)

    for _ in range(30):
        await write(world, made.access_token, caller=server("203.0.113.1"))

    assert isinstance(await write(world, made.access_token, caller=server("203.0.113.1")), TooMany)
    assert isinstance(
        await write(world, made.access_token, caller=server("203.0.113.2")), RemarkAdded
    )
    assert await write(world, made.access_token, caller=server("x", "0" * 64)) == KeyRefused()


async def test_the_order_page_needs_few_round_trips_though_nothing_is_in_memory(
    world: World,
) -> None:
    made = await put(world)
    for number in range(3):
        await write(world, made.access_token, f"{number}")
    await change(world, status="confirmed")
    heir = await world.successor()
    before = heir.host.figures.flushes

    await page(heir, made.access_token)

    assert heir.host.figures.flushes - before <= 3
