import asyncio
import os
import threading
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Callable
from itertools import count
from typing import Any

import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from doorward.actors.errors import Overloaded, Unavailable
from doorward.http.argon2id import Argon2id
from doorward.http.hashing import HashingGate

SLUG = "alpha"
PASSWORD = "correct horse battery staple"
CHEAP = Argon2id(memory_kib=64, passes=1)


class Slow(Argon2id):
    """Hashes when it is told to, and says what it was asked, in that order."""

    def __init__(self) -> None:
        super().__init__(memory_kib=8, passes=1)
        self.go = threading.Event()
        self.go.set()
        self.asked: list[str] = []
        self.priorities: set[int] = set()
        self.at_once = 0
        self.most_at_once = 0
        self._lock = threading.Lock()

    def hash(self, password: str) -> str:
        with self._lock:
            self.asked.append(password)
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        self.go.wait(10)
        with self._lock:
            self.at_once -= 1
        self.priorities.add(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
        return super().hash(password)


@pytest_asyncio.fixture
async def gate() -> AsyncIterator[HashingGate]:
    gate = HashingGate(threads=1)
    yield gate
    await gate.close()


def held(
    *, threads: int, per_storefront: int = 100, in_all: int = 1_000
) -> tuple[HashingGate, Slow]:
    slow = Slow()
    gate = HashingGate(hasher=slow, threads=threads, per_storefront=per_storefront, in_all=in_all)
    slow.asked.clear()
    slow.go.clear()
    return gate, slow


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not is_so():  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(0)


async def test_only_the_right_password_matches(gate: HashingGate) -> None:
    made = await gate.hash(SLUG, PASSWORD)

    tried = [PASSWORD, PASSWORD.upper(), f"{PASSWORD} ", ""]
    found = [await gate.verify(SLUG, made, password) for password in tried]

    assert found == [(True, None), (False, None), (False, None), (False, None)]


async def test_without_a_hash_nothing_matches(gate: HashingGate) -> None:
    assert await gate.verify(SLUG, None, PASSWORD) == (False, None)


class Watched(Argon2id):
    """Notes with what parameters it compared."""

    def __init__(self) -> None:
        super().__init__(memory_kib=8, passes=1)
        self.compared: list[str] = []

    def matches(self, password_hash: str, password: str) -> bool:
        does_match = super().matches(password_hash, password)
        self.compared.append(password_hash.rpartition("$")[0].rpartition("$")[0])
        return does_match


@pytest.mark.parametrize("stored", [None, "", "nonsense", "wrong"])
async def test_whatever_is_stored_a_wrong_password_costs_one_comparison(stored: str | None) -> None:
    watched = Watched()
    gate = HashingGate(threads=1, hasher=watched)
    kept = await gate.hash(SLUG, PASSWORD) if stored == "wrong" else stored

    await gate.verify(SLUG, kept, "something else")

    assert watched.compared == ["$argon2id$v=19$m=8,t=1,p=1"]
    await gate.close()


@pytest.mark.parametrize("stored", ["", "plain", "$argon2id$v=19$m=1", "$2b$12$" + "x" * 53])
async def test_a_hash_that_cannot_be_read_matches_nothing(gate: HashingGate, stored: str) -> None:
    with capture_logs() as logged:
        assert await gate.verify(SLUG, stored, stored) == (False, None)

    assert [(each["event"], each["storefront"]) for each in logged] == [
        ("password_hash_unreadable", SLUG)
    ]


async def test_a_lesser_hash_is_made_anew_once_it_matched(gate: HashingGate) -> None:
    lesser = CHEAP.hash(PASSWORD)

    wrong = await gate.verify(SLUG, lesser, "something else")
    right, anew = await gate.verify(SLUG, lesser, PASSWORD)

    assert wrong == (False, None)
    assert right
    assert anew is not None
    assert not Argon2id().is_lesser(anew)
    assert await gate.verify(SLUG, anew, PASSWORD) == (True, None)


async def test_a_hash_made_with_more_is_kept(gate: HashingGate) -> None:
    more = Argon2id(passes=3).hash(PASSWORD)

    assert await gate.verify(SLUG, more, PASSWORD) == (True, None)


class Poor(Argon2id):
    """Has memory for one hash, the decoy, and for no more."""

    def __init__(self) -> None:
        super().__init__(memory_kib=8, passes=1)

    def matches(self, password_hash: str, password: str) -> bool:
        raise MemoryError


async def test_who_there_is_no_memory_for_is_asked_to_come_again_and_not_told_wrong() -> None:
    gate = HashingGate(threads=1, hasher=Poor())

    with pytest.raises(Overloaded):
        await gate.verify(SLUG, None, PASSWORD)
    assert await gate.hash(SLUG, PASSWORD)
    await gate.close()


async def test_no_more_threads_hash_than_it_was_given() -> None:
    gate, slow = held(threads=2)
    waiting = [asyncio.create_task(gate.hash(SLUG, f"password {n}")) for n in range(6)]
    await until(lambda: len(slow.asked) == 2)

    assert (gate.running, gate.waiting) == (2, 4)
    slow.go.set()
    await asyncio.gather(*waiting)

    assert slow.most_at_once == 2
    assert (gate.running, gate.waiting) == (0, 0)
    await gate.close()


async def test_past_the_bound_of_a_storefront_its_calls_are_refused_and_others_are_not() -> None:
    gate, slow = held(threads=1, per_storefront=2)
    waiting = [asyncio.create_task(gate.hash("full", f"password {n}")) for n in range(3)]
    await until(lambda: gate.waiting == 2)

    with pytest.raises(Overloaded) as refused:
        await gate.hash("full", "one too many")
    other = asyncio.create_task(gate.hash("other", "password"))
    await until(lambda: gate.waiting == 3)
    slow.go.set()
    await asyncio.gather(*waiting, other)

    assert isinstance(refused.value, Unavailable)
    assert refused.value.retry_after_seconds >= 1
    assert "one too many" not in slow.asked
    await gate.close()


@pytest.mark.parametrize(
    ("hash_seconds", "drawn", "told"), [(0.03, 0, 3), (0.03, 3, 6), (0.01, 0, 1), (0.01, 1, 2)]
)
async def test_who_is_turned_away_comes_again_when_the_line_is_through_but_not_all_at_once(
    hash_seconds: float, drawn: int, told: int
) -> None:
    slow, bounds, looks = Slow(), list[int](), count()

    def chance(below: int) -> int:
        bounds.append(below)
        return drawn

    gate = HashingGate(
        hasher=slow,
        threads=1,
        per_storefront=99,
        chance=chance,
        clock=lambda: next(looks) * hash_seconds,  # which is how long the decoy takes
    )
    slow.go.clear()
    waiting = [asyncio.create_task(gate.hash("full", "first"))]
    await until(lambda: "first" in slow.asked)
    waiting += [asyncio.create_task(gate.hash("full", f"password {n}")) for n in range(99)]
    await until(lambda: gate.waiting == 99)

    with pytest.raises(Overloaded) as refused:
        gate.check("full")
    slow.go.set()
    await asyncio.gather(*waiting)

    assert (refused.value.retry_after_seconds, bounds) == (told, [told - drawn + 1])
    await gate.close()


async def test_how_long_a_hash_takes_is_learned_from_those_that_were_made() -> None:
    slow, seconds = Slow(), 0.0
    gate = HashingGate(
        hasher=slow, threads=1, per_storefront=8, chance=lambda _: 0, clock=lambda: seconds
    )
    slow.go.clear()
    first = asyncio.create_task(gate.hash(SLUG, "first"))
    await until(lambda: "first" in slow.asked)
    seconds += 16.0
    slow.go.set()
    await first
    slow.go.clear()
    waiting = [asyncio.create_task(gate.hash(SLUG, "second"))]
    await until(lambda: "second" in slow.asked)
    waiting += [asyncio.create_task(gate.hash(SLUG, f"password {n}")) for n in range(8)]
    await until(lambda: gate.waiting == 8)

    with pytest.raises(Overloaded) as refused:
        gate.check(SLUG)
    slow.go.set()
    await asyncio.gather(*waiting)

    # One of the sixteen last ones took 16 s.
    assert refused.value.retry_after_seconds == 8
    await gate.close()


class InHand(OrderedDict[str, deque[Any]]):
    """Lines; while one is in a thread's hands, ``meanwhile`` happens."""

    def __init__(self, meanwhile: Callable[[], None]) -> None:
        super().__init__()
        self._meanwhile = meanwhile

    def popitem(self, last: bool = True) -> tuple[str, deque[Any]]:  # noqa: FBT001, FBT002 - as there
        taken = super().popitem(last)
        self._meanwhile()
        return taken


async def test_a_full_line_is_full_also_while_a_thread_has_it_in_its_hands() -> None:
    gate, slow = held(threads=1, per_storefront=20)
    found: list[str] = []
    lookers: list[threading.Thread] = []

    def look() -> None:
        try:
            gate.check(SLUG)
        except Overloaded:
            found.append("full")
        else:
            found.append("room")

    def meanwhile() -> None:
        if gate.waiting < 20 or lookers:
            return
        lookers.append(threading.Thread(target=look))
        lookers[0].start()
        # Who does not wait for the line is through long before this; who does is not.
        lookers[0].join(0.1)
        gate._per_storefront = 1  # noqa: SLF001 - full also with one less in it
        slow.go.clear()  # nobody else leaves the line before it was looked at

    gate._lines = InHand(meanwhile)  # noqa: SLF001 - only there it can be seen
    waiting = [asyncio.create_task(gate.hash(SLUG, "first"))]
    await until(lambda: slow.asked == ["first"])
    waiting += [asyncio.create_task(gate.hash(SLUG, f"more {n}")) for n in range(20)]
    await until(lambda: gate.waiting == 20)
    slow.go.set()
    await until(lambda: bool(found))
    slow.go.set()
    await asyncio.gather(*waiting)

    assert found == ["full"]
    await gate.close()


async def test_past_the_bound_of_all_every_storefronts_calls_are_refused() -> None:
    gate, slow = held(threads=1, per_storefront=3, in_all=3)
    waiting = [asyncio.create_task(gate.hash(f"shop-{n}", "password")) for n in range(4)]
    await until(lambda: gate.waiting == 3)

    with pytest.raises(Overloaded):
        await gate.verify("fifth", None, "password")
    slow.go.set()
    await asyncio.gather(*waiting)
    await gate.close()


async def test_while_others_wait_who_is_through_hears_of_it_in_groups() -> None:
    slow, order = Slow(), list[str]()
    gate = HashingGate(hasher=slow, threads=1, gathering=1e6)
    slow.asked.clear()
    slow.go.clear()

    async def one(name: str) -> None:
        await gate.hash(SLUG, name)
        order.append(f"{name} of {len(slow.asked)}")

    tasks = [asyncio.create_task(one(name)) for name in "abcd"]
    await until(lambda: gate.waiting == 3)
    slow.go.set()
    await asyncio.gather(*tasks)

    # Three are through when nobody waits any more; nobody waits for the one that is left.
    assert order[:3] == [f"a of {order[0][-1]}", f"b of {order[0][-1]}", f"c of {order[0][-1]}"]
    assert order[0][-1] in {"3", "4"}
    await gate.close()


async def test_who_waits_for_a_group_hears_after_a_while() -> None:
    slow = Slow()
    gate = HashingGate(hasher=slow, threads=1, gathering=0.0)
    slow.go.clear()
    tasks = [asyncio.create_task(gate.hash(SLUG, name)) for name in "abc"]
    await until(lambda: gate.waiting == 2)

    slow.go.set()
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)

    assert tasks[0].done()
    await asyncio.gather(*tasks)
    await gate.close()


