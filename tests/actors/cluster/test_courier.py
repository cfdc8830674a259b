"""What travels in which call, and what is said when a call fails; all on virtual time."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from doorward.actors.cluster import wire
from doorward.actors.cluster.courier import (
    BYTES,
    CALL_SECONDS,
    FLIGHTS,
    MESSAGES,
    PROBE_SECONDS,
    WAITING,
    WORTH_ANOTHER_CALL,
    Courier,
    Parcel,
)
from doorward.actors.errors import (
    NotOwner,
    Overloaded,
    TurnFailed,
    Unavailable,
    VocabularyDiffers,
)
from doorward.actors.messages.envelope import Outcome, Request
from doorward.actors.messages.sign_in import Me, ReadFront, RequestCode
from tests.actors.harness import CALLER
from tests.actors.simulation.virtual_loop import VirtualLoop, run_virtually

PATIENCE_SECONDS = 60.0
VERSION = 7


class Flight:
    """A call that is under way, and what it carries."""

    def __init__(self, batch: bytes) -> None:
        self.version, self.asks = wire.read_batch(batch)
        self.size = len(batch)
        self.landing: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    @property
    def slugs(self) -> list[str]:
        return [slug for slug, _ in self.asks]

    def answer(self, *answers: Outcome | Exception, version: int = VERSION) -> None:
        """Land with these answers; without any, everybody is told the same."""
        told = list(answers) or [Me(customer=None) for _ in self.asks]
        self.landing.set_result(wire.answers_bytes(version, told))


class Host:
    """Whoever is called; keeps every call until the test answers it."""

    def __init__(self) -> None:
        self.flights: list[Flight] = []
        self.at_once = 0
        self.most_at_once = 0

    @property
    def flying(self) -> list[Flight]:
        return [flight for flight in self.flights if not flight.landing.done()]

    async def call(self, batch: bytes) -> bytes:
        flight = Flight(batch)
        self.flights.append(flight)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            return await flight.landing
        finally:
            self.at_once -= 1


class Desk:
    """A courier, its host, and all that is heard of it."""

    def __init__(self) -> None:
        self.host = Host()
        self.strays: list[Parcel] = []
        self.versions: list[int] = []
        self.courier = Courier(self.host.call, stray=self.strays.append, heard=self.versions.append)
        self.courier.version = VERSION

    def send(
        self, slug: str = "alpha", message: Request | None = None, *, seconds: float | None = None
    ) -> "asyncio.Future[Outcome]":
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Outcome] = loop.create_future()
        patience = PATIENCE_SECONDS if seconds is None else seconds
        self.courier.put(Parcel(slug, message or ReadFront(), future, loop.time() + patience))
        return future

    def send_all(self, count: int, first: int = 0) -> "list[asyncio.Future[Outcome]]":
        return [self.send(f"s-{number}") for number in range(first, first + count)]

    async def go_down(self) -> Flight:
        """Let a call fail; return the probe that follows."""
        future = self.send("lost")
        await spin()
        self.host.flying[-1].landing.set_exception(ConnectionError())
        await spin()
        assert isinstance(future.exception(), Unavailable)
        (probe,) = self.host.flying
        return probe


async def spin() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def virtually(scene: Callable[[Desk], Coroutine[Any, Any, None]]) -> None:
    async def main(loop: VirtualLoop) -> None:
        await scene(Desk())
        assert loop.complaints == []

    run_virtually(main)


def refusals(futures: "list[asyncio.Future[Outcome]]") -> list[type[BaseException]]:
    assert all(future.done() for future in futures)
    return [type(future.exception()) for future in futures]


# --- which call -----------------------------------------------------------------------------------


def test_what_arrives_at_once_travels_in_one_call() -> None:
    async def scene(desk: Desk) -> None:
        futures = desk.send_all(5)
        await spin()
        (flight,) = desk.host.flights
        flight.answer()

        assert flight.slugs == [f"s-{number}" for number in range(5)]
        assert flight.version == VERSION
        assert await asyncio.gather(*futures) == [Me(customer=None)] * 5
        assert (desk.courier.calls, desk.courier.carried, desk.courier.lost) == (1, 5, 0)

    virtually(scene)


def test_each_answer_goes_to_who_asked() -> None:
    async def scene(desk: Desk) -> None:
        futures = desk.send_all(3)
        await spin()
        desk.host.flights[0].answer(
            Me(customer=None), Overloaded("full", 4), TurnFailed("KeyError")
        )
        answers = await asyncio.gather(*futures, return_exceptions=True)

        assert answers[0] == Me(customer=None)
        assert [type(answer) for answer in answers[1:]] == [Overloaded, TurnFailed]
        assert answers[1].retry_after_seconds == 4

    virtually(scene)


def test_what_arrives_during_a_call_goes_in_the_next() -> None:
    async def scene(desk: Desk) -> None:
        desk.send("first")
        await spin()
        for number in range(3):
            desk.send(f"s-{number}")
            await spin()
        before = len(desk.host.flights)
        desk.host.flights[0].answer()
        await spin()

        assert before == 1
        assert [flight.slugs for flight in desk.host.flights] == [["first"], ["s-0", "s-1", "s-2"]]

    virtually(scene)


def test_another_call_is_made_beside_the_first_once_it_is_worth_it() -> None:
    async def scene(desk: Desk) -> None:
        desk.send("first")
        await spin()
        desk.send_all(WORTH_ANOTHER_CALL - 1)
        await spin()
        before = len(desk.host.flights)
        desk.send("last")
        await spin()

        assert before == 1
        assert [len(flight.asks) for flight in desk.host.flights] == [1, WORTH_ANOTHER_CALL]

    virtually(scene)


def test_there_are_never_more_calls_at_once_than_allowed_and_none_is_too_large() -> None:
    async def scene(desk: Desk) -> None:
        futures = []
        for _ in range(10):
            futures += desk.send_all(2 * MESSAGES, first=len(futures))
            await spin()
            desk.host.flying[-1].answer()
        while desk.host.flying:
            desk.host.flying[0].answer()
            await spin()

        carried = [slug for flight in desk.host.flights for slug in flight.slugs]
        assert desk.host.most_at_once == FLIGHTS
        assert max(len(flight.asks) for flight in desk.host.flights) == MESSAGES
        assert carried == [f"s-{number}" for number in range(20 * MESSAGES)]
        assert all(future.done() for future in futures)

    virtually(scene)


def test_long_messages_are_spread_over_calls_by_their_bytes() -> None:
    async def scene(desk: Desk) -> None:
        long = RequestCode(email="e" * (BYTES // 3), caller=CALLER)
        longer = RequestCode(email="e" * 2 * BYTES, caller=CALLER)
        messages = [long, long, long, longer, long]
        for number, message in enumerate(messages):
            desk.send(f"s-{number}", message)
        while len(desk.host.flights) < 4:
            await spin()
            desk.host.flying[0].answer()

        assert [flight.slugs for flight in desk.host.flights] == [
            ["s-0", "s-1"],
            ["s-2"],
            ["s-3"],
            ["s-4"],
        ]
        assert [flight.size > 100 * 1024 for flight in desk.host.flights] == [
            *(False, False, True, False)
        ]

    virtually(scene)


def test_no_timer_waits_for_company() -> None:
    async def scene(desk: Desk) -> None:
        began = asyncio.get_running_loop().time()
        for _ in range(50):
            desk.send()
            await spin()
            desk.host.flying[0].answer()
            await spin()

        assert asyncio.get_running_loop().time() == began
        assert desk.courier.calls == 50

    virtually(scene)


def test_a_message_of_whoever_has_gone_is_not_sent() -> None:
    async def scene(desk: Desk) -> None:
        desk.send("first")
        await spin()
        gone, stays = desk.send("gone"), desk.send("stays")
        gone.cancel()
        desk.host.flights[0].answer()
        await spin()
        desk.host.flights[1].answer()
        await spin()

        assert desk.host.flights[1].slugs == ["stays"]
        assert stays.done()

    virtually(scene)


def test_an_answer_nobody_waits_for_any_more_does_no_harm() -> None:
    async def scene(desk: Desk) -> None:
        futures = desk.send_all(2)
        await spin()
        futures[0].cancel()
        desk.host.flights[0].answer()

        assert await futures[1] == Me(customer=None)

    virtually(scene)


def test_nobody_waits_longer_than_his_deadline_for_a_call() -> None:
    async def scene(desk: Desk) -> None:
        desk.send("first")
        await spin()
        soon, later = desk.send("soon", seconds=1.0), desk.send("later", seconds=3.0)
        await asyncio.sleep(1.5)
        desk.host.flights[0].answer()
        await spin()

        assert refusals([soon]) == [Overloaded]
        assert desk.host.flights[1].slugs == ["later"]
        assert not later.done()

    virtually(scene)


def test_where_all_have_waited_too_long_no_call_is_made() -> None:
    async def scene(desk: Desk) -> None:
        desk.send("first")
        await spin()
        late = [desk.send(f"late-{number}", seconds=1.0) for number in range(2 * MESSAGES)]
        # The second call may go at once; everybody else waits.
        await spin()
        await asyncio.sleep(1.5)
        for flight in desk.host.flying:
            flight.answer()
        await spin()

        assert len(desk.host.flights) == 2
        assert refusals(late[MESSAGES:]) == [Overloaded] * MESSAGES

    virtually(scene)


def test_the_queue_is_bounded() -> None:
    async def scene(desk: Desk) -> None:
        futures = desk.send_all(WAITING)
        with pytest.raises(Overloaded):
            desk.send("one too many")
        before = desk.courier.depth
        await spin()
        desk.send("now there is room")

        assert before == WAITING
        assert not any(future.done() for future in futures)

    virtually(scene)


# --- what a host says -----------------------------------------------------------------------------


def test_what_a_host_does_not_own_is_given_back_and_the_others_are_answered() -> None:
    async def scene(desk: Desk) -> None:
        futures = desk.send_all(3)
        await spin()
        desk.host.flights[0].answer(Me(customer=None), NotOwner("not mine"), Me(customer=None))
        await spin()

        assert [parcel.slug for parcel in desk.strays] == ["s-1"]
        assert [future.done() for future in futures] == [True, False, True]
        assert not desk.courier.down

    virtually(scene)


def test_the_version_of_the_hosts_table_is_heard_with_every_answer() -> None:
    async def scene(desk: Desk) -> None:
        for version in (7, 9):
            desk.send()
            await spin()
            desk.host.flying[0].answer(version=version)
            await spin()

        assert desk.versions == [7, 9]

    virtually(scene)


# --- a call that fails ----------------------------------------------------------------------------


def test_when_the_deadline_passes_everybody_in_the_call_hears_so_and_nothing_is_sent_again() -> (
    None
):
    async def scene(desk: Desk) -> None:
        futures = desk.send_all(3)
        await asyncio.sleep(CALL_SECONDS - 0.01)
        early = [future.done() for future in futures]
        await asyncio.sleep(0.02)
        (probe,) = desk.host.flying
        probe.answer()
        await asyncio.sleep(10)

        assert early == [False] * 3
        assert refusals(futures) == [Unavailable] * 3
        assert [flight.slugs for flight in desk.host.flights] == [["s-0", "s-1", "s-2"], []]
        assert (desk.strays, desk.courier.lost) == ([], 3)

    virtually(scene)


class MadeUpOnTheWay(VocabularyDiffers):
    """What Ray makes of a host's exception: of its kind, and yet made otherwise."""

    def __init__(self, cause: Exception) -> None:
        self.cause = cause

    def __getattr__(self, name: str) -> object:
        return getattr(self.cause, name)

    def __str__(self) -> str:
        return "a traceback, with all that was sent"


