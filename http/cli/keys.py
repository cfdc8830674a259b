"""``doorward key``: API keys of a storefront on a running server."""

from typing import Any, Final
from urllib.parse import quote

import click

from doorward.http.cli.examples import examples
from doorward.http.cli.failures import Failed, NoStorefront
from doorward.http.cli.operator_api import OperatorApi, Refused
from doorward.http.cli.output import print_json, print_rows
from doorward.http.cli.server_options import SLUG, talks_to_server

_OPTIONS: Final = {"name": "--name", "scopes": "--scope", "kind": "--kind"}
_NOT_FOUND: Final = 404


@click.group(
    epilog=examples(
        'doorward key add kopi-senja --kind secret --name "Order service" --scope orders:write',
        "doorward key list kopi-senja",
    )
)
def key() -> None:
    """Make and revoke API keys of a storefront.

    A publishable key (pk_live_…) may stand in a shop's pages; a secret key (sk_live_…) is for the
    merchant's own backend and must stay there. These commands talk to a running server.
    """


@key.command(
    epilog=examples(
        'doorward key add kopi-senja --kind secret --name "Order service" --scope orders:write',
        "SHOP_KEY=$(doorward key add kopi-senja --kind publishable --name Shop)",
    )
)
@click.argument("slug", type=SLUG)
@click.option(
    "--kind",
    required=True,
    type=click.Choice(["publishable", "secret"]),
    help="publishable for pages, secret for backends.",
)
@click.option("--name", required=True, help="What it is for; 1 to 100 characters.")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    metavar="SCOPE",
    help="What a secret key may do; may be repeated: orders:read, orders:write, returns:operate, "
    "customers:read, customers:write, policy:write, actions:write.",
)
@click.option("--json", "as_json", is_flag=True, help="Print what was made, key included, as JSON.")
@talks_to_server
def add(  # noqa: PLR0913 - one argument per option
    api: OperatorApi,
    slug: str,
    *,
    kind: str,
    name: str,
    scopes: tuple[str, ...],
    as_json: bool,
) -> None:
    """Make an API key and print it, this once.

    The server keeps only its hash, so nobody can show it again. The key alone goes to standard
    output, so that a script can catch it.
    """
    body = {"kind": kind, "name": name, "scopes": list(scopes)}
    try:
        made = api.post(_path(slug), body)
    except Refused as refused:
        if refused.status == _NOT_FOUND:
            raise NoStorefront(slug) from None
        raise refused.in_options(_OPTIONS) from None
    click.echo(
        f"The {kind} key {made.get('id')} of {slug}. It is shown this once: keep it now.",
        err=True,
    )
    if as_json:
        print_json(made)
    else:
        click.echo(made.get("key"))


@key.command(
    "list",
    epilog=examples(
        "doorward key list kopi-senja",
    ),
)
@click.argument("slug", type=SLUG)
@click.option("--json", "as_json", is_flag=True, help='Print {"items": […]}.')
@talks_to_server
def list_all(api: OperatorApi, slug: str, *, as_json: bool) -> None:
    """List a storefront's API keys.

    Oldest first, without what they open. Behind a pipe: id, kind, name, scopes and time of
    creation, parted by tabs.
    """
    items = _all(api, slug)
    if as_json:
        print_json({"items": items})
        return
    members = ("id", "kind", "name", "scopes", "createdAt")
    print_rows(
        ("Id", "Kind", "Name", "Scopes", "Created"),
        ([item.get(member) for member in members] for item in items),
    )


@key.command(
    epilog=examples(
        "doorward key revoke kopi-senja 1f0c…",
    )
)
@click.argument("slug", type=SLUG)
@click.argument("key_id", metavar="ID")
@talks_to_server
def revoke(api: OperatorApi, slug: str, key_id: str) -> None:
    """Revoke an API key: it opens nothing from now on.

    ID is what `doorward key list` shows, not the key itself.
    """
    if "_live_" in key_id:
        # Not sent, and not repeated: it may be in use.
        raise Failed(f"That is a key, not its id: `doorward key list {slug}` shows the ids.")
    try:
        api.delete(f"{_path(slug)}/{quote(key_id, safe='')}")
    except Refused as refused:
        if refused.status != _NOT_FOUND:
            raise
        # Said of the storefront first: an id is looked for only where there is one.
        _all(api, slug)
        raise Failed(
            f"Storefront {slug} has no key {key_id}: `doorward key list {slug}` shows all."
        ) from None
    click.echo(f"Key {key_id} of {slug} was revoked.")


def _all(api: OperatorApi, slug: str) -> list[dict[str, Any]]:
    try:
        return api.page(_path(slug)).items
    except Refused as refused:
        raise NoStorefront(slug) if refused.status == _NOT_FOUND else refused from None


def _path(slug: str) -> str:
    return f"/storefronts/{slug}/keys"
