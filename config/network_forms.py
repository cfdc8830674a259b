"""Forms of network names: hosts, domains, origins, networks, the sender's address."""

import re
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Final
from urllib.parse import SplitResult, urlsplit

from doorward.config.forms import Form, Unfit, items

Network = IPv4Network | IPv6Network

PORT_MAX: Final = 65_535
SERVER_NAME: Final = re.compile(r"[A-Za-z0-9._:-]+")
"""What may stand for a host in a URL of a service inside: names there may hold underscores."""
# RFC 1035 §2.3.4 and RFC 1123 §2.1: labels of 63, 253 characters in all without the last dot.
_NAME_MAX: Final = 253
_LABEL: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
# A slug has up to 40 characters (contract §1), and a dot parts it from the hosted domain.
_HOSTED_DOMAIN_MAX: Final = _NAME_MAX - 41
# RFC 5321 §4.5.3.1.1 and RFC 5322 §3.2.3 (dot-atom).
_LOCAL_PART_MAX: Final = 64
_LOCAL_PART: Final = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
)
_ADDRESS_MAX: Final = 254
_VISIBLE: Final = re.compile(r"[!-~]+")
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


def is_ip(host: str) -> bool:
    """Tell whether a host is an IP address, without brackets and without a zone."""
    try:
        return bool(ip_address(host)) and "%" not in host
    except ValueError:
        return False


def is_loopback(host: str) -> bool:
    """Tell whether a host can only be this machine.

    Source: RFC 6761 §6.3 (``localhost`` and everything below it).
    """
    if is_ip(host):
        return ip_address(host).is_loopback
    name = host.lower().rstrip(".")
    return name == "localhost" or name.endswith(".localhost")


def split_url(text: str, schemes: tuple[str, ...]) -> SplitResult:
    """Part a URL of one of these schemes.

    Raises:
        Unfit: When it is not one; blanks are refused before ``urlsplit`` drops some silently.
    """
    if not _VISIBLE.fullmatch(text):
        raise Unfit("be a URL without blanks, written in ASCII")
    if not text.startswith(tuple(f"{scheme}://" for scheme in schemes)):
        raise Unfit(f"start with {' or '.join(f'{scheme}://' for scheme in schemes)}")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise Unfit("name a valid host, and a port from 1 to 65535 if any") from None
    if port == 0:
        raise Unfit("name a port from 1 to 65535 if any")
    if "#" in text:
        raise Unfit("have no '#' (write %23 inside a password)")
    return parts


def _name(text: str, *, longest: int = _NAME_MAX) -> str:
    name = text.lower()
    labels = name.split(".")
    # A last label of digits would be read as an IPv4 address (WHATWG URL §3.5, "ends in a number").
    if len(name) > longest or not all(map(_LABEL.fullmatch, labels)) or labels[-1].isdigit():
        raise ValueError
    return name


def _host(text: str) -> str:
    return text if is_ip(text) else _name(text)


def _hosted_domain(text: str) -> str:
    return _name(text, longest=_HOSTED_DOMAIN_MAX)


def _origin(text: str) -> str:
    parts = split_url(text, ("http", "https"))
    if text not in (f"{parts.scheme}://{parts.netloc}", f"{parts.scheme}://{parts.netloc}/"):
        raise Unfit("be an origin only: scheme, host and port, with no path, query or fragment")
    if "@" in parts.netloc:
        raise Unfit("hold no user or password")
    try:
        host = _url_host(parts)
    except ValueError:
        raise Unfit("name a valid host (an international domain by its xn-- form)") from None
    default = parts.port in (None, _DEFAULT_PORTS[parts.scheme])
    return f"{parts.scheme}://{host}" if default else f"{parts.scheme}://{host}:{parts.port}"


def _url_host(parts: SplitResult) -> str:
    """Write a URL's host as browsers serialise it (RFC 6454 §6.2, RFC 5952 for IPv6)."""
    host = _host(parts.hostname or "")
    if ("[" in parts.netloc) != (":" in host):
        raise ValueError
    return f"[{ip_address(host).compressed}]" if ":" in host else host


def _networks(text: str) -> tuple[Network, ...]:
    return tuple(_network(item) for item in items(text))


def _network(text: str) -> Network:
    if "%" in text:
        raise Unfit("name networks without a zone")
    try:
        network = ip_network(text)
    except ValueError:
        raise Unfit(_network_rule(text)) from None
    if network.prefixlen == 0:
        raise Unfit("not trust every address: each client could then choose its own")
    if isinstance(network, IPv6Network) and network.network_address.ipv4_mapped is not None:
        raise Unfit("name an IPv4-mapped network by its IPv4 form")
    return network


def _network_rule(text: str) -> str:
    try:
        meant = ip_network(text, strict=False)
    except ValueError:
        return f"be {NETWORKS.rule}"
    return f"name a network by its first address: {meant}"


def _mail_address(text: str) -> str:
    local, _, domain = text.rpartition("@")
    if len(text) > _ADDRESS_MAX or len(local) > _LOCAL_PART_MAX or not _LOCAL_PART.fullmatch(local):
        raise ValueError
    return f"{local}@{_name(domain)}"


def _ray_address(text: str) -> str:
    if text in ("auto", "local"):
        return text
    host, _, port = text.rpartition(":")
    if not port.isascii() or not port.isdigit() or not 0 < int(port[:6]) <= PORT_MAX:
        raise ValueError
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if (":" in bare) != (bare != host):
        raise ValueError
    _host(bare)
    return text


HOST: Final = Form("an IP address or a host name", _host)
HOSTED_DOMAIN: Final = Form(
    f"a domain name of at most {_HOSTED_DOMAIN_MAX} characters, without scheme or port",
    _hosted_domain,
)
ORIGIN: Final = Form("an origin such as https://shops.example, with no path", _origin)
NETWORKS: Final[Form[tuple[Network, ...]]] = Form(
    "networks such as 10.0.0.0/8, 2001:db8::/32, comma separated", _networks, listed=True
)
MAIL_ADDRESS: Final = Form("one plain address such as no-reply@shops.example", _mail_address)
RAY_ADDRESS: Final = Form("auto, local or host:port", _ray_address)