@pytest.mark.parametrize(
    ("failure", "told", "reason"),
    [
        (ConnectionError("secret"), Unavailable, "a host was lost: ConnectionError"),
        (VocabularyDiffers("other words"), VocabularyDiffers, "other words"),
        (MadeUpOnTheWay(VocabularyDiffers("other words")), VocabularyDiffers, "other words"),
        (Overloaded("full"), Unavailable, "full"),
    ],
    ids=lambda case: type(case).__name__,
)
def test_when_a_call_fails_everybody_in_it_hears_so(
    failure: Exception, told: type[Unavailable], reason: str
) -> None:
    async def scene(desk: Desk) -> None:
        futures = desk.send_all(2)
        await spin()
        desk.host.flights[0].landing.set_exception(failure)
        await spin()
        errors = [future.exception() for future in futures]

        assert refusals(futures) == [told] * 2
        assert [str(error) for error in errors] == [reason] * 2
        assert errors[0] is not errors[1]
        assert (desk.courier.down, desk.courier.lost) == (True, 2)

    virtually(scene)


@pytest.mark.parametrize("answers", [b"", b"garbage", wire.answers_bytes(1, [Me(customer=None)])])
def test_answers_that_cannot_be_read_are_given_to_nobody(answers: bytes) -> None:
    async def scene(desk: Desk) -> None:
        futures = desk.send_all(2)
        await spin()
        desk.host.flights[0].landing.set_result(answers)
        await spin()

        assert refusals(futures) == [Unavailable] * 2
        assert desk.courier.down

    virtually(scene)


