import re

import pytest

from doorward.actors import tokens
from doorward.actors.keyring import Keyring
from doorward.actors.messages.envelope import Caller, Outcome
from doorward.actors.messages.refusals import NotFound, OriginRefused, TooMany
from doorward.actors.messages.sign_in import (
    CodeSent,
    RequestCode,
    SignedIn,
    SignInRefused,
    VerifyCode,
    VerifyLink,
)
from doorward.actors.turns import Place
from tests.actors.harness import (
    CALLER,
    EMAIL,
    LEASE_SECONDS,
    MASTER_KEY,
    Site,
    World,
    cookie,
    wrong,
)

DAY = 86_400
HOUR = 3_600


@pytest.fixture
async def world() -> World:
    return await (await World().open()).furnish("alpha", "bravo")


async def guess_wrong(world: World, times: int, slug: str = "alpha", email: str = EMAIL) -> None:
    """Evaluate so many wrong guesses, asking for codes and letting time pass as it takes."""
    evaluated = 0
    while evaluated < times:
        code = await world.code(slug, email)
        for number in range(1, min(5, times - evaluated) + 1):
            refused = await world.verify(wrong(code, number), slug, email)
            assert isinstance(refused, SignInRefused)
            evaluated += 1
        await world.advance(61)


def elsewhere(number: int) -> Caller:
    return Caller(address=f"198.51.100.{number}", scheme="https")


async def test_a_code_is_six_digits_and_signs_in(world: World) -> None:
    code = await world.code()

    signed_in = await world.verify(code)

    assert re.fullmatch(r"[0-9]{6}", code)
    assert isinstance(signed_in, SignedIn)
    assert signed_in.customer.email == EMAIL


async def test_the_answer_to_a_request_says_nothing_about_the_email(world: World) -> None:
    await world.sign_in()
    await world.advance(120)

    known = await world.request(caller=elsewhere(1))
    await world.advance(120)
    unknown = await world.request(email="new@example.org", caller=elsewhere(1))

    assert known == unknown


async def test_a_code_lives_ten_minutes(world: World) -> None:
    first, second = await world.code(), await world.code(email="bob@example.org")

    await world.advance(595)
    early = await world.verify(first)
    await world.advance(5)
    late = await world.verify(second, email="bob@example.org")

    assert isinstance(early, SignedIn)
    assert isinstance(late, SignInRefused)


async def test_a_code_works_once(world: World) -> None:
    code = await world.code()

    first, second = await world.verify(code), await world.verify(code)

    assert isinstance(first, SignedIn)
    assert isinstance(second, SignInRefused)


async def test_of_fifty_parallel_uses_of_a_code_one_wins(world: World) -> None:
    code = await world.code()

    outcomes = await world.ask_all(
        "alpha", [VerifyCode(email=EMAIL, code=code, caller=CALLER) for _ in range(50)]
    )

    assert sum(isinstance(outcome, SignedIn) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, SignInRefused) for outcome in outcomes) == 49


async def test_the_fifth_wrong_guess_burns_a_code(world: World) -> None:
    code = await world.code()

    for number in range(1, 6):
        await world.verify(wrong(code, number))

    assert isinstance(await world.verify(code), SignInRefused)


async def test_after_four_wrong_guesses_the_right_one_still_works(world: World) -> None:
    code = await world.code()

    for number in range(1, 5):
        await world.verify(wrong(code, number))

    assert isinstance(await world.verify(code), SignedIn)


@pytest.mark.parametrize("before", range(0, 50, 7))
async def test_parallel_guesses_cannot_share_one_count(world: World, before: int) -> None:
    code = await world.code()
    guesses = [wrong(code, number) for number in range(1, 50)]
    guesses.insert(before, code)

    outcomes = await world.ask_all(
        "alpha", [VerifyCode(email=EMAIL, code=guess, caller=CALLER) for guess in guesses]
    )
    again = await world.verify(code)

    accepted = [index for index, outcome in enumerate(outcomes) if isinstance(outcome, SignedIn)]
    assert accepted == ([before] if before < 5 else [])
    assert isinstance(again, SignInRefused)


