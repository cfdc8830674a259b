"""Erasing a person: nothing of theirs stays, and what is the merchant's stays without them."""

import pytest
from msgspec.structs import replace

from doorward.actors.blobs.store import BlobName
from doorward.actors.desks import erasures, threads
from doorward.actors.messages.account import (
    AccountSignedIn,
    AddAddress,
    ListSessions,
    RequestReturn,
    UpdateAccount,
)
from doorward.actors.messages.envelope import Outcome, Request
from doorward.actors.messages.merchant import AddressDocument, OrderFound
from doorward.actors.messages.merchant_customers import (
    CustomerErased,
    CustomersFound,
    EraseCustomer,
    EraseMore,
    ErasureGoesOn,
    ExportCustomer,
    Exported,
    FindCustomer,
    GetCustomer,
    RevokeSessions,
)
from doorward.actors.messages.operator import DeleteStorefront
from doorward.actors.messages.orders import AdmitProof, KeepProof, OrderPage, ProofKept
from doorward.actors.messages.refusals import KeyRefused, NotFound, SessionRequired
from doorward.actors.messages.sandbox import MailList, ReadMail
from doorward.actors.post.mail import Mail
from doorward.actors.records.codec import decode, encode
from doorward.actors.records.orders import Proof
from doorward.actors.systems.erasing import erase_customer
from doorward.actors.tokens import email_id
from tests.actors.aftermath import (
    back,
    delivered,
    link,
    listed_returns,
    minted,
    moved,
    preview,
    started,
    status,
)
from tests.actors.harness import EMAIL, World
from tests.actors.ordering import (
    by_token,
    change,
    get,
    key_of,
    listed_numbers,
    page,
    say,
    stored_under,
    write,
)
from tests.actors.visiting import PLAIN, ROOMY, answer, ask_for, enter, visit

OTHER = "bea@example.org"
NAME, PHONE, STREET, WORDS, REASON = (
    *("Ann Unmistakable", "+6281234567890", "Jalan Rahasia 17"),
    *("My cat is called Mochi", "It smells of durian"),
)
HOME = AddressDocument(name=NAME, line1=STREET, city="Bandung", country="ID", phone=PHONE)
PERSONAL = (EMAIL, NAME, PHONE, STREET, WORDS, REASON)


class Blobs:
    """Keeps what was to be deleted, and may fail."""

    def __init__(self, *, fail: bool = False) -> None:
        self.deleted: list[BlobName] = []
        self.fail = fail

    async def delete(self, name: BlobName) -> None:
        if self.fail:
            raise ConnectionError
        self.deleted.append(name)


@pytest.fixture
async def world() -> World:
    return await (await World().open()).furnish("alpha", "bravo", policy=ROOMY)


async def erase(world: World, customer_id: str, blobs: Blobs | None = None) -> Outcome:
    """Erase a person as the system does."""

    async def ask(slug: str, message: Request) -> Outcome:
        return await world.ask(slug, message)

    message = EraseCustomer(key_digest=None, customer_id=customer_id)
    return await erase_customer(ask, "alpha", message, blobs or Blobs())  # type: ignore[arg-type]


async def person(world: World, orders: int = 2) -> str:
    """Have a person who left traces wherever one can; returns their id."""
    ann = await enter(world)
    await visit(world, UpdateAccount, ann, name=NAME, phone=PHONE)
    fields = PLAIN.__class__(name=NAME, line1=STREET, city="B", country="ID", phone=PHONE)
    await visit(world, AddAddress, ann, fields=fields)
    for number in range(orders):
        await delivered(
            world,
            f"A-{number}",
            buyer_name=NAME,
            buyer_phone=PHONE,
            notes=WORDS,
            shipping_address=HOME,
            billing_address=HOME,
            customer_id=f"crm-{EMAIL}",
        )
        found = await get(world, f"A-{number}")
        await write(world, found.access_token, WORDS, attachments=("https://a.example/cat.png",))
        await say(world, "Thank you", f"A-{number}")
        await visit(
            world,
            RequestReturn,
            ann,
            order_number=f"A-{number}",
            items=back(_1=1),
            reason=REASON,
        )
    await minted(world)
    # A link that was not used stays for its ten minutes and the store's grace, as a dead record.
    await world.advance(3 * 3_600)
    await world.sign_in()
    await ask_for(world)
    return ann.account.id


def at_rest(world: World) -> bytes:
    """Read what the store holds by now: what has expired is gone by itself."""
    records, now_ms = world.site.store.image.records, world.site.wall_ms()
    return b"".join(
        key.encode() + stored
        for key, (stored, expires_at_ms) in records.items()
        if not expires_at_ms or now_ms < expires_at_ms
    )


