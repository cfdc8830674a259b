"""Forms of what is secret: keys, and URLs that may hold a password.

No rule here quotes the text it refuses.
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Final
from urllib.parse import parse_qsl

from doorward.config.forms import Form, Unfit, items
from doorward.config.network_forms import split_url
from doorward.config.secret import Secret

# RFC 6750 §2.1 (b64token): what can stand behind "Bearer" in a header.
_BEARER: Final = re.compile(r"[A-Za-z0-9._~+/-]+=*")
# 32 characters hold 128 bits even when written in hexadecimal (OWASP ASVS 5.0 §7.2.3).
_OPERATOR_KEY_MIN: Final = 32
_OPERATOR_KEY_MAX: Final = 512
# HKDF-SHA-256 wants a key as long as its hash (RFC 5869 §2.2, §3.1).
_MASTER_KEY_BYTES: Final = 32
_BASE64URL_43: Final = re.compile(r"[A-Za-z0-9_-]{43}=?")
_SERVER_NAME: Final = re.compile(r"[A-Za-z0-9._:-]+")
_DATABASE: Final = re.compile(r"/?|/[0-9]{1,5}")
_LOGIN_OPTIONS: Final = frozenset({"db", "username", "password"})
# redis-py lets the URL override what the program asks for, its retries included, and a commit sent
# twice is worse than one that failed: only these options are passed on.
_REDIS_OPTIONS: Final = {
    "redis": _LOGIN_OPTIONS,
    "rediss": _LOGIN_OPTIONS | {"ssl_ca_certs", "ssl_ca_path", "ssl_certfile", "ssl_keyfile"},
    "unix": _LOGIN_OPTIONS,
}


def _operator_key(text: str) -> Secret[str]:
    if len(text) < _OPERATOR_KEY_MIN:
        raise Unfit(f"have at least {_OPERATOR_KEY_MIN} characters")
    if len(text) > _OPERATOR_KEY_MAX or not _BEARER.fullmatch(text):
        raise ValueError
    return Secret(text)


def _master_keys(text: str) -> Secret[tuple[bytes, ...]]:
    keys = tuple(_master_key(item) for item in items(text))
    if len(set(keys)) != len(keys):
        raise Unfit("name each key once")
    return Secret(keys)


def _master_key(text: str) -> bytes:
    if not _BASE64URL_43.fullmatch(text):
        raise ValueError
    bare = text.rstrip("=")
    key = urlsafe_b64decode(f"{bare}=")
    # The last character carries two bits that mean nothing; other spellings are cut or mistyped.
    if len(key) != _MASTER_KEY_BYTES or urlsafe_b64encode(key).decode().rstrip("=") != bare:
        raise ValueError
    return key


def _redis_url(text: str) -> Secret[str]:
    parts = split_url(text, tuple(_REDIS_OPTIONS))
    if parts.scheme == "unix":
        if parts.hostname or not parts.path.strip("/"):
            raise Unfit("name a socket by its whole path, as in unix:///run/redis/redis.sock")
    elif not _SERVER_NAME.fullmatch(parts.hostname or ""):
        raise Unfit("name a host, as in redis://127.0.0.1:6379/0")
    elif not _DATABASE.fullmatch(parts.path):
        raise Unfit("have no path but the number of a database, as in redis://127.0.0.1:6379/0")
    allowed = _REDIS_OPTIONS[parts.scheme]
    if any(name not in allowed for name, _ in parse_qsl(parts.query, keep_blank_values=True)):
        raise Unfit(f"have no options but {', '.join(sorted(allowed))}")
    return Secret(text)


def _smtp_url(text: str) -> Secret[str]:
    parts = split_url(text, ("smtp", "smtps"))
    if not _SERVER_NAME.fullmatch(parts.hostname or ""):
        raise Unfit("name a host, as in smtp://mail.shops.example:587")
    if parts.path not in ("", "/"):
        raise Unfit("have no path")
    return Secret(text)


OPERATOR_KEY: Final = Form(
    f"{_OPERATOR_KEY_MIN} to {_OPERATOR_KEY_MAX} letters, digits or . _ ~ + / - (bearer token)",
    _operator_key,
)
MASTER_KEYS: Final = Form(
    f"one or several different keys of {_MASTER_KEY_BYTES} random bytes, each as 43 base64url "
    "characters, comma separated, newest first",
    _master_keys,
    listed=True,
)
REDIS_URL: Final = Form("a redis://, rediss:// or unix:// URL", _redis_url)
SMTP_URL: Final = Form("an smtp:// or smtps:// URL", _smtp_url)
