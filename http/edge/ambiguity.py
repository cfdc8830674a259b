"""What aiohttp's parser lets pass although two readers could understand it differently.

Between a proxy and Doorward, every such request is a way to smuggle another one past the proxy
(RFC 9112 §11.2; OWASP ASVS 4.2.1).
"""

from aiohttp import HttpVersion10, HttpVersion11, hdrs
from aiohttp.http import RawRequestMessage


def is_ambiguous(message: RawRequestMessage) -> bool:
    """Tell whether a request must be refused although it could be parsed.

    Ambiguous is: a version other than 1.0 and 1.1 (a request line without any arrives here as
    0.9); a transfer coding other than plain ``chunked``, or any in HTTP/1.0 (RFC 9112 §6.1); a
    target that is no path, but for ``OPTIONS *`` and an absolute one that names the same authority
    as ``Host`` (RFC 9112 §3.2.2); a target with a fragment, which no client sends.
    """
    version = message.version
    if version is not HttpVersion11 and version != HttpVersion10:
        return True
    if message.chunked and not _is_plainly_chunked(message):
        return True
    target = message.path
    return "#" in target or (target[:1] != "/" and not _is_known_form(message))


def _is_plainly_chunked(message: RawRequestMessage) -> bool:
    codings = message.headers.getall(hdrs.TRANSFER_ENCODING, ())
    return list(codings) == ["chunked"] and message.version == HttpVersion11


def _is_known_form(message: RawRequestMessage) -> bool:
    if message.path == "*":
        return message.method == hdrs.METH_OPTIONS
    scheme, separator, rest = message.path.partition("://")
    authority = rest.partition("/")[0].partition("?")[0]
    host = message.headers.get(hdrs.HOST, "")
    return bool(separator) and scheme in ("http", "https") and authority.lower() == host.lower()
