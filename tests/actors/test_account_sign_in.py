"""Signing in on the account surface: neutral requests, one challenge with the portal's."""

from collections.abc import Sequence

import pytest

from doorward.actors import tokens
from doorward.actors.journal import Commit, Ending
from doorward.actors.messages.account import (
    AccountSignedIn,
    Requested,
    RequestSignIn,
    VerifySignIn,
)
from doorward.actors.messages.envelope import Caller
from doorward.actors.messages.refusals import NotFound, OriginRefused, TooMany
from doorward.actors.messages.sandbox import MailList, ReadMail
from doorward.actors.messages.sign_in import CodeSent, RequestCode, SignedIn, SignInRefused
from doorward.actors.partitions import record_prefix
from doorward.actors.records.codec import decode
from doorward.actors.records.sign_in import Email
from tests.actors.harness import CALLER, EMAIL, World, wrong
from tests.actors.ordering import key_of, put, stored_under
from tests.actors.simulation.model_journal import ModelJournal
from tests.actors.simulation.model_store import ModelStore
from tests.actors.visiting import answer, ask_for, code_of, enter, follow, holding

OPEN = b'{"signIn":{"open":true}}'
STRANGER = "stranger@example.org"
HOUR = 3_600


@pytest.fixture
async def world() -> World:
    world = await (await World().open()).furnish("alpha", "bravo")
    await put(world)
    return world


def elsewhere(number: int) -> Caller:
    return Caller(address=f"198.51.100.{number}", scheme="https")


def stored(world: World) -> dict[str, bytes]:
    prefix = record_prefix("alpha")
    return {
        key.removeprefix(prefix): value
        for key, (value, _) in world.site.store.image.records.items()
        if key.startswith(prefix)
    }


def email_record(world: World, email: str) -> Email:
    record = decode("email", stored(world)[f"email:{tokens.email_id(email)}"])
    assert isinstance(record, Email)
    return record


class Noted(ModelJournal):
    """Notes which records are read and written, by kind."""

    def __init__(self, store: ModelStore) -> None:
        super().__init__(store)
        self.kinds: list[str] = []

    async def flush(
        self, commits: Sequence[Commit], reads: Sequence[str]
    ) -> tuple[list[Ending], list[bytes | None]]:
        self.kinds += [f"read {key.split(':')[3]}" for key in reads]
        for commit in commits:
            self.kinds += [f"{op[0]} {op[1].split(':')[-2]}" for op in commit.operations]
        return await super().flush(commits, reads)


async def touched(world: World, email: str, *, with_link: bool) -> list[str]:
    """Ask for a mail on a host that remembers nothing; tell what it read and wrote, in order."""
    journal = Noted(world.site.store)
    heir = World(world.site, owner="host-9", dead=("host-1", "host-9"), journal=journal)
    await heir.open()
    assert isinstance(await ask_for(heir, email=email, with_link=with_link), Requested)
    return journal.kinds


# --- one mail, two ways in --------------------------------------------------------------------


async def test_one_mail_carries_a_link_and_a_code(world: World) -> None:
    await ask_for(world)

    assert len(world.mails()) == 1
    assert world.mail().code is not None
    assert world.token().startswith("l")


async def test_asking_for_a_code_mails_a_code_only(world: World) -> None:
    await ask_for(world, with_link=False)

    assert (world.mail().code is not None, world.mail().link) == (True, None)


@pytest.mark.parametrize("asked", ["code", "link", "link, then code", "code, then link"])
async def test_where_a_link_leads_is_forgotten_with_the_sign_in(world: World, asked: str) -> None:
    for what in asked.split(", then "):
        await ask_for(world, with_link=what == "link")
    code = world.mail().code
    assert len(stored_under(world, "link:")) == ("link" in asked)

    assert code is not None
    assert isinstance(await answer(world, code), AccountSignedIn)

    assert stored_under(world, "link:") == {}


