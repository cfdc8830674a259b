"""The CSRF rule: what a browser says about where an unsafe request comes from.

``Sec-Fetch-Site`` decides where it is sent (every browser since 2023); where it is not, ``Origin``
must equal the storefront's configured origin, which only the storefront knows. Without either the
caller is no browser and has no ambient cookies to abuse (OWASP CSRF Prevention Cheat Sheet; the
same rule as Go's ``net/http.CrossOriginProtection``).
"""

from typing import Final

from aiohttp import hdrs, web
from multidict import istr

from doorward.http.edge.refusals import Forbidden

SEC_FETCH_SITE: Final = istr("Sec-Fetch-Site")

#: Answers depend on both headers wherever this rule is asked.
VARY: Final = "Sec-Fetch-Site, Origin"

_FOREIGN: Final = "This request came from another site"


def origin_to_compare(request: web.BaseRequest) -> str | None:
    """Judge an unsafe request that carries a cookie, or whose answer would set one.

    Returns:
        None when the request is allowed as it is; else the ``Origin`` header (``null`` too),
        which must equal the storefront's configured origin.

    Raises:
        Forbidden: When ``Sec-Fetch-Site`` is anything but ``same-origin``, when either header is
            repeated, or when ``Origin`` is not ASCII: no browser sends that, and a storefront
            cannot be asked about what is no text.
    """
    headers = request.headers
    sites = headers.getall(SEC_FETCH_SITE, None)
    origins = headers.getall(hdrs.ORIGIN, None)
    if origins is not None and (len(origins) > 1 or not origins[0].isascii()):
        raise Forbidden(_FOREIGN)
    if sites is not None:
        if sites == ["same-origin"]:
            return None
        raise Forbidden(_FOREIGN)
    return None if origins is None else origins[0]
