"""What HTTP itself refuses, as one tree; each surface renders it in its own shape.

EdgeError
├── BadRequest            400  ambiguous, contradictory or malformed
│   ├── BadBody           400  not the JSON that the contract asks for
│   └── BrokenBody        400  the body's framing broke off or was wrong; the connection ends
├── Forbidden             403  an unsafe request from a page of another origin
├── NotFound              404  no such route
├── MethodNotAllowed      405  the route exists, the method does not
├── RequestTimeout        408  the body did not arrive in time; the connection ends
├── PayloadTooLarge       413  the body is over the cap; the connection ends
└── UnsupportedMediaType  415  not ``application/json``, or encoded

A reason is a fixed phrase without a full stop. It never holds anything that was sent to us: an
error must not echo input (OWASP ASVS 16.5.1).
"""

from collections.abc import Iterable, Mapping
from typing import ClassVar, Final

_NO_HEADERS: Final[Mapping[str, str]] = {}
_CLOSE: Final[Mapping[str, str]] = {"Connection": "close"}


class EdgeError(Exception):
    """The root: a request that is answered without asking a storefront.

    Attributes:
        status: The HTTP status of the answer.
        reason: A fixed phrase for people, without a full stop.
        headers: What the answer must carry. ``Connection: close`` among them means that the
            connection cannot be used again; the server ends it after the answer.
    """

    status: ClassVar[int] = 400
    headers: Mapping[str, str] = _NO_HEADERS

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class BadRequest(EdgeError):
    """The request contradicts itself or breaks a rule of HTTP."""


class BadBody(BadRequest):
    """The body is not the strict JSON object that the contract asks for."""


class BrokenBody(BadRequest):
    """The body ended early or its framing is wrong: where the next request begins is unknown."""

    headers = _CLOSE


class Forbidden(EdgeError):
    """An unsafe request that a page of another origin caused (CSRF)."""

    status = 403


class NotFound(EdgeError):
    """No route has this path."""

    status = 404


class MethodNotAllowed(EdgeError):
    """The route exists, but not for this method (RFC 9110 §15.5.6: with ``Allow``)."""

    status = 405

    def __init__(self, allowed: Iterable[str]) -> None:
        methods = tuple(sorted(allowed))
        super().__init__("This method is not allowed here")
        self.args = (methods,)  # what pickling calls the class with again
        self.headers = {"Allow": ", ".join(methods)}


class RequestTimeout(EdgeError):
    """The body did not arrive in time (RFC 9110 §15.5.9: the connection is closed)."""

    status = 408
    headers = _CLOSE


class PayloadTooLarge(EdgeError):
    """The body is over the cap; what is still on its way is not wanted (RFC 9110 §15.5.14)."""

    status = 413
    headers = _CLOSE


class UnsupportedMediaType(EdgeError):
    """The body is not ``application/json``, or comes in a content coding."""

    status = 415
