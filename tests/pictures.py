"""Pictures for tests, real ones and ones that only look it."""

import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from typing import Any, Final

from PIL import Image

KINDS: Final = {
    "image/png": "PNG",
    "image/jpeg": "JPEG",
    "image/gif": "GIF",
    "image/webp": "WEBP",
}


def picture(
    media_type: str = "image/png",
    size: tuple[int, int] = (64, 48),
    frames: int = 1,
    **options: Any,  # noqa: ANN401 - Pillow's
) -> bytes:
    """Draw a picture, or a film whose every frame is turned against the last."""
    grey = Image.linear_gradient("L")
    drawn = [grey.rotate(90 * (turn % 4)).resize(size).convert("RGB") for turn in range(frames)]
    written = io.BytesIO()
    if frames > 1:
        options |= {"save_all": True, "append_images": drawn[1:], "duration": 50}
    drawn[0].save(written, KINDS[media_type], **options)
    return written.getvalue()


def chunk(kind: bytes, content: bytes) -> bytes:
    """Write a chunk of a PNG."""
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)


def png_head(width: int, height: int, frames: int = 1) -> bytes:
    """Write a PNG that says it is so large and so long, and holds next to nothing."""
    head = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    pixels = zlib.compress(b"\0" * 1000, 9)
    film = chunk(b"acTL", struct.pack(">II", frames, 0)) if frames > 1 else b""
    chunks = (chunk(b"IHDR", head), film, chunk(b"IDAT", pixels), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def png_bomb(side: int) -> bytes:
    """Write a whole PNG of one colour: a thousandth of the pixels it becomes."""
    written = io.BytesIO()
    Image.new("1", (side, side)).save(written, "PNG")
    return written.getvalue()


def archive() -> bytes:
    """Write a zip with one file in it."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as zipped:
        zipped.writestr("evil.html", "<p>hi</p>")
    return written.getvalue()


def png_with(content: bytes) -> bytes:
    """Hide something in a PNG's comment, between its pixels and its end."""
    whole = picture("image/png")
    hidden = chunk(b"tEXt", b"Comment\0" + content)
    return whole[:-12] + hidden + whole[-12:]


def zip_in_png() -> bytes:
    """Write bytes that are a whole PNG and a zip that unpacks, nothing hanging on behind."""
    zipped = archive()
    end = chunk(b"IEND", b"")
    # The archive's own comment takes in what is left of the PNG: checksum and last chunk.
    commented = zipped[:-2] + struct.pack("<H", 4 + len(end))
    return png_with(commented)


SVG: Final = (
    b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><script>1</script></svg>'
)
HTML: Final = b"<!doctype html><script>alert(1)</script>"
PDF: Final = b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\ntrailer <<>>\n%%EOF\n"

NO_PICTURES: Final[dict[str, Callable[[], bytes]]] = {
    "nothing": lambda: b"",
    "one byte": lambda: b"\x89",
    "only the magic": lambda: b"\x89PNG\r\n\x1a\n",
    "svg": lambda: SVG,
    "html": lambda: HTML,
    "pdf": lambda: PDF,
    "zip": archive,
    "another type": lambda: picture("image/gif"),
    "truncated by one": lambda: picture()[:-1],
    "truncated by half": lambda: picture()[: len(picture()) // 2],
    "without its end": lambda: picture()[:-12],
    "bytes in front": lambda: b"GIF89a" + picture(),
    "html behind": lambda: picture() + HTML,
    "zip behind": lambda: picture() + archive(),
    "zip inside": zip_in_png,
    "script inside": lambda: png_with(b"<SCRIPT>alert(1)</SCRIPT>"),
    "php inside": lambda: png_with(b"<?php system($_GET[0]); ?>"),
    "pdf inside": lambda: picture()[:33] + chunk(b"tEXt", b"Comment\0" + PDF) + picture()[33:],
    "a wrong checksum": lambda: picture()[:-1] + b"\0",
    "too few pixels": lambda: png_head(640, 480),
    "no pixels": lambda: png_head(0, 0),
}
"""What must not pass for a PNG."""
