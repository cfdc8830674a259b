"""Which server a command talks to, and with which key: ``--url`` and ``--key-file``."""

import os
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Concatenate, Final, ParamSpec, TypeVar
from urllib.parse import urlsplit

import click

from doorward.actors.partitions import is_slug
from doorward.config.concerns import Server
from doorward.config.credential_forms import OPERATOR_KEY
from doorward.config.forms import Unfit
from doorward.config.network_forms import ORIGIN, is_loopback
from doorward.http.cli.failures import Failed, WrongSetting
from doorward.http.cli.loading import URL_VARIABLE, load_settings
from doorward.http.cli.operator_api import OperatorApi, OperatorKey

KEY_VARIABLE: Final = "DOORWARD_OPERATOR_KEY"
KEY_FILE: Final = "operator.key"
_LONGEST_KEY_FILE_BYTES: Final = 4096
_ANY_ADDRESS: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where to call instead

P = ParamSpec("P")
R = TypeVar("R")


class Slug(click.ParamType[str]):
    """A storefront's slug, refused here so that a misspelt one is not said to be missing."""

    name = "slug"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the slug, unless it cannot be one (contract §1)."""
        if not is_slug(value):
            rule = "3 to 40 of a-z, 0-9 and -, with no - at either end"
            self.fail(f"{value!r} is not a slug: {rule}.", param, ctx)
        return value


SLUG: Final = Slug()


def talks_to_server(
    command: Callable[Concatenate[OperatorApi, P], R],
) -> Callable[P, R]:
    """Give a command the options that say which server, and call it with that server's API."""

    @click.option(
        "--url",
        envvar=URL_VARIABLE,
        show_envvar=True,
        metavar="ORIGIN",
        help="Server to talk to, such as https://shops.example. Otherwise the one that the "
        "settings here describe.",
    )
    @click.option(
        "--key-file",
        type=click.Path(path_type=Path),
        metavar="PATH",
        help=f"File that holds the operator key. Otherwise {KEY_VARIABLE}, or for a server on "
        f"this machine {KEY_FILE} in its data folder.",
    )
    @wraps(command)
    def connected(*args: P.args, **options: P.kwargs) -> R:
        url, key_file = options.pop("url"), options.pop("key_file")
        return command(connect(url, key_file), *args, **options)  # type: ignore[arg-type] # click's

    return connected


def connect(url: str | None, key_file: Path | None) -> OperatorApi:
    """Find out whom to talk to.

    Args:
        url: The server's origin; None for the one that the settings here describe.
        key_file: Where its operator key is; None to look where it usually is.

    Raises:
        WrongSetting: What was given, or a setting that is needed, breaks its rule.
        Failed: No key is found.
    """
    origin = own_origin(load_settings().server) if url is None else _origin(url)
    if key_file is not None:
        key = _key_in(key_file)
    else:
        key = _key_in_environment() or _key_of_settings(origin, is_own=url is None)
    host = urlsplit(origin).hostname or ""
    if origin.startswith("http://") and not is_loopback(host):
        click.echo(
            f"Warning: {origin} is not https: whoever is on the way can read the operator key.",
            err=True,
        )
    return OperatorApi(origin, key)


def own_origin(server: Server) -> str:
    """Tell where a server with these settings is reached from its own machine.

    Raises:
        Failed: It takes a free port, which only it knows.
    """
    if server.port == 0:
        raise Failed("DOORWARD_PORT=0 lets the server take a free port: name it with --url.")
    return origin_of(server.host, server.port)


def origin_of(host: str, port: int) -> str:
    """Write an origin to call; an address that means all of them becomes loopback."""
    host = _ANY_ADDRESS.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _origin(url: str) -> str:
    try:
        return ORIGIN.read(url)
    except Unfit as unfit:
        raise WrongSetting(f"--url={url!r}: {unfit.rule} ({URL_VARIABLE} sets it, too)") from None


def _key_in_environment() -> OperatorKey | None:
    text = os.environ.get(KEY_VARIABLE)
    return None if text is None else _checked(text, KEY_VARIABLE)


def _key_of_settings(origin: str, *, is_own: bool) -> OperatorKey:
    settings = load_settings()
    if settings.keys.operator_key is not None:
        return OperatorKey(settings.keys.operator_key.reveal(), KEY_VARIABLE)
    # A key made for the server of this folder is not shown to some other machine.
    if not is_own and not is_loopback(urlsplit(origin).hostname or ""):
        raise Failed(
            f"The operator key of {origin} is not known here: set {KEY_VARIABLE}, or name a file "
            "that holds it with --key-file."
        )
    path = settings.store.data_dir / KEY_FILE
    if not path.exists():
        raise Failed(
            f"There is no operator key in {path.parent}: start the server there with `doorward "
            f"serve`, set {KEY_VARIABLE}, or name a file that holds it with --key-file."
        )
    return _key_in(path)


def _key_in(path: Path) -> OperatorKey:
    try:
        with path.open("rb") as file:
            text = file.read(_LONGEST_KEY_FILE_BYTES).decode("ascii", "replace").strip()
    except OSError as error:
        raise Failed(f"The operator key in {path} cannot be read: {error.strerror}.") from None
    return _checked(text, str(path))


def _checked(text: str, found_in: str) -> OperatorKey:
    try:
        return OperatorKey(OPERATOR_KEY.read(text).reveal(), found_in)
    except Unfit as unfit:
        raise WrongSetting(f"{found_in}='***': {unfit.rule}") from None