@pytest.mark.parametrize("first", ["code", "link"])
async def test_link_and_code_kill_each_other(world: World, first: str) -> None:
    code = await code_of(world)
    token = world.token()

    won = await (answer(world, code) if first == "code" else follow(world, token))

    assert isinstance(won, AccountSignedIn)
    assert isinstance(await answer(world, code), SignInRefused)
    assert isinstance(await follow(world, token), SignInRefused)


async def test_of_parallel_codes_and_links_exactly_one_wins(world: World) -> None:
    code = await code_of(world)
    digest = tokens.digest(world.token())
    by_code = [VerifySignIn(caller=CALLER, email=EMAIL, code=code)] * 25
    by_link = [VerifySignIn(caller=CALLER, token_digest=digest)] * 25

    outcomes = await world.ask_all("alpha", [*by_link, *by_code])

    assert sum(isinstance(outcome, AccountSignedIn) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, SignInRefused) for outcome in outcomes) == 49


async def test_a_link_is_dead_after_ten_minutes(world: World) -> None:
    await ask_for(world)
    await world.advance(600)

    assert isinstance(await follow(world, world.token()), SignInRefused)


async def test_another_storefronts_link_and_code_open_nothing(world: World) -> None:
    await put(world, slug="bravo")
    code = await code_of(world)
    await ask_for(world, "bravo")

    assert isinstance(await follow(world, world.token(), "bravo"), SignInRefused)
    assert isinstance(await answer(world, code, "bravo"), SignInRefused)
    assert isinstance(await answer(world, code), AccountSignedIn)


# --- one challenge with the portal ------------------------------------------------------------


async def test_a_code_of_the_portal_gains_a_link_and_stays_the_same(world: World) -> None:
    code = await world.code()
    await ask_for(world)

    assert world.mail().code == code
    assert isinstance(await follow(world, world.token()), AccountSignedIn)
    assert isinstance(await world.verify(code), SignInRefused)


async def test_the_portal_mails_the_code_of_the_account_without_its_link(world: World) -> None:
    code = await code_of(world)
    await world.request()

    assert (world.mail().code, world.mail().link) == (code, None)
    assert isinstance(await world.verify(code), SignedIn)
    assert isinstance(await follow(world, world.mails()[0].link or ""), SignInRefused)


async def test_wrong_guesses_count_over_surfaces_and_resends(world: World) -> None:
    code = await world.code()
    for number in (1, 2):
        await world.verify(wrong(code, number))
    await ask_for(world)
    for number in (3, 4, 5):
        await answer(world, wrong(code, number))

    assert isinstance(await answer(world, code), SignInRefused)
    assert isinstance(await world.verify(code), SignInRefused)
    assert isinstance(await follow(world, world.token()), SignInRefused)


async def test_requests_count_over_surfaces(world: World) -> None:
    await world.code()
    await ask_for(world)
    await ask_for(world, with_link=False)

    assert isinstance(await world.request(), TooMany)
    mailed = len(world.mails())
    assert isinstance(await ask_for(world), Requested)
    assert len(world.mails()) == mailed


async def test_past_the_guess_budget_the_mail_carries_a_link_and_no_code(world: World) -> None:
    for _ in range(2):
        code = await code_of(world)
        for number in range(1, 6):
            await answer(world, wrong(code, number))
        await world.advance(61)
    for with_link in (True, False):
        await ask_for(world, with_link=with_link)

        assert world.mail().code is None
        assert world.mail().link is not None
    assert isinstance(await follow(world, world.token()), AccountSignedIn)


# --- neutral ----------------------------------------------------------------------------------


async def test_a_mail_goes_to_whoever_ordered_or_signed_in_and_to_nobody_else(
    world: World,
) -> None:
    await world.sign_in(email="bea@example.org")
    before = len(world.jobs)
    for email in (EMAIL, "bea@example.org", STRANGER):
        await ask_for(world, email=email)

    sent = [(job.to, job.is_blank) for _, _, job in world.jobs[before:]]
    assert sent == [(EMAIL, False), ("bea@example.org", False), (STRANGER, True)]
    assert world.mails(email=STRANGER) == []


