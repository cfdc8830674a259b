"""Work that is never left half done: a cancelled caller leaves when the work has ended.

``asyncio.to_thread`` abandons its thread when the caller is cancelled: the work goes on unseen, and
whoever comes next (a second start of the embedded Redis, another process that now holds the folder)
meets it. Closing a connection that is abandoned the same way leaves the connection open.
"""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")


async def finish(work: Coroutine[Any, Any, _Result]) -> _Result:
    """Run ``work`` to its end; a cancelled caller waits for that before it is cancelled.

    Only for work that is short by nature, or has a deadline of its own.
    """
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        while not task.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait({task})
        if not task.cancelled():
            task.exception()  # looked at, so that nothing reports it as forgotten
        raise


async def finish_in_thread(
    function: Callable[_Arguments, _Result], *args: _Arguments.args, **kwargs: _Arguments.kwargs
) -> _Result:
    """Run ``function``, which blocks, in a thread and to its end."""
    return await finish(asyncio.to_thread(function, *args, **kwargs))
