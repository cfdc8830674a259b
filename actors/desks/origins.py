"""A storefront's configured origin: what mails link to, what cookies are bound to.

Never a request header: a link built from ``Host`` would let anyone send a victim a mail that leads
elsewhere (OWASP Forgot Password Cheat Sheet). Only in development, on loopback and with nothing
configured, the request's own origin stands in.
"""

from doorward.actors.messages.envelope import Caller, Presented
from doorward.actors.records.storefronts import Storefront
from doorward.actors.turns import Place, Turn


def configured_origin(
    turn: Turn, storefront: Storefront, caller: Caller | None = None
) -> str | None:
    """Tell the storefront's origin, ``scheme://host[:port]``; None when nothing is configured."""
    if storefront.origin:
        return storefront.origin
    hosted_domain = storefront.hosted_domain or turn.place.hosted_domain
    if hosted_domain:
        return hosted_origin(turn.place, turn.slug, hosted_domain)
    if turn.place.public_url:
        return turn.place.public_url
    return caller.own_origin if caller else None


def hosted_origin(place: Place, slug: str, hosted_domain: str) -> str:
    """Tell ``<slug>.<hosted domain>`` with the scheme and port of the public address, if any."""
    scheme, _, rest = (place.public_url or "https://").partition("://")
    host, colon, port = rest.rpartition(":")
    suffix = f":{port}" if colon and host and port.isdigit() else ""
    return f"{scheme}://{slug}.{hosted_domain}{suffix}"


def is_secure(turn: Turn, storefront: Storefront, caller: Caller) -> bool:
    """Tell whether cookies are ``Secure`` and ``__Host-``: by the configured origin's scheme."""
    origin = configured_origin(turn, storefront)
    if origin is None:
        return caller.scheme == "https"
    return origin.startswith("https://")


def picked(presented: Presented, *, secure: bool) -> str | None:
    """Pick the cookie that counts: over https only the one a sibling host cannot plant."""
    return presented.secure if secure else presented.plain
