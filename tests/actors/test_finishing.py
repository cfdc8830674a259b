import asyncio
import threading

import pytest

from doorward.actors.finishing import finish, finish_in_thread

WAIT_SECONDS = 10


class Work:
    """A piece of work that ends when the test says so."""

    def __init__(self, error: Exception | None = None) -> None:
        self._error = error
        self.started = threading.Event()
        self.may_end = threading.Event()
        self.ended = False

    def __call__(self) -> None:
        self.started.set()
        assert self.may_end.wait(WAIT_SECONDS)
        self.ended = True
        if self._error is not None:
            raise self._error


async def begin(work: Work) -> asyncio.Task[None]:
    task = asyncio.create_task(finish_in_thread(work))
    assert await asyncio.to_thread(work.started.wait, WAIT_SECONDS)
    return task


async def test_the_result_comes_back_from_another_thread() -> None:
    def where(name: str, *, times: int) -> tuple[str, threading.Thread]:
        return name * times, threading.current_thread()

    name, thread = await finish_in_thread(where, "a", times=3)

    assert name == "aaa"
    assert thread is not threading.current_thread()


async def test_an_error_comes_back_as_itself() -> None:
    work = Work(OSError("the disk is full"))
    task = await begin(work)

    work.may_end.set()

    with pytest.raises(OSError, match="the disk is full"):
        await task


@pytest.mark.parametrize("error", [None, OSError("the disk is full")])
async def test_a_cancelled_caller_leaves_only_when_the_work_has_ended(
    error: Exception | None,
) -> None:
    work = Work(error)
    task = await begin(work)

    for _ in range(3):
        task.cancel()
        await asyncio.wait({task}, timeout=0.01)
        assert not task.done()
    work.may_end.set()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert work.ended


async def test_work_that_cancels_itself_cancels_its_caller() -> None:
    async def give_up() -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await finish(give_up())


async def test_a_coroutine_is_finished_before_its_caller_is_cancelled() -> None:
    may_end = asyncio.Event()
    steps: list[str] = []

    async def close() -> None:
        steps.append("begun")
        await may_end.wait()
        steps.append("ended")

    task = asyncio.create_task(finish(close()))
    await asyncio.wait({task}, timeout=0.01)
    task.cancel()
    await asyncio.wait({task}, timeout=0.01)
    assert steps == ["begun"]

    may_end.set()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert steps == ["begun", "ended"]


async def test_work_that_a_cancelled_caller_did_not_wait_to_see_begin_is_still_done() -> None:
    done = asyncio.Event()

    async def close() -> None:
        done.set()

    async def leave() -> None:
        asyncio.current_task().cancel()  # type: ignore[union-attr]
        await finish(close())

    with pytest.raises(asyncio.CancelledError):
        await asyncio.create_task(leave())
    assert done.is_set()
