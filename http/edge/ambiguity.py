"""What aiohttp's parser lets pass although two readers could understand it differently.

Between a proxy and Doorward, every such request is a way to smuggle another one past the proxy
(RFC 9112 §11.2; OWASP ASVS 4.2.1). All are refused with 400, and the connection ends.
"""

from collections import deque

from aiohttp import HttpVersion10, HttpVersion11, StreamReader, hdrs, web


def is_ambiguous(request: web.BaseRequest, framed: deque[StreamReader]) -> bool:
    """Tell whether a request must not be answered as it stands.

    Ambiguous is: a version other than 1.0 and 1.1 (a request line without any arrives here as
    0.9); a transfer coding other than plain ``chunked``, or any in HTTP/1.0 (RFC 9112 §6.1); a
    chunked body whose end was not seen (``framing``); a target that is no path, but for
    ``OPTIONS *`` and an absolute one that names the same authority as ``Host``; a target with a
    fragment, which no client sends.

    Args:
        request: Not handled yet; asked once per request, in order.
        framed: The bodies of the connection's chunked messages that ``framing`` has seen; the
            request's own is taken out.
    """
    version = request.version
    if version is not HttpVersion11 and version != HttpVersion10:
        return True
    if hdrs.TRANSFER_ENCODING in request.headers and _is_oddly_framed(request, framed):
        return True
    target = request.raw_path
    return "#" in target or (target[:1] != "/" and not _is_known_form(request, target))


def _is_oddly_framed(request: web.BaseRequest, framed: deque[StreamReader]) -> bool:
    coding = request.headers[hdrs.TRANSFER_ENCODING]
    if coding != "chunked" or request.version != HttpVersion11:
        return True
    return not framed or framed.popleft() is not request.content


def _is_known_form(request: web.BaseRequest, target: str) -> bool:
    if target == "*":
        return request.method == hdrs.METH_OPTIONS
    scheme, separator, rest = target.partition("://")
    authority = rest.partition("/")[0].partition("?")[0]
    host = request.headers.get(hdrs.HOST, "")
    return bool(separator) and scheme in ("http", "https") and authority.lower() == host.lower()