async def test_storefronts_take_turns() -> None:
    gate, slow = held(threads=1)
    first = asyncio.create_task(gate.hash("busy", "busy 0"))
    await until(lambda: slow.asked == ["busy 0"])
    many = [asyncio.create_task(gate.hash("busy", f"busy {n}")) for n in range(1, 5)]
    await until(lambda: gate.waiting == 4)
    few = [asyncio.create_task(gate.hash("calm", f"calm {n}")) for n in range(2)]
    await until(lambda: gate.waiting == 6)

    slow.go.set()
    await asyncio.gather(first, *many, *few)

    assert slow.asked == ["busy 0", "busy 1", "calm 0", "busy 2", "calm 1", "busy 3", "busy 4"]
    await gate.close()


async def test_a_caller_who_leaves_gives_the_place_up() -> None:
    gate, slow = held(threads=1, per_storefront=1)
    first = asyncio.create_task(gate.hash(SLUG, "first"))
    await until(lambda: slow.asked == ["first"])
    leaver = asyncio.create_task(gate.hash(SLUG, "leaver"))
    await until(lambda: gate.waiting == 1)

    leaver.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaver
    next_one = asyncio.create_task(gate.hash(SLUG, "next"))
    await until(lambda: gate.waiting == 1)
    slow.go.set()
    await asyncio.gather(first, next_one)

    assert slow.asked == ["first", "next"]
    await gate.close()


