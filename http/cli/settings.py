"""``doorward settings``: what a server started here would work with."""

import click
import msgspec

from doorward.config.settings import describe
from doorward.http.cli.examples import examples
from doorward.http.cli.loading import load_settings
from doorward.http.cli.output import print_json, print_rows


@click.command(
    epilog=examples(
        "doorward settings",
        "DOORWARD_PORT=80a doorward settings",
    )
)
@click.option("--json", "as_json", is_flag=True, help="Print all there is to say as JSON.")
def settings(*, as_json: bool) -> None:
    """Show the settings of a server started here.

    They are read from the environment, .env and doorward.toml, as `doorward serve` does. Secrets
    are masked. Behind a pipe: name, value and meaning, parted by tabs.
    """
    found = load_settings()
    rows = describe(found)
    if as_json:
        print_json([msgspec.to_builtins(row) for row in rows])
    else:
        # Meanings are written for the documentation, in Markdown.
        print_rows(
            ("Setting", "Value", "Meaning"),
            ((row.name, row.value, row.meaning.replace("`", "")) for row in rows),
        )
    for warning in found.warnings():
        click.echo(f"Warning: {warning}", err=True)
