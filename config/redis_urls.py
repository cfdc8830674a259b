"""Where the store is, as its URL says: one Redis, one behind Sentinels, or a Redis Cluster.

No rule here quotes the text it refuses: it may hold a password.
"""

import re
from typing import Final, Literal, NamedTuple
from urllib.parse import SplitResult, parse_qsl, unquote

import msgspec

from doorward.config.forms import Form, Unfit
from doorward.config.network_forms import SERVER_NAME, split_url
from doorward.config.secret import Secret

Kind = Literal["one", "sentinel", "cluster"]
Address = tuple[str, int]

_SERVICE: Final = re.compile(r"/[A-Za-z0-9._-]{1,128}")
_DATABASE: Final = re.compile(r"[0-9]{1,5}")
_DATABASE_PATH: Final = re.compile(r"/?|/[0-9]{1,5}")
_REDIS_PORT: Final = 6379
_SENTINEL_PORT: Final = 26379
_LOGIN_OPTIONS: Final = frozenset({"db", "username", "password"})
_SENTINEL_OPTIONS: Final = frozenset({"db", "sentinel_username", "sentinel_password"})
_TLS_OPTIONS: Final = frozenset({"ssl_ca_certs", "ssl_ca_path", "ssl_certfile", "ssl_keyfile"})
# redis-py lets the URL override what the program asks for, its retries included, and a commit sent
# twice is worse than one that failed: only these options are passed on.
_OPTIONS: Final[dict[str, frozenset[str]]] = {
    "redis": _LOGIN_OPTIONS,
    "rediss": _LOGIN_OPTIONS | _TLS_OPTIONS,
    "unix": _LOGIN_OPTIONS,
    "redis+sentinel": _SENTINEL_OPTIONS,
    "rediss+sentinel": _SENTINEL_OPTIONS | _TLS_OPTIONS,
    "redis+cluster": frozenset(),
    "rediss+cluster": _TLS_OPTIONS,
}


class Login(NamedTuple):
    """Who we are to a server; both None where it asks nobody."""

    username: str | None
    password: str | None


class RedisPlace(msgspec.Struct, frozen=True, kw_only=True):
    """What a URL says.

    Attributes:
        kind: ``one`` Redis, the master behind Sentinels, or a Redis Cluster.
        servers: Host and port of the Redis, of the Sentinels, or of some nodes of the cluster;
            none for a unix socket.
        is_encrypted: Whether all of them are spoken to in TLS.
        login: Who we are to Redis; for ``sentinel`` and ``cluster`` only.
        sentinel_login: Who we are to the Sentinels.
        service: What the Sentinels call the master.
        database: Its number.
        tls: Files for TLS, by redis-py's names (``ssl_ca_certs`` …).
    """

    kind: Kind
    servers: tuple[Address, ...]
    is_encrypted: bool = False
    login: Secret[Login] = Secret(Login(None, None))
    sentinel_login: Secret[Login] = Secret(Login(None, None))
    service: str = ""
    database: int = 0
    tls: dict[str, str] = {}


def read_place(text: str) -> RedisPlace:
    """Read what a URL says.

    Raises:
        Unfit: When it is not of the form ``REDIS_URL``.
    """
    scheme = text.partition("://")[0]
    if not scheme.endswith(("+sentinel", "+cluster")) or scheme not in _OPTIONS:
        return _one(split_url(text, tuple(_OPTIONS)))
    userinfo, hosts, tail = _parted(text)
    first = split_url(f"{scheme}://{userinfo}{hosts[0]}{tail}", (scheme,))
    options = _options(first)
    is_sentinel = scheme.endswith("+sentinel")
    _hold_path(first, is_sentinel=is_sentinel)
    default_port = _SENTINEL_PORT if is_sentinel else _REDIS_PORT
    return RedisPlace(
        kind="sentinel" if is_sentinel else "cluster",
        servers=tuple(_server(scheme, host, default_port) for host in hosts),
        is_encrypted=scheme.startswith("rediss"),
        login=Secret(Login(_unquoted(first.username), _unquoted(first.password))),
        sentinel_login=Secret(
            Login(options.get("sentinel_username"), options.get("sentinel_password"))
        ),
        service=first.path[1:] if is_sentinel else "",
        database=int(options.get("db", 0)),
        tls={name: value for name, value in options.items() if name in _TLS_OPTIONS},
    )


def _one(parts: SplitResult) -> RedisPlace:
    if parts.scheme == "unix":
        if parts.hostname or not parts.path.strip("/"):
            raise Unfit("name a socket by its whole path, as in unix:///run/redis/redis.sock")
    elif not SERVER_NAME.fullmatch(parts.hostname or ""):
        raise Unfit("name a host, as in redis://127.0.0.1:6379/0")
    elif not _DATABASE_PATH.fullmatch(parts.path):
        raise Unfit("have no path but the number of a database, as in redis://127.0.0.1:6379/0")
    _hold_options(parts)
    return RedisPlace(
        kind="one",
        servers=((parts.hostname, parts.port or _REDIS_PORT),) if parts.hostname else (),
        is_encrypted=parts.scheme == "rediss",
    )


def _parted(text: str) -> tuple[str, list[str], str]:
    """Part a URL of several hosts into what is before them, each of them, and what follows."""
    rest = text.partition("://")[2]
    authority = re.split("[/?#]", rest, maxsplit=1)[0]
    userinfo, at, hosts = authority.rpartition("@")
    if "@" in userinfo:
        raise Unfit("have one '@' at most (write %40 inside a password)")
    return userinfo + at, hosts.split(","), rest[len(authority) :]


def _server(scheme: str, host: str, default_port: int) -> Address:
    parts = split_url(f"{scheme}://{host}", (scheme,))
    if not SERVER_NAME.fullmatch(parts.hostname or ""):
        raise Unfit("name hosts with commas between them, as in 10.0.0.1:7000,10.0.0.2:7000")
    return str(parts.hostname), parts.port or default_port


def _hold_path(parts: SplitResult, *, is_sentinel: bool) -> None:
    if is_sentinel and not _SERVICE.fullmatch(parts.path):
        raise Unfit(
            "name the service after the hosts, as in redis+sentinel://10.0.0.1:26379/doorward"
        )
    if not is_sentinel and parts.path not in ("", "/"):
        raise Unfit("have no path: a Redis Cluster has one database")


def _options(parts: SplitResult) -> dict[str, str]:
    _hold_options(parts)
    given = parse_qsl(parts.query, keep_blank_values=True)
    options = dict(given)
    if len(options) != len(given):
        raise Unfit("name each option once")
    if not _DATABASE.fullmatch(options.get("db", "0")):
        raise Unfit("have the number of a database as db")
    return options


def _hold_options(parts: SplitResult) -> None:
    allowed = _OPTIONS[parts.scheme]
    if any(name not in allowed for name, _ in parse_qsl(parts.query, keep_blank_values=True)):
        raise Unfit(f"have no options but {', '.join(sorted(allowed))}" if allowed else _BARE)


def _unquoted(part: str | None) -> str | None:
    return unquote(part) if part else None


def _redis_url(text: str) -> Secret[str]:
    read_place(text)
    return Secret(text)


_BARE: Final = "have no options"
REDIS_URL: Final = Form(
    "a redis://, rediss:// or unix:// URL, redis+sentinel:// with hosts and a service, or "
    "redis+cluster:// with hosts (rediss+… for TLS)",
    _redis_url,
)
