"""The development mailbox: a page for people and JSON for curl, on this machine alone.

It shows live codes and links of every storefront, so it exists only where no SMTP server is
configured, and answers only what certainly comes from this machine. To anyone else it is a page
that does not exist. Three doors are shut:

* another machine: the peer's address must be loopback;
* a page in this machine's browser that was given a foreign name for 127.0.0.1 (DNS rebinding):
  the Host header must be a local name;
* a reverse proxy on this machine, whose peer address is loopback for the whole world: a request
  that says it was forwarded is refused. A unix socket is a proxy's way in, too, so it is not local.

Source: OWASP Web Security Testing Guide, "Testing for Host Header Injection"; RFC 6761 §6.3
(``localhost`` names resolve to loopback).
"""

import re
import secrets
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Final

import orjson
from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from doorward.actors.post.development import Looking
from doorward.actors.post.mail import Mail
from doorward.actors.post.rendering import render, subject

PATH: Final = "/dev/mailbox"
_LISTED: Final = 100
_ITEMS: Final = 50
_ITEMS_AT_MOST: Final = 500

_LOCAL_HOST: Final = re.compile(
    r"(?:localhost|127\.0\.0\.1|\[::1\]|(?:[a-z0-9_-]+\.)+localhost)(?::[0-9]{1,5})?",
    re.IGNORECASE | re.ASCII,
)
_FORWARDED: Final = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP", "Via")

_HEADERS: Final = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_POLICY: Final = (
    "default-src 'none'; style-src {style}; form-action 'self'; base-uri 'none';"
    " frame-ancestors 'none'"
)

_TEMPLATES: Final = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=select_autoescape(["html"]),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)
# Loaded now although nothing uses it by name: otherwise the first request would wait for the disk.
_LAYOUT: Final = _TEMPLATES.get_template("dev_mailbox_layout.html")
_LISTING: Final = _TEMPLATES.get_template("dev_mailbox.html")
_ONE: Final = _TEMPLATES.get_template("dev_mailbox_mail.html")


def add_dev_mailbox(app: web.Application, mailbox: Looking) -> None:
    """Register ``/dev/mailbox``, ``/dev/mailbox.json`` and ``/dev/mailbox/{id}``.

    Whether there should be a development mailbox at all is the caller's decision.
    """
    pages = _Pages(mailbox)
    app.router.add_get(PATH, pages.listing)
    app.router.add_get(f"{PATH}.json", pages.items)
    app.router.add_get(f"{PATH}/{{mail_id}}", pages.one)


class _Pages:
    """The handlers; each raises ``HTTPNotFound`` unless asked from this machine."""

    def __init__(self, mailbox: Looking) -> None:
        self._mailbox = mailbox

    async def listing(self, request: web.Request) -> web.Response:
        """Show the newest mails, by address or storefront if asked."""
        _demand_this_machine(request)
        to, storefront = _wanted(request)
        mails = (await self._mailbox.look()).newest(to=to, storefront=storefront, limit=_LISTED)
        nonce = secrets.token_urlsafe(16)
        body = _LISTING.render(
            rows=[_row(mail) for mail in mails],
            to=to or "",
            storefront=storefront or "",
            most=_LISTED,
            nonce=nonce,
        )
        return _page(body, style=f"'nonce-{nonce}'")

    async def one(self, request: web.Request) -> web.Response:
        """Show one mail: what it says of itself, the HTML part framed, the text part.

        The frame (``srcdoc``) inherits this page's policy, and a mail's styles are inline, so
        inline styles are allowed here; the empty sandbox allows the mail nothing else.
        """
        _demand_this_machine(request)
        mail = (await self._mailbox.look()).find(request.match_info["mail_id"])
        if mail is None:
            raise web.HTTPNotFound
        body = _ONE.render(row=_row(mail), mail=mail, rendered=render(mail), nonce="")
        return _page(body, style="'unsafe-inline'")

    async def items(self, request: web.Request) -> web.Response:
        """Answer ``{items: […]}``, newest first; ``to``, ``storefront``, ``limit`` (1 to 500)."""
        _demand_this_machine(request)
        limit = _limit(request.query.get("limit", str(_ITEMS)))
        if limit is None:
            return _json({"error": {"code": "bad_request", "param": "limit"}}, status=400)
        to, storefront = _wanted(request)
        mails = (await self._mailbox.look()).newest(to=to, storefront=storefront, limit=limit)
        return _json({"items": [_item(mail) for mail in mails]}, status=200)


def _demand_this_machine(request: web.Request) -> None:
    hosts = request.headers.getall("Host", [])
    if (
        not _is_loopback_peer(request)
        or len(hosts) != 1
        or _LOCAL_HOST.fullmatch(hosts[0]) is None
        or any(name in request.headers for name in _FORWARDED)
    ):
        raise web.HTTPNotFound


def _is_loopback_peer(request: web.Request) -> bool:
    peer = None if request.transport is None else request.transport.get_extra_info("peername")
    if not isinstance(peer, tuple):
        return False
    address = ip_address(peer[0].partition("%")[0])
    # A dual-stack socket sees 127.0.0.1 as ::ffff:127.0.0.1, which older Pythons do not unwrap.
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)


def _wanted(request: web.Request) -> tuple[str | None, str | None]:
    # A plus that curl did not encode arrives as a blank, which no canonical address holds.
    to = request.query.get("to", "").strip().lower().replace(" ", "+")
    return to or None, request.query.get("storefront", "").strip() or None


def _limit(text: str) -> int | None:
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(_ITEMS_AT_MOST))):
        return None
    return int(text) if 1 <= int(text) <= _ITEMS_AT_MOST else None


def _row(mail: Mail) -> dict[str, str | None]:
    sent_at = _iso(mail.sent_at_ms)
    return {
        "path": f"{PATH}/{mail.id}",
        "sent_at": sent_at,
        "day": sent_at[:10],
        "time": sent_at[11:19],
        "slug": mail.slug,
        "to": mail.to,
        "subject": subject(mail),
        "code": mail.code,
        "link": mail.link,
    }


def _item(mail: Mail) -> dict[str, object]:
    rendered = render(mail)
    return {
        "id": mail.id,
        "slug": mail.slug,
        "to": mail.to,
        "subject": rendered.subject,
        "text": rendered.text,
        "html": rendered.html,
        "code": mail.code,
        "links": [] if mail.link is None else [mail.link],
        "sentAt": _iso(mail.sent_at_ms),
    }


def _iso(ms: int) -> str:
    return f"{datetime.fromtimestamp(ms // 1000, UTC):%Y-%m-%dT%H:%M:%S}.{ms % 1000:03d}Z"


def _page(body: str, *, style: str) -> web.Response:
    headers = _HEADERS | {"Content-Security-Policy": _POLICY.format(style=style)}
    return web.Response(text=body, content_type="text/html", headers=headers)


def _json(value: object, *, status: int) -> web.Response:
    body = orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    return web.Response(body=body, status=status, content_type="application/json", headers=_HEADERS)
