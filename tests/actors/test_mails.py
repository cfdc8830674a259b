import pytest

from doorward.actors.desks.mails import KEPT_PAGES, PAGE_SIZE
from doorward.actors.keyring import Keyring
from doorward.actors.messages.envelope import Caller
from doorward.actors.messages.operator import AddKey, KeyMade
from doorward.actors.messages.refusals import Deleted, KeyRefused, NotFound
from doorward.actors.messages.sandbox import ClearMail, MailList, ReadMail
from doorward.actors.messages.sign_in import CodeSent, RequestCode, SignedIn
from doorward.actors.opening import opened
from doorward.actors.partitions import record_prefix
from doorward.actors.post.mail import Mail, SignIn
from doorward.actors.records.codec import decode, encode
from doorward.actors.records.mail import MailPage, MailPages
from doorward.actors.tokens import digest
from tests.actors.harness import CALLER, EMAIL, ORIGIN, World

UNLIMITED = (
    b'{"codes":{"perEmailPerMinute":100,"perEmailPerHour":1000,"perEmailPerDay":1000,'
    b'"perAddressPerMinute":100000,"perStorefrontPerMinute":100000}}'
)


@pytest.fixture
async def world() -> World:
    world = await World(mailbox_limit=10_000).open()
    return await world.furnish("alpha", sandbox=True, policy=UNLIMITED)


@pytest.fixture
async def key(world: World) -> str:
    made = await world.ask("alpha", AddKey(key_kind="secret", name="tests"))
    assert isinstance(made, KeyMade)
    return digest(made.secret)


async def request(world: World, times: int, email: str = EMAIL) -> None:
    message = RequestCode(email=email, caller=CALLER)
    outcomes = await world.ask_all("alpha", [message] * times)
    assert all(isinstance(outcome, CodeSent) for outcome in outcomes)


async def read(world: World, key: str, **wanted: object) -> tuple[Mail, ...]:
    mails = await world.ask("alpha", ReadMail(key_digest=key, **wanted))  # type: ignore[arg-type]
    assert isinstance(mails, MailList)
    return mails.items


async def test_a_sandbox_storefronts_mail_is_captured_and_not_sent(world: World, key: str) -> None:
    await request(world, 1)

    mails = await read(world, key)

    assert world.jobs == []
    assert len(mails) == 1
    assert (mails[0].to, mails[0].slug, mails[0].origin) == (EMAIL, "alpha", ORIGIN)
    assert isinstance(await world.verify(mails[0].code or ""), SignedIn)


async def test_captured_mail_is_read_oldest_first_and_paged(world: World, key: str) -> None:
    await request(world, 7)

    first = await read(world, key, limit=3)
    rest = await read(world, key, limit=100, after=first[-1].id)

    ids = [mail.id for mail in (*first, *rest)]
    assert len(first) == 3
    assert ids == sorted(ids)
    assert len(set(ids)) == 7


async def test_captured_mail_is_read_by_receiver(world: World, key: str) -> None:
    await request(world, 2)
    await request(world, 3, "bob@example.org")
    await request(world, 2)

    theirs = await read(world, key, to="bob@example.org")

    assert [mail.to for mail in theirs] == ["bob@example.org"] * 3
    assert await read(world, key, to="nobody@example.org") == ()
    assert len(await read(world, key, to="bob@example.org", limit=2)) == 2


async def test_mail_is_read_over_many_pages_at_once(world: World, key: str) -> None:
    for number in range(45):
        await request(world, PAGE_SIZE, f"{number}@example.org")

    mails = await read(world, key, limit=500, after=f"{10 * PAGE_SIZE - 1:010d}")
    last = await read(world, key, to="44@example.org", limit=500)

    assert len(mails) == 500
    assert mails[0].to == "10@example.org"
    assert len(last) == PAGE_SIZE


async def test_a_host_that_remembers_nothing_reads_many_pages_too(world: World, key: str) -> None:
    for number in range(45):
        await request(world, PAGE_SIZE, f"{number}@example.org")

    after = await world.successor()

    assert len(await read(after, key, to="44@example.org", limit=500)) == PAGE_SIZE


async def test_five_thousand_mails_are_kept(world: World, key: str) -> None:
    for number in range(KEPT_PAGES + 1):
        await request(world, PAGE_SIZE, f"{number}@example.org")
    await request(world, 1, "last@example.org")

    newest = await read(world, key, to="last@example.org")
    oldest = await read(world, key, limit=1)
    pages = [k for k in world.site.store.image.records if ":mail-page:" in k]

    assert len(newest) == 1
    assert oldest[0].to == "2@example.org"
    assert len(pages) == KEPT_PAGES


async def test_all_that_is_kept_can_be_read_by_a_host_that_remembers_nothing(
    world: World, key: str
) -> None:
    for number in range(KEPT_PAGES):
        await request(world, PAGE_SIZE, f"{number}@example.org")

    after = await world.successor()

    assert await read(after, key, to="nobody@example.org") == ()


