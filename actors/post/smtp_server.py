"""Which SMTP server to use and how, read from one URL.

    smtp://user:password@mail.example:587       STARTTLS, required
    smtps://user:password@mail.example          TLS from the first byte (port 465)
    smtp://127.0.0.1:25                         a relay on this machine, in the clear
    smtp://mailpit:1025?starttls=never          a trusted network, in the clear, without a password

``helo=`` sets the name given in EHLO. The sender's address is not part of the URL: it is a setting
of its own (``DOORWARD_MAIL_FROM``), because it is no secret and the URL is.
"""

import re
from ipaddress import ip_address
from typing import Any, Final, Literal
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

import msgspec

from doorward.config.errors import ConfigurationError

SETTING: Final = "DOORWARD_SMTP_URL"
Security = Literal["tls", "starttls", "plain"]

# RFC 6409 §3.1 (submission), RFC 8314 §7.3 (submission over TLS), RFC 5321 §4.5.4.2 (relay).
_PORTS: Final[dict[Security, int]] = {"tls": 465, "starttls": 587, "plain": 25}
_HELO: Final = re.compile(r"[A-Za-z0-9.:\[\]-]{1,255}")
_OPTIONS: Final = frozenset({"starttls", "helo"})


class SmtpServer(msgspec.Struct, frozen=True, kw_only=True):
    """One SMTP server; what it prints of itself holds no credential.

    Attributes:
        host: Name or address.
        port: 1 to 65535.
        security: TLS from the start, STARTTLS (refused when not offered), or in the clear.
        username: None when the server asks for none.
        password: Empty without a username.
        helo: What to call ourselves in EHLO, or None to choose.
    """

    host: str
    port: int
    security: Security
    username: str | None = None
    password: str = ""
    helo: str | None = None

    def __repr__(self) -> str:
        return f"SmtpServer(host={self.host!r}, port={self.port}, security={self.security!r})"

    # msgspec's own would put the password into rich's tracebacks.
    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("host", self.host), ("port", self.port), ("security", self.security)]


def parse(url: str) -> SmtpServer:
    """Read an ``smtp://`` or ``smtps://`` URL.

    User and password are percent-decoded. ``smtp://`` demands STARTTLS (``starttls=required``, the
    default) except to a loopback host; ``starttls=never`` sends in the clear, which is refused
    together with a password unless the host is loopback.

    Raises:
        ConfigurationError: The URL breaks a rule; its value is masked in the error.

    Source: RFC 8314 §3 (TLS for submission; opportunistic STARTTLS can be stripped, so there is
    no such setting).
    """
    parts = _split(url)
    options = _options(parts.query)
    host = parts.hostname or ""
    security = _security(parts.scheme, options.get("starttls"), host)
    server = SmtpServer(
        host=host,
        port=_port(parts) or _PORTS[security],
        security=security,
        username=None if parts.username is None else unquote(parts.username),
        password=unquote(parts.password or ""),
        helo=options.get("helo"),
    )
    _check(server)
    return server


def _split(url: str) -> SplitResult:
    if not url.isascii() or any(c.isspace() or not c.isprintable() for c in url):
        raise _refused("must be visible ASCII, other characters percent-encoded")
    try:
        parts = urlsplit(url)
    except ValueError:
        raise _refused("must be a URL such as smtp://user:password@host:587") from None
    if parts.scheme not in {"smtp", "smtps"} or not parts.hostname:
        raise _refused("must be smtp://host or smtps://host")
    if parts.path not in {"", "/"} or parts.fragment:
        raise _refused("must have neither path nor fragment")
    return parts


def _options(query: str) -> dict[str, str]:
    options = parse_qs(query, keep_blank_values=True)
    if unknown := options.keys() - _OPTIONS:
        raise _refused(f"knows only starttls and helo after the ?, not {len(unknown)} other")
    if any(len(values) > 1 for values in options.values()):
        raise _refused("must have each option once")
    return {name: values[0] for name, values in options.items()}


def _security(scheme: str, starttls: str | None, host: str) -> Security:
    if scheme == "smtps":
        if starttls is not None:
            raise _refused("must not have starttls with smtps, which is TLS from the start")
        return "tls"
    chosen = starttls
    if chosen is None:
        chosen = "never" if is_loopback(host) else "required"
    if chosen not in {"required", "never"}:
        raise _refused("must have starttls=required or starttls=never")
    return "starttls" if chosen == "required" else "plain"


def _port(parts: SplitResult) -> int | None:
    try:
        port = parts.port
    except ValueError:
        port = 0
    if port == 0:
        raise _refused("must have a port from 1 to 65535")
    return port


def _check(server: SmtpServer) -> None:
    if server.helo is not None and _HELO.fullmatch(server.helo) is None:
        raise _refused("must have a host name or [address] as helo")
    if server.username is None:
        return
    if not server.username or not server.password:
        raise _refused("must have both user and password, or neither")
    if server.security == "plain" and not is_loopback(server.host):
        raise _refused("must not send a password in the clear (starttls=never)")


def is_loopback(host: str) -> bool:
    """Tell whether a host name or address can only be this machine."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _refused(rule: str) -> ConfigurationError:
    return ConfigurationError(SETTING, "***", rule)
