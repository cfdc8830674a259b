"""Whether bytes are the picture they are said to be: by structure first, then by a decoder.

A file's type is what its bytes are from the first to the last, never what a header says. Three
things are asked, cheapest first, and nothing is decoded before its size is known:

1. *Structure* (``picture_forms``): the format's own frame, walked without decoding. It tells how
   many pixels a decoder would make, and where the picture ends: what hangs on behind it is cut off
   where cameras are known to put something there, and refused elsewhere.
2. *Nothing else besides*: no archive, document or script in the same bytes (a polyglot).
3. *A decoder* (Pillow, only that format's) takes every pixel, so a truncated or damaged picture is
   refused while its sender can still send another.

All of it is plain and synchronous, and meant for a thread.
"""

import io
import zipfile
from typing import Final, NamedTuple

from PIL import Image

from doorward.actors.blobs.picture_forms import FORMS, Malformed, Shape

PIXELS_MAX: Final = 40_000_000
"""Of all frames together: 160 MB while it is decoded, one picture at a time."""
FRAMES_MAX: Final = 100
SIDE_MAX: Final = 30_000
_PDF_WITHIN: Final = 1024
"""Where readers look for a PDF's beginning (ISO 32000-1, appendix H, note 13)."""
_SCRIPTS: Final = (b"<script", b"<?php", b"<!doctype")


class Picture(NamedTuple):
    """A picture that is one: its first ``size_bytes`` are all of it."""

    width: int
    height: int
    frames: int
    size_bytes: int


class NotAPicture(Exception):
    """The bytes are not what they are said to be."""


class TooManyPixels(Exception):
    """The picture is one, but larger than is taken; it was not decoded."""


def inspect(raw: bytes, media_type: str) -> Picture:
    """Look at a picture.

    Args:
        raw: The whole file.
        media_type: What it is said to be, one of ``FORMS``.

    Raises:
        NotAPicture: When it is anything else, is damaged or not complete.
        TooManyPixels: When decoding it would take more than ``PIXELS_MAX``.
    """
    form = FORMS[media_type]
    try:
        shape = form.walk(raw)
    except (Malformed, IndexError):
        raise NotAPicture("the bytes are not a whole picture of this type") from None
    if max(shape.width, shape.height) > SIDE_MAX or shape.frames > FRAMES_MAX:
        raise TooManyPixels("the picture is too large")
    if shape.width * shape.height * shape.frames > PIXELS_MAX:
        raise TooManyPixels("the picture is too large")
    picture = raw[: shape.size_bytes]
    if _is_something_else(picture):
        raise NotAPicture("the bytes are more than a picture")
    _decode(picture, form.decoder, shape)
    return Picture(shape.width, shape.height, shape.frames, shape.size_bytes)


def _is_something_else(raw: bytes) -> bool:
    if b"%PDF-" in raw[:_PDF_WITHIN]:
        return True
    lowered = raw.lower()
    if any(script in lowered for script in _SCRIPTS):
        return True
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            return bool(archive.infolist())
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OverflowError):
        return False


def _decode(raw: bytes, decoder: str, shape: Shape) -> None:
    """Decode every frame, each of them forgotten before the next.

    Raises:
        NotAPicture: When the decoder sees another size, or cannot go through to the end.
    """
    try:
        with Image.open(io.BytesIO(raw), formats=(decoder,)) as image:
            frames = getattr(image, "n_frames", 1)
            as_walked = image.size == (shape.width, shape.height) and frames <= shape.frames
            # Where the format allows it (JPEG) an eighth of the pixels tells as much.
            image.draft("RGB", (max(1, image.width // 8), max(1, image.height // 8)))
            for frame in range(frames if as_walked else 0):
                image.seek(frame)
                image.load()
    except Exception as error:
        # A decoder that stumbles over hostile bytes raises whatever it happens to raise.
        raise NotAPicture("the picture is damaged or not complete") from error
    if not as_walked:
        raise NotAPicture("the decoder sees another picture")