async def test_cleared_mail_is_gone_and_ids_go_on(world: World, key: str) -> None:
    await request(world, PAGE_SIZE + 5)
    before = await read(world, key, limit=500)

    cleared = await world.ask("alpha", ClearMail(key_digest=key))
    empty = await read(world, key)
    await request(world, 1)
    after = await read(world, key, after=before[-1].id)

    assert cleared == Deleted()
    assert empty == ()
    assert len(after) == 1
    assert after[0].id > before[-1].id
    assert not any(":mail-page:0" in name for name in world.site.store.image.records)


async def test_clearing_twice_is_fine(world: World, key: str) -> None:
    for _ in range(2):
        assert await world.ask("alpha", ClearMail(key_digest=key)) == Deleted()


async def test_captured_mail_outlives_the_host(world: World, key: str) -> None:
    await request(world, 3)
    before = await read(world, key)

    after = await world.successor()

    assert await read(after, key) == before


async def test_captured_mail_holds_no_secret_at_rest(world: World, key: str) -> None:
    await request(world, 1)
    code = (await read(world, key))[0].code

    stored, _ = world.site.store.image.records[f"{record_prefix('alpha')}mail-page:0"]

    assert code is not None
    assert code.encode() not in stored


async def test_a_page_whose_time_is_over_is_skipped(world: World, key: str) -> None:
    await request(world, PAGE_SIZE + 1)
    del world.site.store.image.records[f"{record_prefix('alpha')}mail-page:0"]

    after = await world.successor()

    assert len(await read(after, key, limit=500)) == 1


async def test_a_mail_whose_master_key_is_gone_is_left_out(world: World, key: str) -> None:
    await request(world, 1)
    name = f"{record_prefix('alpha')}mail-page:0"
    page = decode(MailPage.kind, world.site.store.image.records[name][0])
    assert isinstance(page, MailPage)
    world.site.keyring = Keyring([b"n" * 32])

    after = await world.successor()

    assert opened(page.jobs[0], world.site.keyring, at_ms=0) is None
    assert await read(after, key) == ()


@pytest.mark.parametrize("message", [ReadMail, ClearMail])
async def test_captured_mail_is_for_a_secret_key_of_the_storefront(
    world: World, message: type[ReadMail | ClearMail]
) -> None:
    await world.furnish("bravo", sandbox=True)
    publishable = await world.ask("alpha", AddKey(key_kind="publishable", name="n"))
    foreign = await world.ask("bravo", AddKey(key_kind="secret", name="n"))
    assert isinstance(publishable, KeyMade)
    assert isinstance(foreign, KeyMade)

    outcomes = [
        await world.ask("alpha", message(key_digest=digest(secret)))
        for secret in (publishable.secret, foreign.secret, "made up")
    ]

    assert outcomes == [KeyRefused()] * 3
    assert await world.ask("nobody", message(key_digest="0" * 64)) == KeyRefused()


@pytest.mark.parametrize("message", [ReadMail, ClearMail])
async def test_other_storefronts_have_no_captured_mail(
    world: World, message: type[ReadMail | ClearMail]
) -> None:
    await world.furnish("bravo")
    made = await world.ask("bravo", AddKey(key_kind="secret", name="n"))
    assert isinstance(made, KeyMade)

    assert await world.ask("bravo", message(key_digest=digest(made.secret))) == NotFound()


async def test_a_mail_says_how_long_it_is_good_for(world: World, key: str) -> None:
    await request(world, 1)
    await world.advance(200)
    await request(world, 1)

    first, second = await read(world, key)

    assert (minutes_left(first), minutes_left(second)) == (10, 7)
    assert first.code == second.code
    assert second.sent_at_ms - first.sent_at_ms == 200_000


async def test_a_sent_mail_names_its_storefront_and_colour() -> None:
    world = await World().open()
    await world.put("alpha", display_name="Alpha Shop", accent="#123456")
    await world.put("bravo")

    await world.request("alpha")
    await world.request("bravo")

    assert (world.mail().display_name, world.mail().accent) == ("Alpha Shop", "#123456")
    assert world.mail("bravo").accent.startswith("#")
    assert world.mail().link is None


async def test_a_mailed_link_leads_to_the_storefronts_landing_page() -> None:
    world = await (await World().open()).furnish(
        "alpha", policy=b'{"guesses":{"perEmailPerHour":1}}'
    )
    await world.verify(f"{(int(await world.code()) + 1) % 1_000_000:06d}")

    await world.ask("alpha", RequestCode(email=EMAIL, caller=Caller(address="x")))

    link = world.mail().link
    assert link is not None
    assert link.startswith(f"{ORIGIN}/s/alpha/account/link?token=l")


def test_a_page_of_mail_survives_its_encoding() -> None:
    pages = MailPages(first=1, end=3, count=140)

    assert decode(MailPages.kind, encode(pages)) == pages


def minutes_left(mail: Mail) -> int:
    assert isinstance(mail.content, SignIn)
    return mail.content.minutes_left