async def test_a_caller_who_leaves_while_hashing_stops_nobody() -> None:
    gate, slow = held(threads=1)
    leaver = asyncio.create_task(gate.hash(SLUG, "leaver"))
    await until(lambda: slow.asked == ["leaver"])
    next_one = asyncio.create_task(gate.hash(SLUG, "next"))
    await until(lambda: gate.waiting == 1)

    leaver.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaver
    slow.go.set()

    assert CHEAP.matches(await next_one, "next")
    await gate.close()


async def test_a_closed_gate_refuses_who_waits_and_who_comes() -> None:
    gate, slow = held(threads=1)
    running = asyncio.create_task(gate.hash(SLUG, "running"))
    await until(lambda: slow.asked == ["running"])
    waiting = asyncio.create_task(gate.hash(SLUG, "waiting"))
    await until(lambda: gate.waiting == 1)

    closing = asyncio.create_task(gate.close())
    with pytest.raises(Overloaded):
        await waiting
    with pytest.raises(Overloaded):
        await gate.hash(SLUG, "late")
    slow.go.set()
    await closing

    assert CHEAP.matches(await running, "running")
    assert slow.asked == ["running"]


async def test_its_threads_step_back_behind_the_event_loop() -> None:
    gate, slow = held(threads=1)
    slow.priorities.clear()
    slow.go.set()

    await gate.hash(SLUG, PASSWORD)

    assert min(slow.priorities) > os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    await gate.close()