async def test_an_open_storefront_mails_to_everybody(world: World) -> None:
    await world.put("alpha", policy=OPEN)

    signed_in = await enter(world, email=STRANGER)

    assert signed_in.account.email == STRANGER
    assert signed_in.account.email_verified


async def test_known_unknown_locked_and_over_budget_emails_are_answered_alike(
    world: World,
) -> None:
    code = await code_of(world)
    for number in range(1, 6):
        await answer(world, wrong(code, number))
    burned = await ask_for(world, caller=elsewhere(1))
    await ask_for(world)
    over = await ask_for(world, caller=elsewhere(2))
    unknown = await ask_for(world, email=STRANGER, caller=elsewhere(3))
    await put(world, "A-2", email="fresh@example.org")
    known = await ask_for(world, email="fresh@example.org", caller=elsewhere(4))

    assert burned == over == unknown == known
    assert isinstance(known, Requested)
    assert known.standing.rule.name == "codes.address"


@pytest.mark.parametrize("with_link", [True, False])
async def test_every_request_reads_and_writes_the_same_records(
    world: World, *, with_link: bool
) -> None:
    await world.sign_in(email="bea@example.org")
    for number in range(5):
        await answer(world, wrong(await code_of(world), number), email=EMAIL)
        await world.advance(61)
    fresh = await touched(world, STRANGER, with_link=with_link)
    again = [await touched(world, STRANGER, with_link=with_link) for _ in range(4)]
    known = await touched(world, "bea@example.org", with_link=with_link)
    locked = await touched(world, EMAIL, with_link=with_link)

    assert [*again, known, locked] == [fresh] * 6
    assert {"m", "s"} == {what.split()[0] for what in fresh} - {"read"}


async def test_a_request_over_budget_leaves_the_live_code_alone(world: World) -> None:
    code = await code_of(world)
    await world.advance(301)
    for _ in range(3):
        await ask_for(world)
    fresh = world.mail().code
    before = email_record(world, EMAIL)
    await ask_for(world)

    assert fresh != code
    assert email_record(world, EMAIL) == before
    assert isinstance(await answer(world, fresh or ""), AccountSignedIn)


async def test_no_guess_at_a_code_that_was_never_mailed_is_right(world: World) -> None:
    await ask_for(world, email=STRANGER)
    challenge = email_record(world, STRANGER).challenge
    assert challenge is not None
    birth = decode("storefront", stored(world)["storefront:"]).birth
    life = f"alpha/{birth}"
    code = world.site.keyring.code(challenge.key_id, life, challenge.id)
    token = world.site.keyring.link_token(challenge.key_id, life, challenge.id)

    assert isinstance(await answer(world, code, email=STRANGER), SignInRefused)
    assert isinstance(await follow(world, token), SignInRefused)
    assert isinstance(await world.verify(code, email=STRANGER), SignInRefused)
    assert email_record(world, STRANGER).guesses.total == 2
    await world.request(email=STRANGER)
    assert world.mail(email=STRANGER).code == code
    assert isinstance(await answer(world, code, email=STRANGER), AccountSignedIn)


async def test_a_request_that_mails_nothing_leaves_what_was_mailed_alone(world: World) -> None:
    code = await world.code(email=STRANGER)
    await world.advance(301)
    before = email_record(world, STRANGER).challenge

    await ask_for(world, email=STRANGER)

    assert email_record(world, STRANGER).challenge == before
    assert len(world.mails(email=STRANGER)) == 1
    assert isinstance(await world.verify(code, email=STRANGER), SignedIn)


async def test_guesses_at_known_and_unknown_emails_count_alike(world: World) -> None:
    kept = []
    for email in (EMAIL, STRANGER):
        await ask_for(world, email=email)
        for number in range(6):
            await answer(world, f"{number:06d}", email=email)
        record = email_record(world, email)
        challenge = record.challenge
        assert challenge is not None
        kept.append((challenge.wrong, challenge.burned, record.guesses.total))

    assert kept[0] == kept[1] == (5, True, 5)


