"""Who is on the other end: the address that limits count by.

Only the socket tells the truth. ``X-Forwarded-For`` is believed one hop at a time, from the right,
and only as far as the operator's own proxies go; everything left of the first stranger is what that
stranger chose to write (OWASP ASVS 4.1.3, 15.3.4). ``Forwarded`` and ``X-Real-IP`` are never read.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, Literal, NamedTuple

from aiohttp import hdrs, web

#: A peer without an IP address (a unix socket).
LOCAL: Final = "local"

# An IPv6 subscriber has at least a /64 (RFC 6177), so that is one caller, not 2^64.
_IPV6_PREFIX_BITS: Final = 64
# Longer chains of one's own proxies do not exist; the bound caps the work a header can cause.
_HOPS_MAX: Final = 32
# The longest address with a zone and a port; anything longer is not worth a place in the cache.
_HOP_CHARACTERS_MAX: Final = 64
_WITH_PORT: Final = re.compile(
    r"\[([0-9A-Fa-f:.]+)\](?::[0-9]{1,5})?|([0-9.]+):[0-9]{1,5}", re.ASCII
)
_LOOPBACK_HOST: Final = re.compile(
    r"(?:(?:[a-z0-9-]+\.)*localhost|127(?:\.[0-9]{1,3}){3}|\[::1\])(?::[0-9]{1,5})?", re.ASCII
)


class Place(NamedTuple):
    """An address as it is counted."""

    group: str
    trusted: bool
    loopback: bool


_NOWHERE: Final = Place(LOCAL, trusted=False, loopback=False)


class ClientAddress:
    """Tells addresses, given which proxies are the operator's own."""

    def __init__(self, trusted_proxies: Iterable[str | IPv4Network | IPv6Network] = ()) -> None:
        self._trusted = tuple(ip_network(str(network)) for network in trusted_proxies)
        # Parsing costs 3 µs, a hit 0.1: the same few peers ask again and again.
        self._known = lru_cache(maxsize=8192)(self._place)

    def of(self, request: web.BaseRequest) -> str:
        """Tell the client's address, as limits count it.

        Returns:
            An IPv4 address; an IPv6 network of 64 bits (``2001:db8::/64``); or ``local`` for a
            peer that has no IP address. Of a chain through trusted proxies, the rightmost hop
            that is not one of them, or the last that could be read.
        """
        return self._of(request, self.peer(request.remote))

    def with_scheme(self, request: web.BaseRequest) -> tuple[str, Literal["http", "https"]]:
        """Tell the client's address and scheme at once; see ``of`` and ``scheme``."""
        place = self.peer(request.remote)
        return self._of(request, place), self._scheme(request, place)

    def asserted(self, request: web.BaseRequest) -> str | None:
        """Tell the shopper's address as a server with a secret key asserts it (contract §7).

        Ask only when the key has been checked.

        Returns:
            The last ``X-Forwarded-For`` value that the caller itself sent, grouped; None when it
            sent none that can be read.
        """
        hops = _hops(request)
        place = self.peer(request.remote)
        if place.trusted:
            hops = self._behind_proxies(place, hops)[1]
        last = self._hop(hops[-1]) if hops else None
        return last.group if last else None

    def scheme(self, request: web.BaseRequest) -> Literal["http", "https"]:
        """Tell the scheme the client used: the socket's, or what a trusted proxy says."""
        return self._scheme(request, self.peer(request.remote))

    def _of(self, request: web.BaseRequest, place: Place) -> str:
        if not place.trusted:
            return place.group
        return self._behind_proxies(place, _hops(request))[0].group

    def _scheme(self, request: web.BaseRequest, place: Place) -> Literal["http", "https"]:
        if request.secure:
            return "https"
        if not place.trusted:
            return "http"
        said = request.headers.getall(hdrs.X_FORWARDED_PROTO, ())
        return "https" if [value.lower() for value in said] == ["https"] else "http"

    def own_origin(self, request: web.BaseRequest) -> str | None:
        """Tell the origin a request was sent to, in development only.

        Returns:
            The origin when the peer is this machine *and* ``Host`` names it too. So behind a
            proxy on the same machine no header can make an outside name out of it: mails link
            to this origin where nothing is configured (contract §1).
        """
        place = self.peer(request.remote)
        if not place.loopback or place.trusted:
            return None
        host = _local_host(request.headers.get(hdrs.HOST, ""))
        return f"{self.scheme(request)}://{host}" if host else None

    def peer(self, host: str | None) -> Place:
        """Tell how a socket's other end is counted, and whether it is a trusted proxy."""
        return (self._known(host) if host else None) or _NOWHERE

    def _behind_proxies(self, peer: Place, hops: list[str]) -> tuple[Place, list[str]]:
        """Walk from the right: the client, and the hops it sent itself."""
        place, left = peer, len(hops)
        while place.trusted and left and len(hops) - left < _HOPS_MAX:
            hop = self._hop(hops[left - 1])
            if hop is None:
                return place, []
            place, left = hop, left - 1
        return place, hops[:left]

    def _hop(self, text: str) -> Place | None:
        if len(text) > _HOP_CHARACTERS_MAX:
            return None
        return self._known(text)

    def _place(self, text: str) -> Place | None:
        match = _WITH_PORT.fullmatch(text)
        try:
            address = ip_address((match[1] or match[2]) if match else text)
        except ValueError:
            return None
        if isinstance(address, IPv6Address) and address.ipv4_mapped:
            address = address.ipv4_mapped
        trusted = any(address in network for network in self._trusted)
        if isinstance(address, IPv6Address):
            network = IPv6Network((int(address), _IPV6_PREFIX_BITS), strict=False)
            return Place(str(network), trusted=trusted, loopback=address.is_loopback)
        return Place(str(address), trusted=trusted, loopback=address.is_loopback)


@lru_cache(maxsize=256)
def _local_host(host: str) -> str | None:
    host = host.lower()
    return host if _LOOPBACK_HOST.fullmatch(host) else None


def _hops(request: web.BaseRequest) -> list[str]:
    lines = request.headers.getall(hdrs.X_FORWARDED_FOR, ())
    return [hop.strip(" \t") for hop in ",".join(lines).split(",")] if lines else []
