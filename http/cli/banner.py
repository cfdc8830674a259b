"""What a server says when it is ready: where it is, and one line to try it with."""

import json
import shlex
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

import click

from doorward.config.settings import Settings
from doorward.http.cli.server_options import KEY_VARIABLE, origin_of
from doorward.http.demo_orders import EMAIL
from doorward.http.serving import Opened

_PORTAL: Final = "/api/v1/client-auth"


def print_banner(opened: Opened, settings: Settings) -> None:
    """Print where everything is, in colour at a terminal."""
    lines = list(_lines(opened, settings))
    width = max(len(name) for name, _ in lines)
    click.secho("Doorward is open.\n", bold=True)
    for name, value in lines:
        click.echo(f"  {name:<{width}}  {click.style(value, fg='cyan')}")
    click.echo("\n" + "\n".join(_next_steps(opened, _origin(opened, settings))))
    click.echo("\nCtrl-C ends it in order; a second one at once.")


def _lines(opened: Opened, settings: Settings) -> Iterator[tuple[str, str]]:
    origin = _origin(opened, settings)
    yield "Portal API", f"{settings.server.public_url or origin}{_PORTAL}"
    if opened.demo_slug:
        yield "Demo storefront", opened.demo_slug
        shown = settings.server.public_url or origin
        yield "Demo portal", f"{shown}/s/{opened.demo_slug}/account/sign-in"
        yield "Demo buyer", EMAIL
    if opened.mailbox_url:
        yield "Mailbox", opened.mailbox_url
    path = opened.operator_key_path
    yield "Operator key", str(path) if path else f"as set by {KEY_VARIABLE}"
    yield "Readiness", f"{origin}/readyz"
    yield "Metrics", opened.metrics_url


def _next_steps(opened: Opened, origin: str) -> Iterator[str]:
    if opened.demo_slug:
        body = json.dumps({"storefrontSlug": opened.demo_slug, "email": EMAIL})
        yield f"Sign in to the demo portal as {EMAIL}, or ask for a code by hand:"
        yield "  " + _command(
            *("curl", f"{origin}{_PORTAL}/request-otp"),
            *("-H", "Content-Type: application/json", "-d", body),
        )
        if opened.mailbox_url:
            yield f"and read the mail at {opened.mailbox_url}"
        return
    key = ("--key-file", str(opened.operator_key_path)) if opened.operator_key_path else ()
    yield "See that it is ready, and add a storefront:"
    yield "  " + _command("curl", f"{origin}/readyz")
    yield "  " + _command(
        *("doorward", "storefront", "add", "my-shop", "--name", "My shop", "--published"),
        *("--url", origin, *key),
    )


def _command(*words: str) -> str:
    return shlex.join(words)


def _origin(opened: Opened, settings: Settings) -> str:
    """Tell where it can be called from this machine, also where it listens on every address."""
    port = urlsplit(opened.url).port
    return opened.url if port is None else origin_of(settings.server.host, port)
