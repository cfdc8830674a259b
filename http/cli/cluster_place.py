"""Which cluster a command is about: ``--address``, the settings, or what ``up`` started here."""

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

import click
from rich.console import Console

from doorward.actors.cluster.operating import Orders, find_steward
from doorward.actors.cluster.ray_head import AUTO, RayHead
from doorward.actors.errors import DoorwardError
from doorward.config.errors import ConfigurationError
from doorward.config.forms import Unfit, whole
from doorward.config.network_forms import RAY_ADDRESS
from doorward.config.settings import Settings
from doorward.http.cli.failures import Failed, WrongSetting
from doorward.http.cli.loading import load_settings, wrong_setting

JOIN_SECONDS: Final = 30.0
CLUSTER_VARIABLE: Final = "DOORWARD_CLUSTER"
_UNKNOWN: Final = (
    "No cluster is known here: `doorward cluster up` starts one; --address or "
    f"{CLUSTER_VARIABLE} names another."
)

P = ParamSpec("P")
R = TypeVar("R")


class Whole(click.ParamType[int]):
    """A whole number within bounds, both included."""

    name = "number"

    def __init__(self, low: int, high: int) -> None:
        self._form = whole(low, high)

    def convert(
        self, value: str | int, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Return the number, unless it is none of these."""
        try:
            return self._form.read(str(value))
        except Unfit as unfit:
            self.fail(f"{value!r} {unfit.rule}.", param, ctx)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a cluster is.

    Attributes:
        address: Of its Ray head; None where none is known.
        head: The Ray head that belongs to the data folder here.
        is_ours: Whether that is the one at the address.
    """

    address: str | None
    head: RayHead
    is_ours: bool

    @property
    def is_local(self) -> bool:
        """Whether Ray is started here, for want of another one."""
        return self.is_ours or self.address is None

    @property
    def known_address(self) -> str:
        """Where it is.

        Raises:
            Failed: Nobody said.
        """
        if self.address is None:
            raise Failed(_UNKNOWN)
        return self.address

    @property
    def advice(self) -> str:
        """How it gets more room."""
        if self.is_ours:
            return "`doorward cluster down` and a new `up --hosts` make as much as is asked for"
        return "add a node to the Ray cluster"

    def join(self) -> Orders | None:
        """Join it; None where nobody in it takes orders.

        Raises:
            Failed: It is not there, or refuses us; says why.
        """
        address = self.known_address
        if self.is_ours and not self.head.is_running():
            raise Failed(f"The cluster at {address} is down: `doorward cluster up` starts it.")
        with in_words(), shown_step(f"Joining the cluster at {address}"), given_up_after(address):
            return find_steward(address)

    def steward(self) -> Orders:
        """Join it, and find who takes orders.

        Raises:
            Failed: As ``join``, or nobody does.
        """
        orders = self.join()
        if orders is None:
            raise Failed(
                f"Ray at {self.address} has no Doorward in it: `doorward cluster up` starts one."
            )
        return orders


def address_option(command: Callable[P, R]) -> Callable[P, R]:
    """Give a command the option that says which cluster."""
    return click.option(
        "--address",
        metavar="HOST:PORT",
        help=f"Ray cluster to work with. Otherwise {CLUSTER_VARIABLE}, or the one that `doorward "
        "cluster up` started on this machine.",
    )(command)


def talks_to_cluster(command: Callable[Concatenate[Place, P], R]) -> Callable[P, R]:
    """Give a command that option, and call it with the cluster's place."""

    @address_option
    @wraps(command)
    def placed(*args: P.args, **options: P.kwargs) -> R:
        address = options.pop("address")
        return command(find_place(address, load_settings()), *args, **options)  # type: ignore[arg-type] # click's

    return placed


def find_place(address: str | None, settings: Settings) -> Place:
    """Find out which cluster is meant.

    Raises:
        WrongSetting: The address is none.
    """
    if address is not None:
        try:
            address = RAY_ADDRESS.read(address)
        except Unfit as unfit:
            raise WrongSetting(f"--address={address!r}: {unfit.rule}") from None
    head = RayHead(settings.store.data_dir)
    started = head.remembered()
    given = address or settings.hosting.cluster
    if started is not None and given in {None, AUTO, started.address}:
        return Place(started.address, head, is_ours=True)
    return Place(given, head, is_ours=False)


@contextmanager
def in_words() -> Iterator[None]:
    """Say what went wrong, in one sentence.

    Raises:
        WrongSetting: A setting cannot be worked with.
        Failed: Anything else that Doorward refuses.
    """
    try:
        yield
    except ConfigurationError as error:
        raise wrong_setting(error) from None
    except DoorwardError as error:
        raise Failed(sentence(str(error))) from None


def sentence(text: str) -> str:
    """Make a sentence of a reason."""
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."


@contextmanager
def shown_step(text: str) -> Iterator[Callable[[str], None]]:
    """Show what is under way, on standard error and only where people look.

    Yields:
        Takes another text to show.
    """
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda _: None
        return
    with console.status(f"{text} …") as status:
        yield lambda more: status.update(f"{text}: {more}")


@contextmanager
def given_up_after(address: str) -> Iterator[None]:
    """End the process when Ray does not come back: where one of its own is frozen, it waits for it.

    Nothing else ends that, not even Ctrl-C: it does not wait in Python.
    """

    def end() -> None:
        Console(stderr=True).show_cursor()
        click.echo(
            f"Error: Ray at {address} answers, and does not let us in within {JOIN_SECONDS:.0f} "
            "seconds: one of its processes hangs.",
            err=True,
        )
        os._exit(1)

    watchdog = threading.Timer(JOIN_SECONDS, end)
    watchdog.daemon = True
    watchdog.start()
    try:
        yield
    finally:
        watchdog.cancel()


def told(asking: Coroutine[Any, Any, R]) -> R:
    """Ask a cluster, and say in a sentence what it refuses.

    Raises:
        Failed: It refuses.
    """
    with in_words():
        return asyncio.run(asking)
