"""The whole vocabulary between ``http`` and a storefront. Nothing else crosses.

A *request* asks one storefront for one decision; an *outcome* is its answer. Both are frozen,
tagged values, so the same bytes travel inside a process and over a cluster. Expected refusals
(wrong code, too many, not found) are outcomes, never exceptions.

Secrets: requests carry digests of what a browser presented, never the secret itself, except the
six digits of a code, which mean nothing without their challenge. Outcomes carry a fresh secret
exactly once, on its way to the browser.
"""

from typing import Literal

import msgspec


class Request(msgspec.Struct, frozen=True, tag=True, kw_only=True, gc=False):
    """Something asked of a storefront."""


class Outcome(msgspec.Struct, frozen=True, tag=True, kw_only=True, gc=False):
    """What a storefront decided."""


class Caller(msgspec.Struct, frozen=True, gc=False):
    """Who asks, as far as the HTTP edge can tell.

    ``origin`` is set only when the CSRF rule leaves the decision to a comparison with the
    storefront's configured origin. ``own_origin`` is the origin the request itself was sent to,
    known only in development (loopback), where it stands in for a configured one. ``key_digest`` is
    the SHA-256 of a secret key sent along, by which ``asserted_address`` may count instead of
    ``address``. ``locale`` is the language spoken here that they like best, if any (``locales``).
    ``device_label`` says in a few words what they use, for their own list of sessions.
    """

    address: str
    request_id: str = ""
    origin: str | None = None
    own_origin: str | None = None
    scheme: Literal["http", "https"] = "http"
    key_digest: str | None = None
    asserted_address: str | None = None
    locale: str = ""
    device_label: str = ""


class Presented(msgspec.Struct, frozen=True, gc=False):
    """SHA-256 digests (hex) of the cookies a browser presented, by the name each came under.

    ``secure`` came as ``__Host-…``, ``plain`` without; which one counts depends on the
    storefront's configured origin, so the storefront picks.
    """

    secure: str | None = None
    plain: str | None = None


NOTHING = Presented()
