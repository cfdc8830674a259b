"""Pages from templates: everything that is put in is escaped, everything missing is an error."""

import secrets
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from doorward.actors.locales import Catalogue
from doorward.actors.messages.sign_in import Front
from doorward.actors.post.colours import Palette, palette
from doorward.actors.post.names import shown_name
from doorward.http.pages import assets

_NONCE_BYTES: Final = 16
_TEMPLATES: Final = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)
_TEMPLATES.globals["assets"] = assets.PATHS
# A list of orders says the same few things again and again: macros cost more than all the rest.
_PARTS: Final = _TEMPLATES.get_template("parts.html").module
for _name in ("icon", "badge", "moment"):
    _TEMPLATES.globals[_name] = lru_cache(maxsize=4096)(getattr(_PARTS, _name))
# All at once and now: otherwise the first visitor of each would wait for the disk.
_COMPILED: Final = {name: _TEMPLATES.get_template(name) for name in _TEMPLATES.list_templates()}


class Shop(NamedTuple):
    """A storefront as its pages' frame shows it; all empty where there is none to show.

    ``ways`` are the account's pages: what each is called in the words, and its path below ``home``.
    """

    name: str
    home: str
    letter: str
    palette: Palette
    ways: tuple[tuple[str, str], ...] = ()
    logo: str | None = None
    return_url: str | None = None


class Rendered(NamedTuple):
    """A page, and the policy under which a browser may show it (CSP Level 3)."""

    body: bytes
    policy: str


_PORTAL: Final = (("orders", ""), ("profile", "/profile"))
_ACCOUNT: Final = (
    ("overview", ""),
    ("orders", "/orders"),
    ("addresses", "/addresses"),
    ("profile", "/profile"),
    ("sessions", "/sessions"),
)


def shop_of(front: Front | None, *, own_host: bool = False) -> Shop:
    """Show a storefront, or nobody's page; ``own_host``: on the host that is the storefront's."""
    if front is None:
        return Shop("", "", "", palette(""))
    name = shown_name(front.display_name, front.slug)
    return Shop(
        name=name,
        home="/account" if own_host else f"/s/{front.slug}/account",
        letter=name[0].upper()[0],
        palette=palette(front.accent or ""),
        ways=_ACCOUNT if own_host else _PORTAL,
        logo=front.logo_url if _origin(front.logo_url) else None,
        return_url=front.return_to_store_url if _origin(front.return_to_store_url) else None,
    )


def render(
    template: str,
    shop: Shop,
    words: Catalogue,
    values: Mapping[str, object],
    *,
    polls: str | None = None,
) -> Rendered:
    """Render a page.

    Args:
        template: File name below ``templates``.
        shop: Whose page it is.
        words: The reader's language.
        values: What the template shows; ``title`` at least.
        polls: Path of the API call that the page asks for news; None when there is none.
    """
    nonce = secrets.token_urlsafe(_NONCE_BYTES)
    body = _COMPILED[template].render(values, shop=shop, words=words, nonce=nonce, poll=polls)
    return Rendered(body.encode("utf-8", "replace"), _policy(nonce, shop, connects=bool(polls)))


def _policy(nonce: str, shop: Shop, *, connects: bool) -> str:
    rules = [
        "default-src 'none'",
        f"style-src 'nonce-{nonce}'",
        f"script-src 'nonce-{nonce}'",
        f"img-src 'self' {_origin(shop.logo)}".rstrip(),
        "connect-src 'self'" if connects else "connect-src 'none'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    ]
    return "; ".join(rules)


def _origin(url: str | None) -> str:
    """Tell the origin of a web address; empty for what is none, so that no policy is broken up."""
    if not url or any(character in url for character in " ;,'\"\\<>\t\r\n"):
        return ""
    parts = urlsplit(url)
    known = parts.scheme in {"http", "https"} and parts.hostname and parts.netloc.isascii()
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}" if known else ""