async def test_a_request_mails_the_same_code_while_it_has_five_minutes_left(world: World) -> None:
    first = await world.code()
    await world.advance(300)

    second = await world.code()

    assert first == second
    assert world.mails()[0].expires_at_ms == world.mails()[1].expires_at_ms


async def test_a_request_mails_a_fresh_code_when_less_than_five_minutes_are_left(
    world: World,
) -> None:
    first = await world.code()
    await world.advance(300.001)

    second = await world.code()
    old, new = await world.verify(first), await world.verify(second)

    assert first != second
    assert isinstance(old, SignInRefused)
    assert isinstance(new, SignedIn)


async def test_asking_again_does_not_restart_the_attempts(world: World) -> None:
    code = await world.code()
    for number in range(1, 4):
        await world.verify(wrong(code, number))

    again = await world.code()
    for number in range(4, 6):
        await world.verify(wrong(code, number))

    assert again == code
    assert isinstance(await world.verify(code), SignInRefused)


async def test_a_burned_code_is_followed_by_a_fresh_one(world: World) -> None:
    burned = await world.code()
    for number in range(1, 6):
        await world.verify(wrong(burned, number))

    fresh = await world.code()

    assert fresh != burned
    assert isinstance(await world.verify(fresh), SignedIn)


async def test_the_newest_code_alone_is_valid(world: World) -> None:
    first = await world.code()
    await world.advance(400)
    second = await world.code()

    outcomes = [await world.verify(first), await world.verify(second)]

    assert [type(outcome) for outcome in outcomes] == [SignInRefused, SignedIn]


async def test_no_wrong_answer_differs_from_another(world: World) -> None:
    used, burned, expired, live = (f"{name}@example.org" for name in ("a", "b", "c", "d"))
    expired_code = await world.code(email=expired)
    await world.advance(601)
    used_code = await world.code(email=used)
    await world.verify(used_code, email=used)
    burned_code = await world.code(email=burned)
    for number in range(1, 6):
        await world.verify(wrong(burned_code, number), email=burned)
    live_code = await world.code(email=live)
    await world.advance(61)

    tried = [(used, used_code), (burned, burned_code), (expired, expired_code)]
    tried += [(live, wrong(live_code)), ("never@example.org", "000000")]
    outcomes: list[Outcome] = [
        await world.ask("alpha", VerifyCode(email=email, code=code, caller=elsewhere(number)))
        for number, (email, code) in enumerate(tried)
    ]

    assert all(isinstance(outcome, SignInRefused) for outcome in outcomes)
    standings = [outcome.standing for outcome in outcomes if isinstance(outcome, SignInRefused)]
    assert all(standing == standings[0] for standing in standings)


async def test_a_try_that_compares_nothing_is_not_a_wrong_guess(world: World) -> None:
    for _ in range(12):
        await world.verify("000000")

    code = await world.code()

    assert isinstance(await world.verify(code), SignedIn)


async def test_a_try_at_a_burned_code_is_not_a_wrong_guess(world: World) -> None:
    code = await world.code()
    for number in range(1, 10):
        await world.verify(wrong(code, number))
    await world.advance(61)

    assert world.mail().code is not None
    assert await world.code() != code


async def test_the_tenth_wrong_guess_in_an_hour_turns_codes_into_links(world: World) -> None:
    await guess_wrong(world, 9)
    code = await world.code()
    await world.verify(wrong(code))
    burned = await world.verify(code)

    sent = await world.request()
    mail = world.mail()

    assert isinstance(burned, SignInRefused)
    assert isinstance(sent, CodeSent)
    assert mail.code is None
    assert mail.link is not None


