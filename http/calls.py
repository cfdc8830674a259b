"""One API call as a surface sees it: the request, its id, its caller, its cookies; read once.

Everything here is translation. Nothing is decided but what HTTP itself decides (framing, media
type, strict JSON, strict cookies).
"""

from collections.abc import Mapping
from typing import Final, TypeVar

import msgspec
from aiohttp import hdrs, web
from multidict import istr

from doorward.actors import tokens
from doorward.actors.locales import accepted
from doorward.actors.messages.envelope import NOTHING, Caller, Presented
from doorward.http import device_labels
from doorward.http.edge import cookies, fetch_metadata, json_body
from doorward.http.edge.client_address import ClientAddress
from doorward.http.edge.refusals import BadRequest

KEY_HEADER: Final = istr("X-Doorward-Key")
"""A secret key beside the call's own credential: it may say whose address counts (contract §7)."""

B = TypeVar("B", bound=msgspec.Struct)
_MISSING: Final = "Object missing required field "


class Call:
    """One request on its way to a storefront."""

    __slots__ = ("_addresses", "_cookies", "request", "request_id")

    def __init__(self, request: web.Request, request_id: str, addresses: ClientAddress) -> None:
        self.request = request
        self.request_id = request_id
        self._addresses = addresses
        self._cookies: Mapping[str, str] | None = None

    @property
    def cookies(self) -> Mapping[str, str]:
        """The cookies, strictly parsed.

        Raises:
            BadRequest: When a name comes twice, or there are two ``Cookie`` lines.
        """
        if self._cookies is None:
            self._cookies = cookies.parse(self.request)
        return self._cookies

    def presented(self, name: str) -> Presented:
        """Digest the cookie ``name`` under both names it may come by."""
        jar = self.cookies
        if not jar:
            return NOTHING
        secure, plain = jar.get(f"__Host-{name}"), jar.get(name)
        if secure is None and plain is None:
            return NOTHING
        return Presented(
            secure=tokens.digest(secure) if secure else None,
            plain=tokens.digest(plain) if plain else None,
        )

    def caller(self) -> Caller:
        """Tell who calls, where the CSRF rule does not apply: nothing is changed by a cookie."""
        return self._caller(None)

    def reader(self) -> Caller:
        """Tell who calls, where nothing is changed and nothing is mailed: no more than it takes."""
        request, addresses = self.request, self._addresses
        if KEY_HEADER in request.headers:
            return self._caller(None)
        address, scheme = addresses.with_scheme(request)
        return Caller(address=address, request_id=self.request_id, scheme=scheme)

    def guarded_caller(self) -> Caller:
        """Tell who calls, for a request that a cookie empowers or whose answer sets one.

        Raises:
            Forbidden: When it comes from a page of another origin (CSRF rule, contract §1).
        """
        return self._caller(fetch_metadata.origin_to_compare(self.request))

    def _caller(self, origin: str | None) -> Caller:
        request, addresses = self.request, self._addresses
        keys = request.headers.getall(KEY_HEADER, ())
        if len(keys) > 1:
            raise BadRequest(f"{KEY_HEADER} is given twice")
        address, scheme = addresses.with_scheme(request)
        return Caller(
            address=address,
            request_id=self.request_id,
            origin=origin,
            own_origin=addresses.own_origin(request),
            scheme=scheme,
            # Bytes that are no text open nothing; aiohttp hands them on as surrogates.
            key_digest=tokens.digest(keys[0] if keys[0].isascii() else "") if keys else None,
            asserted_address=addresses.asserted(request) if keys else None,
            locale=accepted(request.headers.get(hdrs.ACCEPT_LANGUAGE)),
            device_label=device_labels.label_of(request.headers.get(hdrs.USER_AGENT, "")),
        )

    async def body(self, shape: type[B]) -> B:
        """Read the JSON body as ``shape``; unknown members are ignored, types are strict.

        Raises:
            EdgeError: When it is not the JSON that the contract asks for.
            Malformed: When a member is missing or of the wrong type.
        """
        members = await json_body.read(self.request)
        try:
            return msgspec.convert(members, shape, strict=True)
        except msgspec.ValidationError as error:
            raise Malformed(*fault_of(error)) from None

    def query(self, name: str) -> str | None:
        """Read a query parameter.

        Raises:
            BadRequest: When it comes twice.
        """
        if not self.request.rel_url.raw_query_string:
            return None
        given = self.request.query.getall(name, ())
        if len(given) > 1:
            raise BadRequest(f"{name} is given twice")
        return given[0] if given else None


class Malformed(Exception):
    """A member of the body is missing or of the wrong type."""

    def __init__(self, param: str, rule: str) -> None:
        super().__init__(param, rule)
        self.param = param
        self.rule = rule


def fault_of(error: msgspec.ValidationError) -> tuple[str, str]:
    """Split msgspec's sentence into the member's name and the rule, without echoing any input."""
    # From the right: the sentence may quote what was sent, the path never does.
    text, _, path = str(error).rpartition(" - at `$")
    if not text:
        text, path = path, ""
    name = path.removesuffix("`").lstrip(".")
    if text.startswith(_MISSING):
        member = text.removeprefix(_MISSING).strip("`")
        return f"{name}.{member}" if name else member, "is required"
    if text.startswith("Expected "):
        return name, text[:1].lower() + text[1:]
    return name, "must be one of the values it may have"
