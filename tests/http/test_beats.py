import asyncio

import pytest

from doorward.http.beats import BEAT_SECONDS, Beat, on_the_beat
from doorward.http.replies import Failure, Reply

pytestmark = pytest.mark.asyncio(loop_scope="session")

# A timer's own grain: uvloop's and epoll's is a millisecond.
GRAIN_SECONDS = 0.002
NOTHING = Failure(404, "TOKEN_NOT_FOUND", "Nothing.")


async def beats_of(answer: Reply | Failure, *, worked_beats: float = 0.0) -> float:
    """Answer after so much work, and tell how many beats it took until it left."""
    loop = asyncio.get_running_loop()

    @on_the_beat(404)
    async def handler() -> Reply | Failure:
        worked = loop.create_future()
        loop.call_later(worked_beats * BEAT_SECONDS, worked.set_result, None)
        await worked
        return answer

    began = loop.time()
    assert await handler() == answer
    return (loop.time() - began + GRAIN_SECONDS) / BEAT_SECONDS


async def test_an_answer_that_must_look_the_same_leaves_on_the_first_beat() -> None:
    assert await beats_of(NOTHING) >= 1
    assert await beats_of(NOTHING, worked_beats=0.5) >= 1


async def test_one_that_took_longer_leaves_on_the_beat_after() -> None:
    assert await beats_of(NOTHING, worked_beats=1.4) >= 2


async def test_beats_get_longer_by_a_quarter_each() -> None:
    beats = await beats_of(NOTHING, worked_beats=2.6)

    assert beats >= 1 + 1.25 + 1.25**2


async def test_a_beat_may_be_longer() -> None:
    loop = asyncio.get_running_loop()

    @on_the_beat(404, seconds=3 * BEAT_SECONDS)
    async def handler() -> Reply | Failure:
        return NOTHING

    began = loop.time()
    await handler()

    assert loop.time() - began + GRAIN_SECONDS >= 3 * BEAT_SECONDS


async def test_another_answer_leaves_at_once() -> None:
    found = [await beats_of(Reply(200, {})) for _ in range(5)]

    assert min(found) < 1


async def test_a_beat_that_is_left_strikes_no_more() -> None:
    loop = asyncio.get_running_loop()
    struck = loop.create_future()
    beat = Beat()
    beat._strike = lambda: struck.set_result(None)  # type: ignore[method-assign]  # noqa: SLF001

    with beat:
        pass
    # Timers go off in order: this one is set later for the same time.
    passed = loop.create_future()
    loop.call_later(BEAT_SECONDS + GRAIN_SECONDS, passed.set_result, None)
    await passed

    assert not struck.done()


async def test_an_error_passes_without_a_wait() -> None:
    loop = asyncio.get_running_loop()

    @on_the_beat(404)
    async def handler() -> Reply | Failure:
        raise LookupError

    began = loop.time()
    with pytest.raises(LookupError):
        await handler()

    assert loop.time() - began < BEAT_SECONDS