async def test_nine_wrong_guesses_in_an_hour_are_not_enough(world: World) -> None:
    await guess_wrong(world, 9)

    code = await world.code()

    assert isinstance(await world.verify(code), SignedIn)


async def test_links_replace_codes_for_a_day(world: World) -> None:
    await guess_wrong(world, 10)
    await world.advance(DAY - 62)
    await world.request()
    before = world.mail()
    await world.advance(1)
    await world.request()
    after = world.mail()

    assert before.code is None
    assert after.code is not None


async def test_wrong_guesses_that_are_an_hour_apart_are_counted_by_the_day(world: World) -> None:
    await world.put("alpha", policy=b'{"codes":{"perEmailPerHour":100,"perEmailPerDay":200}}')
    for _ in range(3):
        await guess_wrong(world, 9)
        await world.advance(HOUR)
    await guess_wrong(world, 2)
    last = await world.code()

    await world.verify(wrong(last))
    await world.request()

    assert world.mail().code is None


async def test_wrong_guesses_are_counted_for_their_email_alone(world: World) -> None:
    await guess_wrong(world, 10)

    await world.request(email="bob@example.org")

    assert world.mail(email="bob@example.org").code is not None


async def test_a_link_signs_in_once(world: World) -> None:
    await guess_wrong(world, 10)
    await world.request()
    token = world.token()

    first, second = await world.follow(token), await world.follow(token)

    assert re.fullmatch(r"l[A-Za-z0-9_-]{43}", token)
    assert isinstance(first, SignedIn)
    assert first.customer.email == EMAIL
    assert isinstance(second, SignInRefused)


async def test_of_many_parallel_uses_of_a_link_one_wins(world: World) -> None:
    await guess_wrong(world, 10)
    await world.request()
    message = VerifyLink(token_digest=tokens.digest(world.token()), caller=CALLER)

    outcomes = await world.ask_all("alpha", [message] * 20)

    assert sum(isinstance(outcome, SignedIn) for outcome in outcomes) == 1


async def test_a_link_lives_ten_minutes(world: World) -> None:
    await guess_wrong(world, 10)
    await world.request()

    await world.advance(600)

    assert isinstance(await world.follow(world.token()), SignInRefused)


async def test_a_link_is_mailed_again_while_it_has_time_left(world: World) -> None:
    await guess_wrong(world, 10)
    await world.request()
    first = world.token()
    await world.advance(100)
    await world.request()

    second = world.token()

    assert first == second
    assert isinstance(await world.follow(second), SignedIn)


async def test_an_older_link_dies_with_its_challenge(world: World) -> None:
    await guess_wrong(world, 10)
    await world.request()
    first = world.token()
    await world.advance(400)
    await world.request()

    outcomes = [await world.follow(first), await world.follow(world.token())]

    assert [type(outcome) for outcome in outcomes] == [SignInRefused, SignedIn]


async def test_a_link_kills_the_code_before_it(world: World) -> None:
    code = await world.code()
    await guess_wrong(world, 9)
    await world.verify(wrong(await world.code()))
    await world.request()

    refused = await world.verify(code)
    signed_in = await world.follow(world.token())

    assert isinstance(refused, SignInRefused)
    assert isinstance(signed_in, SignedIn)


async def test_a_code_typed_where_a_link_was_mailed_compares_nothing(world: World) -> None:
    await guess_wrong(world, 10)
    await world.request()

    for _ in range(6):
        await world.verify("000000")

    assert isinstance(await world.follow(world.token()), SignedIn)


async def test_a_link_of_another_storefront_opens_nothing(world: World) -> None:
    await guess_wrong(world, 10)
    await world.request()
    token = world.token()

    foreign, own = await world.follow(token, "bravo"), await world.follow(token)

    assert isinstance(foreign, SignInRefused)
    assert isinstance(own, SignedIn)


