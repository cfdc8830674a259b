"""``doorward storefront``: set storefronts up on a running server."""

from typing import Any, Final
from urllib.parse import quote

import click
import msgspec

from doorward.http.cli.examples import examples
from doorward.http.cli.failures import Failed, NoStorefront
from doorward.http.cli.operator_api import OperatorApi, Refused
from doorward.http.cli.output import flat, print_fields, print_json, print_rows
from doorward.http.cli.server_options import SLUG, talks_to_server

_MADE_BY_THE_SERVER: Final = frozenset({"slug", "createdAt", "updatedAt"})
_OPTIONS: Final = {
    "displayName": "--name",
    "origin": "--origin",
    "branding.accent": "--accent",
    "allowedOrigins": "--allow-origin",
}
_PAGE: Final = 100
_NOT_FOUND: Final = 404


@click.group(
    epilog=examples(
        'doorward storefront add kopi-senja --name "Kopi Senja" --published',
        "doorward storefront list",
    )
)
def storefront() -> None:
    """Set up storefronts.

    A storefront is one shop's door: its customers, codes, sessions and keys are its own, and
    nobody else's. These commands talk to a running server.
    """


@storefront.command(
    epilog=examples(
        'doorward storefront add kopi-senja --name "Kopi Senja" --published \\',
        '    --accent "#8a4b2a" --policy codes.perEmailPerMinute=5',
    )
)
@click.argument("slug", type=SLUG)
@click.option("--name", required=True, help="What shoppers know it by; 1 to 100 characters.")
@click.option(
    "--published/--unpublished",
    default=False,
    help="Whether shoppers can sign in. [default: unpublished]",
)
@click.option("--origin", metavar="ORIGIN", help="Where shoppers reach it; mails link there.")
@click.option(
    "--headless",
    is_flag=True,
    help="Let a frontend of its own sign shoppers in by password, with a publishable key.",
)
@click.option(
    "--allow-origin",
    "allowed",
    multiple=True,
    metavar="ORIGIN",
    help="Where pages of such a frontend come from; may be repeated.",
)
@click.option("--accent", metavar="COLOUR", help="Colour of its mails, such as #2f6f4f.")
@click.option(
    "--sandbox",
    is_flag=True,
    help="For integration tests: mail is captured instead of sent, and it has a clock of its own. "
    "Cannot be changed later.",
)
@click.option(
    "--policy",
    "policies",
    multiple=True,
    metavar="FIELD=VALUE",
    help="A field of its policy, such as codes.perEmailPerMinute=5; may be repeated. "
    "docs/configuration.md lists them.",
)
@click.option("--json", "as_json", is_flag=True, help="Print what was made as JSON.")
@talks_to_server
def add(  # noqa: PLR0913 - one argument per option
    api: OperatorApi,
    slug: str,
    *,
    name: str,
    published: bool,
    origin: str | None,
    headless: bool,
    allowed: tuple[str, ...],
    accent: str | None,
    sandbox: bool,
    policies: tuple[str, ...],
    as_json: bool,
) -> None:
    """Add a storefront; one that exists is left as it is.

    SLUG names it in addresses and API calls: 3 to 40 of a-z, 0-9 and -.
    """
    document = {
        "displayName": name,
        "published": published,
        "origin": origin,
        "headless": headless,
        "allowedOrigins": list(allowed),
        "branding": {"accent": accent},
        "policy": _policy(policies),
        "sandbox": sandbox,
    }
    # To put would replace it, and what no option here can say (payment, origins) would be lost.
    if _found(api, slug) is not None:
        raise Failed(f"Storefront {slug} exists already; it was left as it is.")
    try:
        made = api.put(_path(slug), document)
    except Refused as refused:
        raise refused.in_options(_OPTIONS | _policy_options(refused)) from None
    if as_json:
        print_json(made)
        return
    state = "published" if published else "unpublished"
    click.echo(f"Storefront {slug} was added, {state}{' sandbox' if sandbox else ''}.")
    if not published:
        click.echo(f"Shoppers can sign in after: doorward storefront publish {slug}", err=True)


@storefront.command(
    "list",
    epilog=examples(
        "doorward storefront list",
        "doorward storefront list | cut -f1",
    ),
)
@click.option("--json", "as_json", is_flag=True, help='Print {"items": […]}.')
@talks_to_server
def list_all(api: OperatorApi, *, as_json: bool) -> None:
    """List all storefronts, by slug.

    Behind a pipe: slug, name, published, sandbox and time of creation, parted by tabs.
    """
    items = _all(api)
    if as_json:
        print_json({"items": items})
        return
    members = ("slug", "displayName", "published", "sandbox", "createdAt")
    print_rows(
        ("Slug", "Name", "Published", "Sandbox", "Created"),
        ([item.get(member) for member in members] for item in items),
    )


