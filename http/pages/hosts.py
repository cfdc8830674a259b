"""Which storefront a host is, by its name: the leftmost label is the slug (contract §3).

Only ``Host`` is looked at, which the edge has parsed strictly; no other header can name a
storefront. Whether the storefront really has its pages there, it says itself (``AskWithFront``).
"""

import re
from typing import Final, NamedTuple

from aiohttp import web

from doorward.actors.partitions import is_slug

_NAME_MAX: Final = 253
# The last label of a name is never all digits (RFC 3696 §2), the last part of an address is.
_NAME: Final = re.compile(
    r"((?P<slug>[a-z0-9-]+)(?:\.[a-z0-9-]+)*\.(?![0-9]+(?::|$))[a-z0-9-]+)(?::[0-9]{1,5})?",
    re.ASCII,
)


class OwnHost(NamedTuple):
    """A host that may be a storefront's own; ``name`` is without port."""

    name: str
    slug: str


def own_host(request: web.BaseRequest) -> OwnHost | None:
    """Tell which storefront's own host a request was sent to; None when it can be nobody's."""
    given = request.headers.getall("Host", ())
    if len(given) != 1 or len(given[0]) > _NAME_MAX:
        return None
    match = _NAME.fullmatch(given[0].lower())
    if match is None or not is_slug(match["slug"]):
        return None
    return OwnHost(match[1], match["slug"])
