"""Asking several servers at the same time."""

import asyncio
from collections.abc import Awaitable, Coroutine, Iterable
from typing import Any, Final, TypeVar

T = TypeVar("T")

PATIENCE_SECONDS: Final = 0.2
"""How long those that answer wait for those that do not. One that is frozen costs this much of a
call's time, and no more."""


async def all_of(*asked: Awaitable[T]) -> list[T]:
    """Wait for every one, also when one fails, and return what they said, in order.

    Raises:
        BaseException: What the first of them raised, once none is on its way any more.
    """
    answers = await asyncio.gather(*asked, return_exceptions=True)
    for answer in answers:
        if isinstance(answer, BaseException):
            raise answer
    return [answer for answer in answers if not isinstance(answer, BaseException)]


async def heard_of(asked: Iterable[Coroutine[Any, Any, T]]) -> tuple[list[T], list[BaseException]]:
    """Listen to all who answer in good time, or to the first who answers at all.

    Returns:
        The answers, and what the others raised; no answers only when all have failed.
    """
    tasks = [asyncio.ensure_future(one) for one in asked]
    try:
        done, late = await asyncio.wait(tasks, timeout=PATIENCE_SECONDS)
        while late and not any(_is_answer(task) for task in done):
            done, late = await asyncio.wait(late, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    errors = [task.exception() for task in tasks if not task.cancelled()]
    return (
        [task.result() for task in tasks if _is_answer(task)],
        [error for error in errors if error is not None],
    )


def _is_answer(task: "asyncio.Future[T]") -> bool:
    return task.done() and not task.cancelled() and task.exception() is None