@storefront.command(
    epilog=examples(
        "doorward storefront show kopi-senja",
        "doorward storefront show kopi-senja --json",
    )
)
@click.argument("slug", type=SLUG)
@click.option("--json", "as_json", is_flag=True, help="Print it as the API does.")
@talks_to_server
def show(api: OperatorApi, slug: str, *, as_json: bool) -> None:
    """Show how a storefront is set up.

    Of its policy, what differs from the defaults.
    """
    known = _known(api, slug)
    if as_json:
        print_json(known)
    else:
        print_fields(flat(known))


@storefront.command(
    epilog=examples(
        "doorward storefront publish kopi-senja",
    )
)
@click.argument("slug", type=SLUG)
@talks_to_server
def publish(api: OperatorApi, slug: str) -> None:
    """Publish a storefront: shoppers can sign in."""
    changed = _set_published(api, slug, published=True)
    click.echo(f"Storefront {slug} {'is published' if changed else 'was published already'}.")


@storefront.command(
    epilog=examples(
        "doorward storefront unpublish kopi-senja",
    )
)
@click.argument("slug", type=SLUG)
@talks_to_server
def unpublish(api: OperatorApi, slug: str) -> None:
    """Unpublish a storefront: shoppers find nothing.

    Its customers and their sessions are kept, and are there again when it is published again.
    """
    changed = _set_published(api, slug, published=False)
    click.echo(f"Storefront {slug} {'is unpublished' if changed else 'was not published'}.")


@storefront.command(
    epilog=examples(
        "doorward storefront remove kopi-senja",
    )
)
@click.argument("slug", type=SLUG)
@click.option("--yes", is_flag=True, help="Do not ask for the slug again.")
@talks_to_server
def remove(api: OperatorApi, slug: str, *, yes: bool) -> None:
    """Remove a storefront and all it had, for good.

    Asks for the slug again. After an interruption, the same command goes on where it stopped.
    """
    # One that is not found may be half erased: then there is nothing left to ask about.
    known = None if yes else _found(api, slug)
    if known is not None:
        _confirm(slug, str(known.get("displayName")))
    try:
        api.delete(_path(slug))
    except Refused as refused:
        raise NoStorefront(slug) if refused.status == _NOT_FOUND else refused from None
    click.echo(f"Storefront {slug} was removed.")


def _confirm(slug: str, name: str) -> None:
    click.echo(
        f"This erases storefront {slug} ({name}) for good: customers, sessions, keys.", err=True
    )
    try:
        typed = click.prompt("Type its slug to go on", err=True)
    except click.Abort:
        raise Failed("Nothing was removed: type the slug, or give --yes.") from None
    if typed.strip() != slug:
        raise Failed("Nothing was removed: that is not its slug.")


def _set_published(api: OperatorApi, slug: str, *, published: bool) -> bool:
    """Change one member and put all others back as they are; tell whether it was different."""
    known = _known(api, slug)
    if known.get("published") is published:
        return False
    document = {name: known[name] for name in known.keys() - _MADE_BY_THE_SERVER}
    api.put(_path(slug), document | {"published": published})
    return True


def _all(api: OperatorApi) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    cursor = ""
    while True:
        after = f"&cursor={quote(cursor)}" if cursor else ""
        page = api.page(f"/storefronts?limit={_PAGE}{after}")
        items += page.items
        # Slugs are listed in order: a cursor that does not grow would lead round for ever.
        if not page.next_cursor or page.next_cursor <= cursor:
            return items
        cursor = page.next_cursor


def _known(api: OperatorApi, slug: str) -> dict[str, Any]:
    known = _found(api, slug)
    if known is None:
        raise NoStorefront(slug)
    return known


def _found(api: OperatorApi, slug: str) -> dict[str, Any] | None:
    try:
        return api.get(_path(slug))
    except Refused as refused:
        if refused.status == _NOT_FOUND:
            return None
        raise


def _path(slug: str) -> str:
    return f"/storefronts/{slug}"


def _policy(given: tuple[str, ...]) -> dict[str, object]:
    """Read ``codes.ttl=300``; which fields there are, and what they take, is for the server."""
    policy: dict[str, object] = {}
    for text in given:
        name, equals, value = text.partition("=")
        try:
            decoded = msgspec.json.decode(value)
        except msgspec.MsgspecError:
            decoded = value
        if not name or not equals or not value or isinstance(decoded, dict | list):
            raise click.BadParameter(
                f"{text!r} is not FIELD=VALUE, such as codes.ttl=300.", param_hint="--policy"
            )
        if name in policy:
            raise click.BadParameter(f"{name} is given twice.", param_hint="--policy")
        policy[name] = decoded
    return policy


def _policy_options(refused: Refused) -> dict[str, str]:
    param = refused.param or ""
    field = param.removeprefix("policy.")
    return {} if field == param else {param: f"--policy {field}"}