async def test_a_code_of_another_storefront_opens_nothing_and_costs_nothing_there(
    world: World,
) -> None:
    foreign = await world.code("bravo")
    own = await world.code("alpha")

    refused = await world.verify(foreign, "alpha")
    at_home = await world.verify(foreign, "bravo")

    assert foreign != own
    assert isinstance(refused, SignInRefused)
    assert isinstance(at_home, SignedIn)
    assert isinstance(await world.verify(own, "alpha"), SignedIn)


async def test_the_same_mailbox_at_two_storefronts_has_two_budgets(world: World) -> None:
    for _ in range(3):
        await world.request("alpha")

    refused, sent = await world.request("alpha"), await world.request("bravo")

    assert isinstance(refused, TooMany)
    assert isinstance(sent, CodeSent)


async def test_links_instead_of_codes_stay_with_their_storefront(world: World) -> None:
    await guess_wrong(world, 10)

    await world.request("bravo")

    assert world.mail("bravo").code is not None


async def test_three_codes_fit_into_any_minute(world: World) -> None:
    await world.request()
    await world.advance(40)
    await world.request()
    await world.request()

    refused = await world.request()
    await world.advance(19.999)
    still = await world.request()
    await world.advance(0.001)
    sent = await world.request()

    assert isinstance(refused, TooMany)
    assert refused.standing.rule.name == "codes.email.minute"
    assert refused.wait_ms == 20_000
    assert isinstance(still, TooMany)
    assert still.wait_ms == 1
    assert isinstance(sent, CodeSent)


async def test_no_fixed_minute_lets_more_through(world: World) -> None:
    await world.advance(59)
    for _ in range(3):
        await world.request()
    await world.advance(1.5)

    assert isinstance(await world.request(), TooMany)


@pytest.mark.parametrize(
    ("rule", "limit", "apart"), [("codes.email.hour", 10, 61), ("codes.email.day", 20, 1_900)]
)
async def test_codes_of_an_email_are_bounded_by_longer_windows(
    world: World, rule: str, limit: int, apart: float
) -> None:
    for _ in range(limit):
        assert isinstance(await world.request(), CodeSent)
        await world.advance(apart)

    refused = await world.request()

    assert isinstance(refused, TooMany)
    assert refused.standing.rule.name == rule


async def test_refused_requests_count_nowhere(world: World) -> None:
    for _ in range(30):
        await world.request()
    await world.advance(60)

    outcomes = [await world.request() for _ in range(4)]

    assert [type(outcome) for outcome in outcomes] == [CodeSent, CodeSent, CodeSent, TooMany]


async def test_one_address_asks_for_sixty_codes_a_minute(world: World) -> None:
    messages = [RequestCode(email=f"{n}@example.org", caller=CALLER) for n in range(61)]

    outcomes = await world.ask_all("alpha", messages)
    other = await world.request(caller=elsewhere(1))

    assert [type(outcome) for outcome in outcomes] == [CodeSent] * 60 + [TooMany]
    assert isinstance(outcomes[60], TooMany)
    assert outcomes[60].standing.rule.name == "codes.address"
    assert isinstance(other, CodeSent)


async def test_one_address_tries_a_hundred_and_twenty_times_a_minute(world: World) -> None:
    messages = [VerifyCode(email="a@example.org", code="000000", caller=CALLER)] * 121

    outcomes = await world.ask_all("alpha", messages)
    link = await world.follow("l" + "x" * 43)
    other = await world.ask("alpha", VerifyCode(email=EMAIL, code="000000", caller=elsewhere(1)))

    assert [type(outcome) for outcome in outcomes] == [SignInRefused] * 120 + [TooMany]
    assert isinstance(link, TooMany)
    assert link.standing.rule.name == "verifications.address"
    assert isinstance(other, SignInRefused)


async def test_an_address_has_a_budget_per_storefront(world: World) -> None:
    messages = [VerifyCode(email="a@example.org", code="000000", caller=CALLER)] * 121
    await world.ask_all("alpha", messages)

    assert isinstance(await world.verify("000000", "bravo"), SignInRefused)


