"""Work that blocks, kept off the event loop and never left half done.

``asyncio.to_thread`` abandons its thread when the caller is cancelled: the work goes on unseen, and
whoever comes next (a second start of the embedded Redis, another process that now holds the folder)
meets it. Here the caller leaves only when the work has ended.
"""

import asyncio
import contextlib
from collections.abc import Callable
from typing import ParamSpec, TypeVar

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")


async def finish_in_thread(
    function: Callable[_Arguments, _Result], *args: _Arguments.args, **kwargs: _Arguments.kwargs
) -> _Result:
    """Run ``function`` in a thread; a cancelled caller waits for its end before it is cancelled.

    Only for work that is short by nature: a few small files, a signal.
    """
    work = asyncio.ensure_future(asyncio.to_thread(function, *args, **kwargs))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        while not work.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait({work})
        work.exception()  # looked at, so that nothing reports it as forgotten
        raise