def test_a_host_that_is_not_open_did_nothing_and_gives_back_all() -> None:
    async def scene(desk: Desk) -> None:
        futures = desk.send_all(2)
        await spin()
        desk.host.flights[0].landing.set_exception(NotOwner("this host is not open"))
        await spin()

        assert [parcel.slug for parcel in desk.strays] == ["s-0", "s-1"]
        assert not any(future.done() for future in futures)
        assert (desk.courier.down, desk.courier.lost) == (True, 0)

    virtually(scene)


def test_what_still_waited_when_a_host_was_lost_is_given_back() -> None:
    async def scene(desk: Desk) -> None:
        desk.send("first")
        await spin()
        waiting = desk.send_all(3)
        desk.host.flights[0].landing.set_exception(ConnectionError())
        await spin()

        assert [parcel.slug for parcel in desk.strays] == ["s-0", "s-1", "s-2"]
        assert not any(future.done() for future in waiting)
        assert desk.courier.depth == 0

    virtually(scene)


def test_while_a_host_is_down_nothing_but_probes_is_sent_to_it() -> None:
    async def scene(desk: Desk) -> None:
        probe = await desk.go_down()
        waiting = desk.send_all(2 * WORTH_ANOTHER_CALL)
        began = asyncio.get_running_loop().time()
        for _ in range(4):
            desk.host.flying[0].landing.set_exception(ConnectionError())
            await spin()
            assert desk.host.flying == []
            await asyncio.sleep(PROBE_SECONDS)

        assert probe.landing.done()
        assert desk.courier.down
        assert asyncio.get_running_loop().time() - began == PROBE_SECONDS * 4
        assert [flight.asks for flight in desk.host.flights[1:]] == [[]] * 5
        assert not any(future.done() for future in waiting)

    virtually(scene)


