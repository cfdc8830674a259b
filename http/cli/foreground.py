"""A server in the foreground: its log, its greeting, its signals, and why it could not serve."""

import asyncio
import errno
import os
import signal
import socket
from types import FrameType
from typing import Final

import structlog
import uvloop

from doorward.actors import logs
from doorward.actors.cluster.joining import join
from doorward.actors.cluster.ray_head import resolve
from doorward.actors.errors import DoorwardError, Unavailable
from doorward.config.concerns import Server
from doorward.config.settings import Settings
from doorward.http.cli.banner import print_banner
from doorward.http.cli.failures import Failed
from doorward.http.cli.loading import URL_VARIABLE
from doorward.http.opening import operator_key_of_cluster
from doorward.http.serving import serve

_log: Final = structlog.get_logger("doorward")


def run(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises:
        ConfigurationError: A setting cannot be worked with.
        Failed: The folder is in use, the port is taken, the store is missing or refused; a
            sentence says which.
    """
    if settings.hosting.cluster is not None:
        operator_key_of_cluster(settings)
    logs.configure(level=settings.log.log_level, style=settings.log.log_format)
    for warning in settings.warnings():
        _log.warning("settings", detail=warning)
    if URL_VARIABLE in os.environ:
        detail = f"{URL_VARIABLE} is for other commands; shoppers' address is DOORWARD_PUBLIC_URL"
        _log.warning("settings", detail=detail)
    try:
        if settings.hosting.cluster is not None:
            # Before the loop: Ray takes the signals, and what serves takes them back.
            join(resolve(settings.hosting.cluster, settings.store.data_dir))
        uvloop.run(_serve(settings))
    except DoorwardError as error:
        raise Failed(_why(error)) from None
    except OSError as error:
        raise Failed(why_not_listening(error, settings.server)) from None


async def _serve(settings: Settings) -> None:
    serving = asyncio.ensure_future(
        serve(settings, announce=lambda opened: print_banner(opened, settings))
    )
    # One step, in which it takes the signals.
    await asyncio.sleep(0)
    # The loop hears of a signal through its wakeup descriptor whatever Python's own handler is, so
    # this one adds to what serving does: to end in order can take long, and a person may not wait.
    signal.signal(signal.SIGINT, _let_the_next_end_us)
    await serving


def _let_the_next_end_us(signum: int, _frame: FrameType | None) -> None:
    # Nothing is lost: what was answered is durable, and Redis ends with its parent.
    signal.signal(signum, signal.SIG_DFL)


def _why(error: DoorwardError) -> str:
    if isinstance(error, Unavailable):
        return f"The store cannot be used now: {error.reason.rstrip('.')}."
    return f"{error}".rstrip(".") + "."


def why_not_listening(error: OSError, server: Server) -> str:
    """Say what the operating system refused, and what to do about it."""
    if error.errno == errno.EADDRINUSE:
        return (
            f"Port {server.port} of {server.host} is taken: end what listens there, or choose "
            "another with --port."
        )
    if error.errno == errno.EADDRNOTAVAIL or isinstance(error, socket.gaierror):
        return f"{server.host} is not an address of this machine: choose another with --host."
    what = f" ({error.filename})" if error.filename else ""
    return f"It cannot serve: {error.strerror or error}{what}."
