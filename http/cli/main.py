"""``doorward``: the command line."""

import click

from doorward.http.cli.cluster import cluster
from doorward.http.cli.examples import examples
from doorward.http.cli.imports import import_
from doorward.http.cli.keys import key
from doorward.http.cli.serve import serve
from doorward.http.cli.settings import settings
from doorward.http.cli.storefronts import storefront


@click.group(
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=examples(
        "doorward serve",
        'doorward storefront add kopi-senja --name "Kopi Senja" --published',
        'doorward key add kopi-senja --kind secret --name "Order service" --scope orders:write',
        "doorward import orders orders.jsonl --storefront kopi-senja",
    ),
)
@click.version_option(package_name="doorward", message="%(prog)s %(version)s")
def main() -> None:
    """Doorward: passwordless sign-in for storefronts, many of them behind one server.

    `serve` runs the server. The other commands set it up while it runs, here or elsewhere; they
    need its operator key.

    docs/configuration.md explains every setting and policy field.
    """


for command in (serve, cluster, storefront, key, import_, settings):
    main.add_command(command)
