"""Shoppers who never stop, and a ledger of what they were promised.

An acknowledged sign-in stays a sign-in, a sign-out stays one, a used code stays used, a counted
request or guess stays counted. A request without an answer, or with a 503, promises nothing: what
it was about is struck from the ledger.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterable
from contextlib import asynccontextmanager
from itertools import count, islice
from random import Random
from typing import Final

import aiohttp

from tests.http.knocking import Answer
from tests.http.shops import Storefront, wrong_codes

SHOPPERS: Final = 12
_AT_ONCE: Final = 20
_ASKED_FOR_SECONDS: Final = 40.0
"""How long three requests are surely still within the minute that they are counted in."""


class Unanswered(Exception):
    """A request was answered 503: whether it counts is not known."""


class Promises:
    """The ledger.

    Attributes:
        signed_in: The email of every session that must live.
        signed_out: Sessions that must be dead.
        spent: Codes that were answered with, by email.
        asked: When the first of an email's three codes was asked for; a fourth must be refused.
        guessed: An email's live code, and how many wrong guesses at it were refused.
        made: How many promises there have been.
        answered: How many requests were answered, in whatever way.
        unavailable: How many requests were answered 503.
        unheard: How many requests got through to the server and were not answered.
        slowest_503_seconds: How long the slowest of the 503s took.
    """

    def __init__(self, name: str = "") -> None:
        """Promise nothing yet; ``name`` tells apart the shoppers of several ledgers."""
        self.name = name
        self.signed_in: dict[str, str] = {}
        self.signed_out: set[str] = set()
        self.spent: list[tuple[str, str]] = []
        self.asked: dict[str, float] = {}
        self.guessed: dict[str, tuple[str, int]] = {}
        self.made = 0
        self.answered = 0
        self.unavailable = 0
        self.unheard = 0
        self.slowest_503_seconds = 0.0
        self._changed = asyncio.Condition()

    async def make(self) -> None:
        """Note that there is one more promise."""
        async with self._changed:
            self.made += 1
            self._changed.notify_all()

    async def until(self, more: int) -> None:
        """Wait until there are so many more promises than now."""
        enough = self.made + more
        async with asyncio.timeout(60), self._changed:
            await self._changed.wait_for(lambda: self.made >= enough)

    async def told(self, request: Awaitable[Answer], *expected: int) -> Answer:
        """Return an answer that has one of these statuses.

        Raises:
            Unanswered: When it is a 503, which must say when to come back.
        """
        loop = asyncio.get_running_loop()
        began = loop.time()
        answer = await request
        self.answered += 1
        if answer.status == 503:
            self.unavailable += 1
            self.slowest_503_seconds = max(self.slowest_503_seconds, loop.time() - began)
            assert int(answer.headers["Retry-After"]) >= 1
            raise Unanswered
        assert answer.status in expected, answer.body
        return answer

    async def hold(self, front: Storefront) -> None:
        """Hold a server to everything that was promised.

        The guesses are spent in doing so, and are struck.
        """
        assert self.made
        guessed, self.guessed = self.guessed, {}
        now = asyncio.get_running_loop().time()
        fresh = [email for email, at in self.asked.items() if now < at + _ASKED_FOR_SECONDS]
        lives = [self._lives(front, *session) for session in self.signed_in.items()]
        dead = [self._is_dead(front, session) for session in self.signed_out]
        spent = [self._is_spent(front, *each) for each in self.spent]
        full = [self._is_full(front, email) for email in fresh]
        counted = [self._is_counted(front, email, *each) for email, each in guessed.items()]
        await _gathered([*lives, *dead, *spent, *full, *counted])

    async def _lives(self, front: Storefront, session: str, email: str) -> None:
        answer = await front.me(session)
        assert answer.data["authenticated"], "an acknowledged sign-in is lost"
        assert answer.data["client"]["email"] == email

    async def _is_dead(self, front: Storefront, session: str) -> None:
        assert not await front.is_signed_in(session), "an acknowledged sign-out is lost"

    async def _is_spent(self, front: Storefront, email: str, code: str) -> None:
        answer = await front.verify(code, email=email)
        assert answer.status == 401, "a used code was used again"

    async def _is_full(self, front: Storefront, email: str) -> None:
        answer = await front.request_code(email)
        assert answer.status == 429, "an acknowledged request is forgotten"

    async def _is_counted(self, front: Storefront, email: str, code: str, wrong: int) -> None:
        guesses = islice(wrong_codes(code), wrong, 5)
        left = [(await front.verify(guess, email=email)).status for guess in guesses]
        assert left == [401] * (5 - wrong)
        answer = await front.verify(code, email=email)
        assert answer.status == 401, "an acknowledged guess is forgotten"


@asynccontextmanager
async def shoppers(
    front: Storefront, promises: Promises, number: int = SHOPPERS, *, rest_seconds: float = 0.0
) -> AsyncIterator[None]:
    """Let shoppers come and go until the end of the block, or until nobody opens to them.

    Each rests after every errand for as long as is said.
    """
    closing = asyncio.Event()
    tasks = [
        asyncio.create_task(
            _shop(
                front,
                promises,
                f"{promises.name}{promises.made}-{each}",
                closing,
                rest_seconds=rest_seconds,
            )
        )
        for each in range(number)
    ]
    try:
        yield
    finally:
        closing.set()
        async with asyncio.timeout(60):
            await asyncio.gather(*tasks)


async def _shop(
    front: Storefront,
    promises: Promises,
    name: str,
    closing: asyncio.Event,
    *,
    rest_seconds: float,
) -> None:
    random = Random(name)
    errands = (_sign_in_and_stay, _sign_in_and_out, _ask_thrice, _guess)
    for number in count():
        if closing.is_set():
            return
        await asyncio.sleep(rest_seconds)
        try:
            await errands[number % len(errands)](front, promises, f"{name}-{number}@x.io", random)
        except Unanswered:
            continue
        except aiohttp.ClientConnectorError:
            return  # nobody listens any more
        except (aiohttp.ClientError, ConnectionError):
            promises.unheard += 1
            return
        await promises.make()


async def _sign_in(front: Storefront, promises: Promises, email: str, random: Random) -> str:
    code = await _asked(front, promises, email)
    for guess in islice(wrong_codes(code), random.randrange(3)):
        await promises.told(front.verify(guess, email=email), 401)
    answer = await promises.told(front.verify(code, email=email), 200)
    promises.spent.append((email, code))
    session = answer.cookie("portal-")
    promises.signed_in[session] = email
    return session


async def _sign_in_and_stay(
    front: Storefront, promises: Promises, email: str, random: Random
) -> None:
    session = await _sign_in(front, promises, email, random)
    answer = await promises.told(front.me(session), 200)
    assert answer.data["authenticated"], "signed in, and told the opposite"


async def _sign_in_and_out(
    front: Storefront, promises: Promises, email: str, random: Random
) -> None:
    session = await _sign_in(front, promises, email, random)
    del promises.signed_in[session]
    await promises.told(front.sign_out(session), 200)
    promises.signed_out.add(session)
    answer = await promises.told(front.me(session), 200)
    assert not answer.data["authenticated"], "signed out, and told the opposite"


async def _ask_thrice(front: Storefront, promises: Promises, email: str, _random: Random) -> None:
    began = asyncio.get_running_loop().time()
    for _ in range(3):
        await promises.told(front.request_code(email), 200)
    promises.asked[email] = began


async def _guess(front: Storefront, promises: Promises, email: str, random: Random) -> None:
    code = await _asked(front, promises, email)
    guesses = list(islice(wrong_codes(code), random.randrange(1, 5)))
    for guess in guesses:
        await promises.told(front.verify(guess, email=email), 401)
    promises.guessed[email] = (code, len(guesses))


async def _asked(front: Storefront, promises: Promises, email: str) -> str:
    await promises.told(front.request_code(email), 200)
    answer = await promises.told(front.read_mail(email), 200)
    return str(answer.body["items"][-1]["code"])


async def _gathered(checks: Iterable[Awaitable[None]]) -> None:
    """Await all of them, a few at a time."""
    turnstile = asyncio.Semaphore(_AT_ONCE)

    async def through(check: Awaitable[None]) -> None:
        async with turnstile:
            await check

    async with asyncio.TaskGroup() as group:
        for check in checks:
            group.create_task(through(check))