async def test_no_byte_of_a_person_stays(world: World) -> None:
    customer_id = await person(world)
    before = at_rest(world)
    assert all(text.encode() in before for text in PERSONAL)

    outcome = await erase(world, customer_id)

    assert outcome == CustomerErased(orders=2)
    after = at_rest(world)
    assert [text for text in PERSONAL if text.encode() in after] == []
    assert b"cat.png" not in after
    for kind in ("customer:", "session:", "address-book:", "action-token", "erasure:"):
        assert not stored_under(world, kind), kind
    assert not stored_under(world, "index-root:email-" + email_id(EMAIL))
    assert not stored_under(world, "index-root:placed-" + email_id(EMAIL))


async def test_orders_stay_the_merchants(world: World) -> None:
    customer_id = await person(world)
    before = await get(world, "A-0")

    await erase(world, customer_id)

    after = await get(world, "A-0")
    assert await listed_numbers(world) == ["A-1", "A-0"]
    assert (after.order.items, after.order.total) == (before.order.items, before.order.total)
    assert after.order.status == before.order.status
    assert [remark.body for remark in after.remarks] == [threads.ERASED_WORDS, "Thank you"]
    assert [remark.author_name for remark in after.remarks] == ["Buyer", "alpha"]
    assert after.order.email.endswith("@erased.invalid")
    assert (await get(world, "A-1")).order.email == after.order.email
    assert await listed_numbers(world, email=after.order.email) == ["A-1", "A-0"]


async def test_every_way_in_is_shut(world: World) -> None:
    await delivered(world, "A-0")
    shown = await link(world, "A-0")
    action = await minted(world)
    token = (await get(world, "A-0")).access_token
    await ask_for(world)
    mailed = world.token()
    ann = await enter(world)

    await erase(world, ann.account.id)

    assert await visit(world, ListSessions, ann) == SessionRequired()
    assert await by_token(world, token) == NotFound()
    assert await status(world, shown.token) == NotFound()
    assert await preview(world, action) == NotFound()
    followed = await world.follow(mailed)
    assert not hasattr(followed, "secret")
    fresh = (await get(world, "A-0")).access_token
    assert isinstance(await page(world, fresh), OrderPage)


async def test_nobody_is_mailed_about_an_order_of_an_erased_person(world: World) -> None:
    customer_id = await person(world, orders=1)
    await erase(world, customer_id)
    sent = len(world.jobs)

    await change(world, "A-0", status="confirmed")
    await say(world, "Still there?", "A-0")
    (return_id,) = await listed_returns(world)
    await moved(world, return_id, "APPROVED")

    assert len(world.jobs) == sent


async def test_the_bytes_of_proofs_go_before_the_orders_forget_them(world: World) -> None:
    customer_id = await person(world, orders=1)
    token = (await get(world, "A-0")).access_token
    proof = Proof("b" * 32, "image/png", 10, 0)
    await by_token(world, token, AdmitProof)
    assert isinstance(await by_token(world, token, KeepProof, proof=proof), ProofKept)

    with pytest.raises(ConnectionError):
        await erase(world, customer_id, Blobs(fail=True))
    assert (await get(world, "A-0")).order.proofs != ()
    blobs = Blobs()
    outcome = await erase(world, customer_id, blobs)

    order = (await get(world, "A-0")).order
    assert outcome == CustomerErased(orders=1)
    assert blobs.deleted == [BlobName("alpha", order.id, "b" * 32)]
    assert order.proofs == ()


@pytest.mark.parametrize("turns", range(6))
async def test_an_erasure_goes_on_after_a_crash_between_any_two_turns(
    world: World, turns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasures, "ORDERS_AT_ONCE", 2)
    customer_id = await person(world, orders=5)
    message: Request = EraseCustomer(key_digest=None, customer_id=customer_id)
    for _ in range(turns):
        assert isinstance(await world.ask("alpha", message), ErasureGoesOn | CustomerErased)
        message = EraseMore(customer_id=customer_id)

    successor = await world.successor()
    outcome = await erase(successor, customer_id)

    if turns == 5:
        assert outcome == NotFound()
    else:
        assert outcome == CustomerErased(orders=5)
    assert [text for text in PERSONAL if text.encode() in at_rest(successor)] == []
    assert await erase(successor, customer_id) == NotFound()


async def test_two_erasures_at_once_finish_both(world: World) -> None:
    customer_id = await person(world, orders=3)
    message = EraseCustomer(key_digest=None, customer_id=customer_id)
    await world.ask_all("alpha", [message, message])

    await world.ask_all("alpha", [EraseMore(customer_id=customer_id)] * 6)

    assert [text for text in PERSONAL if text.encode() in at_rest(world)] == []


