"""The files beside the pages: served from memory, named by what they hold, cached for good."""

import hashlib
from pathlib import Path
from typing import Final, NamedTuple

from aiohttp import web

from doorward.http.replies import SERVER

PREFIX: Final = "/assets"
_FOLDER: Final = Path(__file__).parent / "static"
_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_DIGEST_CHARACTERS: Final = 16
_HEADERS: Final = {
    # RFC 8246: what is named by its content never changes, so nobody need ask again.
    "Cache-Control": "public, max-age=31536000, immutable",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "Server": SERVER,
}


class _Asset(NamedTuple):
    body: bytes
    media_type: str


def _read() -> tuple[dict[str, str], dict[str, _Asset]]:
    paths, assets = {}, {}
    for file in sorted(_FOLDER.iterdir()):
        body = file.read_bytes()
        digest = hashlib.sha256(body).hexdigest()[:_DIGEST_CHARACTERS]
        name = f"{file.stem}.{digest}{file.suffix}"
        paths[file.name] = f"{PREFIX}/{name}"
        assets[name] = _Asset(body, _TYPES[file.suffix])
    return paths, assets


PATHS, _ASSETS = _read()
"""Paths by the name a template knows, and files by the name in the path."""


def register(app: web.Application) -> None:
    """Add the files' route."""
    app.router.add_get(f"{PREFIX}/{{name}}", _serve)


async def _serve(request: web.Request) -> web.Response:
    asset = _ASSETS.get(request.match_info["name"])
    if asset is None:
        raise web.HTTPNotFound
    return web.Response(body=asset.body, headers=_HEADERS | {"Content-Type": asset.media_type})