async def test_a_refused_right_code_is_not_spent(world: World) -> None:
    code = await world.code()
    tries = [VerifyCode(email="a@example.org", code="000000", caller=CALLER)] * 120
    await world.ask_all("alpha", tries)

    refused = await world.verify(code)
    await world.advance(60)

    assert isinstance(refused, TooMany)
    assert isinstance(await world.verify(code), SignedIn)


async def test_a_storefront_sends_six_hundred_codes_a_minute(world: World) -> None:
    messages = [
        RequestCode(email=f"{n}@example.org", caller=elsewhere(n // 50)) for n in range(601)
    ]

    outcomes = await world.ask_all("alpha", messages)

    assert [type(outcome) for outcome in outcomes] == [CodeSent] * 600 + [TooMany]
    assert isinstance(outcomes[600], TooMany)
    assert outcomes[600].standing.rule.name == "codes.storefront"


async def test_a_storefront_is_tried_twelve_hundred_times_a_minute() -> None:
    world = await (await World(mailbox_limit=2_000).open()).furnish("alpha")
    messages = [
        VerifyCode(email=EMAIL, code="000000", caller=elsewhere(n // 100)) for n in range(1_201)
    ]

    outcomes = await world.ask_all("alpha", messages)

    assert [type(outcome) for outcome in outcomes] == [SignInRefused] * 1_200 + [TooMany]
    assert isinstance(outcomes[1_200], TooMany)
    assert outcomes[1_200].standing.rule.name == "verifications.storefront"


async def test_an_answer_tells_the_tightest_limit_as_it_stands_after_it(world: World) -> None:
    outcomes = [await world.request() for _ in range(3)]

    standings = [outcome.standing for outcome in outcomes if isinstance(outcome, CodeSent)]
    assert [standing.rule.name for standing in standings] == ["codes.email.minute"] * 3
    assert [standing.remaining for standing in standings] == [2, 1, 0]
    assert [standing.reset_ms for standing in standings] == [60_000] * 3


async def test_an_operator_may_change_the_limits(world: World) -> None:
    await world.put("alpha", policy=b'{"codes":{"perEmailPerMinute":1,"wrongPerCode":2}}')
    code = await world.code()

    refused = await world.request()
    for number in (1, 2):
        await world.verify(wrong(code, number))

    assert isinstance(refused, TooMany)
    assert isinstance(await world.verify(code), SignInRefused)


async def storm(world: World, wrong_guesses: int) -> None:
    """Evaluate so many wrong guesses in one storefront, five per email."""
    for number in range(-(-wrong_guesses // 5)):
        email = f"victim-{number}@example.org"
        caller = elsewhere(number // 10)
        await world.ask("alpha", RequestCode(email=email, caller=caller))
        code = world.mail(email=email).code
        assert code is not None
        for guess in range(1, min(5, wrong_guesses - 5 * number) + 1):
            message = VerifyCode(email=email, code=wrong(code, guess), caller=caller)
            assert isinstance(await world.ask("alpha", message), SignInRefused)


async def test_past_three_hundred_wrong_guesses_an_hour_strangers_get_links(world: World) -> None:
    await storm(world, 300)
    await world.request(email="early@example.org", caller=elsewhere(90))
    await storm_one_more(world)

    await world.request(email="late@example.org", caller=elsewhere(91))
    await world.advance(HOUR)
    await world.request(email="later@example.org", caller=elsewhere(92))

    assert world.mail(email="early@example.org").code is not None
    assert world.mail(email="late@example.org").code is None
    assert world.mail(email="later@example.org").code is not None


async def storm_one_more(world: World) -> None:
    await world.ask("alpha", RequestCode(email="one@example.org", caller=elsewhere(80)))
    code = world.mail(email="one@example.org").code
    assert code is not None
    await world.ask(
        "alpha", VerifyCode(email="one@example.org", code=wrong(code), caller=elsewhere(80))
    )


async def test_a_storm_leaves_known_devices_their_codes(world: World) -> None:
    known = await world.sign_in()
    other = await world.sign_in(email="bob@example.org")
    assert known.device_secret is not None
    assert other.device_secret is not None
    await storm(world, 301)

    for device in (known.device_secret, other.device_secret, None, "made up"):
        await world.advance(70)
        message = RequestCode(email=EMAIL, caller=elsewhere(95), device=cookie(device))
        await world.ask("alpha", message)

    codes = [mail.code is not None for mail in world.mails()[-4:]]
    assert codes == [True, False, False, False]


async def test_a_device_is_known_for_half_a_year(world: World) -> None:
    known = await world.sign_in()
    await world.advance(180 * DAY)
    await storm(world, 301)

    message = RequestCode(email=EMAIL, caller=elsewhere(95), device=cookie(known.device_secret))
    await world.ask("alpha", message)

    assert world.mail().code is None


async def test_a_storm_at_one_storefront_is_none_at_another(world: World) -> None:
    await storm(world, 301)

    await world.request("bravo")

    assert world.mail("bravo").code is not None


async def test_a_device_of_another_email_is_none_of_mine_while_unknown(world: World) -> None:
    known = await world.sign_in()
    await storm(world, 301)

    email = "new@example.org"
    message = RequestCode(email=email, caller=elsewhere(95), device=cookie(known.device_secret))
    await world.ask("alpha", message)

    assert world.mail(email=email).code is None


@pytest.mark.parametrize("published", [True, False])
async def test_a_storefront_that_is_not_published_is_not_there(published: bool) -> None:  # noqa: FBT001 - pytest passes it by name
    world = await (await World().open()).furnish("alpha")
    code = await world.code()
    await world.put("alpha", published=published)

    outcomes = [await world.request(), await world.verify(code), await world.follow("l")]

    assert [isinstance(outcome, NotFound) for outcome in outcomes] == [not published] * 3


async def test_a_foreign_origin_is_refused_before_anything_is_counted(world: World) -> None:
    foreign = Caller(address=CALLER.address, origin="https://evil.example", scheme="https")
    code = await world.code()

    outcomes = [
        await world.request(caller=foreign),
        await world.ask("alpha", VerifyCode(email=EMAIL, code=code, caller=foreign)),
        await world.ask("alpha", VerifyLink(token_digest="0" * 64, caller=foreign)),
    ]

    assert outcomes == [OriginRefused()] * 3
    assert len(world.jobs) == 1
    assert isinstance(await world.verify(code), SignedIn)


async def test_the_storefronts_own_origin_is_let_through(world: World) -> None:
    own = Caller(address=CALLER.address, origin="https://alpha.example", scheme="https")

    assert isinstance(await world.request(caller=own), CodeSent)


async def test_a_code_survives_a_new_host(world: World) -> None:
    code = await world.code()
    for number in range(1, 5):
        await world.verify(wrong(code, number))

    after = await world.successor()
    burned = await after.verify(wrong(code, 5))
    right = await after.verify(code)

    assert isinstance(burned, SignInRefused)
    assert isinstance(right, SignInRefused)


async def test_every_step_may_happen_on_a_new_host(world: World) -> None:
    code = await world.code()
    world = await world.successor()
    signed_in = await world.verify(code)
    world = await world.successor()
    again = await world.verify(code)
    world = await world.successor()
    sent = [type(await world.request()) for _ in range(3)]

    assert isinstance(signed_in, SignedIn)
    assert isinstance(again, SignInRefused)
    assert sent == [CodeSent, CodeSent, TooMany]


async def test_a_store_that_went_back_rearms_nothing(world: World) -> None:
    code = await world.code()
    image = world.site.store.image.copy()
    assert isinstance(await world.verify(code), SignedIn)
    world.site.store.image = image
    world.site.wall_step_ms = -3_600_000

    after = World(world.site, owner="host-2", dead=("host-1",))
    after.ownership.expect(world.ownership.high_water())
    await after.open()
    after.site.seconds += LEASE_SECONDS  # such a store is not believed about its last owner
    await after.host.tend()

    assert isinstance(await after.verify(code), SignInRefused)


async def test_after_a_store_went_back_fresh_codes_work_at_once(world: World) -> None:
    old = await world.code()
    image = world.site.store.image.copy()
    await world.verify(wrong(old))
    world.site.store.image = image
    after = World(world.site, owner="host-2", dead=("host-1",), seed=2)
    after.ownership.expect(world.ownership.high_water())
    await after.open()
    after.site.seconds += LEASE_SECONDS  # such a store is not believed about its last owner
    await after.host.tend()

    fresh = await after.code()

    assert fresh != old
    assert isinstance(await after.verify(fresh), SignedIn)


async def test_rotating_the_master_key_kills_no_code_in_a_mailbox() -> None:
    site = Site()
    world = await (await World(site).open()).furnish("alpha")
    code = await world.code()

    site.keyring = Keyring([b"n" * 32, MASTER_KEY])
    rotated = await World(site, owner="host-2", dead=("host-1",), seed=2).open()

    assert isinstance(await rotated.verify(code), SignedIn)


async def test_a_code_of_a_master_key_that_is_gone_is_dead() -> None:
    site = Site()
    world = await (await World(site).open()).furnish("alpha")
    code = await world.code()

    site.keyring = Keyring([b"n" * 32])
    place = Place(keyring=site.keyring)
    rotated = await World(site, owner="host-2", dead=("host-1",), place=place, seed=2).open()
    refused = await rotated.verify(code)
    fresh = await rotated.code()

    assert isinstance(refused, SignInRefused)
    assert isinstance(await rotated.verify(fresh), SignedIn)


async def test_a_refusal_and_a_sign_in_are_noted_with_their_request(world: World) -> None:
    code = await world.code()
    caller = Caller(address=CALLER.address, request_id="req-12345678", scheme="https")
    world.events.clear()

    await world.ask("alpha", VerifyCode(email=EMAIL, code=wrong(code), caller=caller))
    await world.ask("alpha", VerifyCode(email=EMAIL, code=code, caller=caller))
    noted = [event.name for event in world.events if event.fields.get("request_id")]
    assert noted == ["sign_in_refused", "signed_in"]
    assert code not in repr(world.events)
    assert EMAIL not in repr(world.events)


async def test_codes_look_random() -> None:
    world = await (await World(mailbox_limit=3_000).open()).furnish(
        "alpha",
        policy=b'{"codes":{"perAddressPerMinute":10000,"perStorefrontPerMinute":10000}}',
    )
    emails = [f"{n}@example.org" for n in range(1_000)]
    await world.ask_all("alpha", [RequestCode(email=e, caller=CALLER) for e in emails])

    codes = [job_code for job_code in (world.mail(email=e).code for e in emails) if job_code]

    assert len(set(codes)) > 990
    for position in range(6):
        counts = [sum(code[position] == str(d) for code in codes) for d in range(10)]
        assert sum((count - 100) ** 2 / 100 for count in counts) < 27.9


async def test_nothing_of_a_code_is_in_the_store(world: World) -> None:
    code = await world.code()
    await guess_wrong(world, 10, email="bob@example.org")
    await world.request(email="bob@example.org")
    token = world.token(email="bob@example.org")
    signed_in = await world.verify(code)
    assert isinstance(signed_in, SignedIn)

    image = world.site.store.image
    at_rest = b"".join(
        [
            *(key.encode() + stored for key, (stored, _) in image.records.items()),
            *(mail for stream in image.streams.values() for mail in stream.entries.values()),
        ]
    )

    for secret in (code, token, signed_in.secret, signed_in.device_secret or ""):
        assert secret.encode() not in at_rest