async def test_others_are_left_alone(world: World) -> None:
    customer_id = await person(world)
    bea = await enter(world, email=OTHER)
    await delivered(world, "B-1", email=OTHER, buyer_name="Bea")
    elsewhere = await enter(world, "bravo")
    returned = await started(world, bea, "B-1", _1=1)

    await erase(world, customer_id)

    found = await get(world, "B-1")
    assert isinstance(found, OrderFound)
    assert (found.order.email, found.order.buyer_name) == (OTHER, "Bea")
    message = FindCustomer(key_digest=None, email=EMAIL)
    known = await world.ask("bravo", message)
    assert isinstance(known, CustomersFound)
    assert [customer.id for customer in known.items] == [elsewhere.account.id]
    assert returned.id.startswith(found.order.id)


async def test_who_signs_in_again_is_somebody_new(world: World) -> None:
    customer_id = await person(world)
    await erase(world, customer_id)

    again = await enter(world)

    assert again.account.id != customer_id
    message = FindCustomer(key_digest=None, email=EMAIL)
    found = await world.ask("alpha", message)
    assert isinstance(found, CustomersFound)
    assert found.items[0].order_count == 0


async def test_an_erasure_gives_no_new_codes_or_guesses(world: World) -> None:
    await world.put("alpha", policy=b'{"codes":{"perEmailPerMinute":2}}')
    signed_in = await world.sign_in()
    await world.request()
    await erase(world, signed_in.customer.id)

    refused = await world.request()

    assert type(refused).__name__ == "TooMany"


async def test_nobody_who_is_not_there_is_erased(world: World) -> None:
    ann = await enter(world, "bravo")

    for customer_id in (ann.account.id, "", "x"):
        assert await erase(world, customer_id) == NotFound()
        for kind in (GetCustomer, RevokeSessions, ExportCustomer):
            message = kind(key_digest=None, customer_id=customer_id)
            assert await world.ask("alpha", message) == NotFound()


async def test_an_erasure_is_one_call_of_its_key(world: World) -> None:
    customer_id = await person(world, orders=20)
    digest = await key_of(world, scopes=("customers:write",))

    async def ask(slug: str, message: Request) -> Outcome:
        return await world.ask(slug, message)

    message = EraseCustomer(key_digest=digest, customer_id=customer_id)
    outcome = await erase_customer(ask, "alpha", message, None)

    assert isinstance(outcome, CustomerErased)
    assert outcome.orders == 20
    assert outcome.standing is not None
    assert outcome.standing.remaining == 999
    foreign = EraseCustomer(key_digest="0" * 64, customer_id=customer_id)
    assert await erase_customer(ask, "alpha", foreign, None) == KeyRefused()


async def test_captured_mail_to_an_erased_person_goes_and_other_mail_stays() -> None:
    world = await (await World().open()).furnish("alpha", sandbox=True, policy=ROOMY)
    for email in (EMAIL, OTHER):
        for _ in range(60):
            await ask_for(world, email=email)
    mails = await captured(world)
    code = next(mail.code for mail in reversed(mails) if mail.to == EMAIL)
    signed_in = await answer(world, code or "")
    assert isinstance(signed_in, AccountSignedIn)
    await world.advance(3 * 3_600)

    await erase(world, signed_in.account.id)

    left = await captured(world)
    assert {mail.to for mail in left} == {OTHER}
    assert [mail.id for mail in left] == [mail.id for mail in mails if mail.to == OTHER]
    assert EMAIL.encode() not in at_rest(world)


async def captured(world: World) -> list[Mail]:
    found = await world.ask("alpha", ReadMail(key_digest=None, limit=500))
    assert isinstance(found, MailList), found
    return list(found.items)


async def test_orders_of_an_email_that_was_never_proven_are_not_the_customers(
    world: World,
) -> None:
    await delivered(world, "A-0", buyer_name="Ann, who never signed in")
    thief = await enter(world)
    (key,) = stored_under(world, f"customer:{thief.account.id}")
    records = world.site.store.image.records
    customer = decode("customer", records[key][0])
    records[key] = (encode(replace(customer, email_verified=False)), 0)
    world = await world.successor()

    message = ExportCustomer(key_digest=None, customer_id=thief.account.id)
    exported = await world.ask("alpha", message)
    outcome = await erase(world, thief.account.id)

    assert isinstance(exported, Exported)
    assert exported.orders == ()
    assert exported.customer.order_count == 0
    assert outcome == CustomerErased(orders=0)
    assert (await get(world, "A-0")).order.buyer_name == "Ann, who never signed in"


async def test_a_closed_storefront_has_nobody_to_erase(world: World) -> None:
    customer_id = await person(world)
    await world.ask("alpha", EraseCustomer(key_digest=None, customer_id=customer_id))
    again = await world.ask("alpha", EraseCustomer(key_digest=None, customer_id=customer_id))
    await world.ask("alpha", DeleteStorefront())

    assert again == ErasureGoesOn()
    assert await world.ask("alpha", EraseMore(customer_id=customer_id)) == NotFound()