def test_a_probe_that_hangs_is_given_up_like_any_call() -> None:
    async def scene(desk: Desk) -> None:
        await desk.go_down()
        await asyncio.sleep(3 * (CALL_SECONDS + PROBE_SECONDS) + 0.01)

        assert len(desk.host.flights) == 1 + 4
        assert desk.host.at_once == 1

    virtually(scene)


def test_a_host_is_back_after_a_probe_that_is_answered() -> None:
    async def scene(desk: Desk) -> None:
        probe = await desk.go_down()
        waiting = desk.send("waits")
        probe.answer(version=11)
        await spin()
        desk.host.flying[0].answer()

        assert await waiting == Me(customer=None)
        assert not desk.courier.down
        assert desk.versions[0] == 11

    virtually(scene)


def test_a_host_that_is_lost_twice_over_is_probed_once() -> None:
    async def scene(desk: Desk) -> None:
        desk.send("first")
        await spin()
        desk.send_all(WORTH_ANOTHER_CALL)
        await spin()
        first, second = desk.host.flights
        for flight in (first, second):
            flight.landing.set_exception(ConnectionError())
        await spin()

        assert [flight.asks for flight in desk.host.flying] == [[]]
        assert desk.courier.lost == 1 + WORTH_ANOTHER_CALL

    virtually(scene)


