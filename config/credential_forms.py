"""Forms of what is secret: keys, and the URL of a mail server, which may hold a password.

No rule here quotes the text it refuses.
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Final

from doorward.config.forms import Form, Unfit, items
from doorward.config.network_forms import SERVER_NAME, split_url
from doorward.config.secret import Secret

# RFC 6750 §2.1 (b64token): what can stand behind "Bearer" in a header.
_BEARER: Final = re.compile(r"[A-Za-z0-9._~+/-]+=*")
# 32 characters hold 128 bits even when written in hexadecimal (OWASP ASVS 5.0 §7.2.3).
_OPERATOR_KEY_MIN: Final = 32
_OPERATOR_KEY_MAX: Final = 512
# HKDF-SHA-256 wants a key as long as its hash (RFC 5869 §2.2, §3.1).
_MASTER_KEY_BYTES: Final = 32
_BASE64URL_43: Final = re.compile(r"[A-Za-z0-9_-]{43}=?")


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


def _smtp_url(text: str) -> Secret[str]:
    parts = split_url(text, ("smtp", "smtps"))
    if not SERVER_NAME.fullmatch(parts.hostname or ""):
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
SMTP_URL: Final = Form("an smtp:// or smtps:// URL", _smtp_url)
