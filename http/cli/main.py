"""``doorward``: the command line."""

import os
from pathlib import Path

import click
import uvloop

from doorward.config.settings import load
from doorward.http import logs
from doorward.http.serving import serve as serve_forever


@click.group()
def main() -> None:
    """Doorward."""


@main.command()
def serve() -> None:
    """Serve storefronts."""
    settings = load(os.environ, folder=Path.cwd())
    logs.configure(level=settings.log.log_level, style=settings.log.log_format)
    uvloop.run(serve_forever(settings, announce=lambda opened: click.echo(str(opened), err=True)))
