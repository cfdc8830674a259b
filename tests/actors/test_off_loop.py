import asyncio
import threading

import pytest

from doorward.actors.off_loop import finish_in_thread

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