def test_a_call_beside_the_one_that_failed_is_waited_for() -> None:
    async def scene(desk: Desk) -> None:
        desk.send("first")
        await spin()
        beside = desk.send_all(WORTH_ANOTHER_CALL)
        await spin()
        desk.host.flights[0].landing.set_exception(ConnectionError())
        await spin()
        desk.host.flights[1].answer()

        assert len(await asyncio.gather(*beside)) == WORTH_ANOTHER_CALL

    virtually(scene)


# --- closing --------------------------------------------------------------------------------------


def test_closing_waits_for_what_is_under_way_and_refuses_the_rest() -> None:
    async def scene(desk: Desk) -> None:
        under_way = desk.send("under way")
        await spin()
        waiting = desk.send("waiting")
        closing = asyncio.ensure_future(desk.courier.close())
        await spin()
        early = closing.done()
        desk.host.flights[0].answer()
        await closing
        after = desk.send("after")

        assert not early
        assert under_way.result() == Me(customer=None)
        assert refusals([waiting, after]) == [Unavailable] * 2
        assert len(desk.host.flights) == 1

    virtually(scene)


def test_closing_an_idle_courier_waits_for_nothing() -> None:
    async def scene(desk: Desk) -> None:
        began = asyncio.get_running_loop().time()
        await desk.courier.close()
        await desk.courier.close()

        assert asyncio.get_running_loop().time() == began

    virtually(scene)


@pytest.mark.parametrize("asleep", [True, False])
def test_closing_does_not_wait_for_a_host_that_is_down(*, asleep: bool) -> None:
    async def scene(desk: Desk) -> None:
        probe = await desk.go_down()
        if asleep:
            probe.landing.set_exception(ConnectionError())
            await spin()
        waiting = desk.send("waiting")
        began = asyncio.get_running_loop().time()
        await desk.courier.close()

        assert asyncio.get_running_loop().time() == began
        assert refusals([waiting]) == [Unavailable]
        assert not desk.courier.busy

    virtually(scene)


def test_closing_beside_a_failed_call_leaves_nobody_without_an_answer() -> None:
    async def scene(desk: Desk) -> None:
        desk.send("first")
        await spin()
        beside = desk.send_all(WORTH_ANOTHER_CALL)
        await spin()
        desk.host.flights[0].landing.set_exception(ConnectionError())
        await spin()
        await desk.courier.close()

        assert refusals(beside) == [Unavailable] * WORTH_ANOTHER_CALL

    virtually(scene)


def test_a_call_that_fails_while_closing_is_followed_by_no_probe() -> None:
    async def scene(desk: Desk) -> None:
        future = desk.send()
        await spin()
        closing = asyncio.ensure_future(desk.courier.close())
        await spin()
        desk.host.flights[0].landing.set_exception(ConnectionError())
        await closing
        await spin()

        assert refusals([future]) == [Unavailable]
        assert len(desk.host.flights) == 1
        assert not desk.courier.busy

    virtually(scene)


def test_a_parcel_is_answered_once() -> None:
    async def scene(desk: Desk) -> None:
        future = desk.send()
        (parcel,) = desk.courier.take_back()
        parcel.answer(Me(customer=None))
        parcel.answer(Unavailable("too late"))

        assert await future == Me(customer=None)

    virtually(scene)