async def test_only_storefront_and_address_limits_refuse(world: World) -> None:
    await world.put("alpha", policy=b'{"codes":{"perStorefrontPerMinute":70}}')
    requests = [RequestSignIn(email=EMAIL, caller=CALLER, with_link=True)] * 61

    outcomes = await world.ask_all("alpha", requests)
    others = [RequestSignIn(email=EMAIL, caller=elsewhere(n), with_link=True) for n in range(11)]
    later = await world.ask_all("alpha", others)

    assert [isinstance(outcome, TooMany) for outcome in outcomes] == [False] * 60 + [True]
    assert [isinstance(outcome, TooMany) for outcome in later] == [False] * 10 + [True]
    refused = later[-1]
    assert isinstance(refused, TooMany)
    assert refused.standing.rule.name == "codes.storefront"
    assert len(world.mails()) == 3


async def test_a_request_changes_nothing_for_who_is_signed_in(world: World) -> None:
    signed_in = await enter(world)
    customer = stored(world)[f"customer:{signed_in.account.id}"]
    for _ in range(5):
        await ask_for(world)

    assert stored(world)[f"customer:{signed_in.account.id}"] == customer


async def test_a_sandbox_storefront_keeps_only_mail_that_somebody_would_get() -> None:
    world = await (await World().open()).furnish("alpha", sandbox=True)
    await put(world)
    for email in (STRANGER, EMAIL, STRANGER):
        await ask_for(world, email=email)

    captured = await world.ask("alpha", ReadMail(key_digest=await key_of(world)))

    assert isinstance(captured, MailList)
    assert [mail.to for mail in captured.items] == [EMAIL]
    assert world.jobs == []


# --- refusals ---------------------------------------------------------------------------------


@pytest.mark.parametrize("message", [RequestSignIn, VerifySignIn])
async def test_a_page_of_another_origin_can_do_nothing(world: World, message: type) -> None:
    foreign = Caller(address=CALLER.address, origin="https://evil.example", scheme="https")
    fields = {"with_link": True} if message is RequestSignIn else {"code": "000000"}

    refused = await world.ask("alpha", message(caller=foreign, email=EMAIL, **fields))

    assert refused == OriginRefused()
    assert world.jobs == []


async def test_an_unknown_or_unpublished_storefront_is_not_there(world: World) -> None:
    await world.put("bravo", published=False)
    for slug in ("bravo", "nowhere"):
        assert await ask_for(world, slug) == NotFound()
        assert await answer(world, "000000", slug) == NotFound()
        assert await follow(world, "l" + "x" * 43, slug) == NotFound()


async def test_verify_without_anything_to_verify_is_refused_like_anything_wrong(
    world: World,
) -> None:
    refused = await world.ask("alpha", VerifySignIn(caller=CALLER))

    assert isinstance(refused, SignInRefused)


async def test_signing_in_ends_what_was_presented_and_mints_two_fresh_secrets(
    world: World,
) -> None:
    first = await enter(world)
    second = await enter(world, presented=holding(first))

    secrets = {
        first.cookie_secret,
        first.bearer_secret,
        second.cookie_secret,
        second.bearer_secret,
    }
    assert len(secrets) == 4
    assert {len(secret) for secret in secrets} == {43, 86}
    assert first.account.id == second.account.id
    assert "secrets=…" in repr(second)
    assert not any(secret in repr(second) for secret in secrets)


async def test_no_secret_lies_in_the_store(world: World) -> None:
    code = await code_of(world)
    token = world.token()
    signed_in = await answer(world, code)
    assert isinstance(signed_in, AccountSignedIn)

    at_rest = b"".join([*stored(world).values(), *map(str.encode, stored(world))])

    for secret in (token, signed_in.cookie_secret, signed_in.bearer_secret):
        assert secret.encode() not in at_rest


async def test_the_portal_still_mails_to_strangers_and_tells_them_of_their_budget(
    world: World,
) -> None:
    sent = [await world.ask("alpha", RequestCode(email=STRANGER, caller=CALLER)) for _ in range(4)]

    assert [type(outcome) for outcome in sent] == [CodeSent, CodeSent, CodeSent, TooMany]
    assert len(world.mails(email=STRANGER)) == 3
