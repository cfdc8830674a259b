import io
import struct
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from doorward.actors.blobs.picture_forms import FORMS, Form, Shape
from doorward.actors.blobs.pictures import (
    FRAMES_MAX,
    NotAPicture,
    Picture,
    TooManyPixels,
    inspect,
)
from tests.pictures import HTML, KINDS, NO_PICTURES, archive, chunk, picture, png_bomb, png_head

SMALL = {media_type: picture(media_type, (24, 16)) for media_type in KINDS}
EXIF = b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0"


def segment(marker: int, content: bytes) -> bytes:
    return b"\xff" + bytes([marker]) + struct.pack(">H", len(content) + 2) + content


@pytest.mark.parametrize("media_type", KINDS)
def test_a_picture_is_told_by_its_size_and_its_end(media_type: str) -> None:
    raw = picture(media_type, (640, 480))

    assert inspect(raw, media_type) == Picture(640, 480, 1, len(raw))


@pytest.mark.parametrize("media_type", ["image/png", "image/gif", "image/webp"])
def test_frames_are_counted(media_type: str) -> None:
    raw = picture(media_type, (64, 48), frames=7)

    assert inspect(raw, media_type).frames == 7


@pytest.mark.parametrize(
    "options",
    [
        {"media_type": "image/jpeg", "progressive": True},
        {"media_type": "image/jpeg", "exif": EXIF},
        {"media_type": "image/webp", "lossless": True},
        {"media_type": "image/webp", "exif": EXIF},
        {"media_type": "image/gif", "comment": b"hello"},
    ],
)
def test_every_usual_make_of_a_picture_is_taken(options: dict[str, object]) -> None:
    raw = picture(**options)  # type: ignore[arg-type]

    assert inspect(raw, str(options["media_type"])).size_bytes == len(raw)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "I;16"])
def test_every_colour_of_png_is_taken(mode: str) -> None:
    written = io.BytesIO()
    Image.new(mode, (10, 10)).save(written, "PNG")

    assert inspect(written.getvalue(), "image/png").width == 10


@pytest.mark.parametrize("made", NO_PICTURES.values(), ids=NO_PICTURES.keys())
def test_what_is_no_picture_is_refused(made: Callable[[], bytes]) -> None:
    with pytest.raises(NotAPicture):
        inspect(made(), "image/png")


@pytest.mark.parametrize("media_type", KINDS)
@pytest.mark.parametrize("behind", [HTML, b"x", b"PK\x03\x04", archive()])
def test_what_hangs_on_behind_is_refused(media_type: str, behind: bytes) -> None:
    with pytest.raises(NotAPicture):
        inspect(SMALL[media_type] + behind, media_type)


@pytest.mark.parametrize("media_type", KINDS)
def test_zeros_behind_are_cut_off(media_type: str) -> None:
    raw = SMALL[media_type]

    assert inspect(raw + b"\0" * 9, media_type).size_bytes == len(raw)


@pytest.mark.parametrize(
    "behind",
    [SMALL["image/jpeg"], b"\0\0\0\x18ftypmp42" + b"\0" * 40, b"\0\x01SEFH....SEFT"],
    ids=["another picture", "a film", "a camera's notes"],
)
def test_what_cameras_put_behind_a_jpeg_is_cut_off(behind: bytes) -> None:
    raw = SMALL["image/jpeg"]

    assert inspect(raw + behind, "image/jpeg").size_bytes == len(raw)


@pytest.mark.parametrize("media_type", KINDS)
def test_a_picture_is_refused_wherever_it_is_cut_short(media_type: str) -> None:
    raw = SMALL[media_type]

    for size in range(len(raw)):
        with pytest.raises(NotAPicture):
            inspect(raw[:size], media_type)


@pytest.mark.parametrize(
    ("raw", "media_type"),
    [
        (png_head(50_000, 50_000), "image/png"),
        (png_head(30_001, 1), "image/png"),
        (png_bomb(6_400), "image/png"),
        (picture("image/gif", (8, 8), frames=FRAMES_MAX + 1), "image/gif"),
        (picture("image/gif", (700, 700), frames=90), "image/gif"),
        (b"GIF89a\xff\xff\xff\xff\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\x01\0\0;", "image/gif"),
    ],
    ids=["a header", "a line", "a bomb", "frames", "pixels of all frames", "a gif's header"],
)
def test_too_many_pixels_are_refused_undecoded(
    raw: bytes, media_type: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def decoded(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.setattr(Image, "open", decoded)

    with pytest.raises(TooManyPixels):
        inspect(raw, media_type)


def test_a_png_may_say_its_size_only_once_and_first() -> None:
    raw = SMALL["image/png"]
    head = raw[8:33]

    for twisted in (raw[:33] + head + raw[33:], raw[:8] + chunk(b"tIME", b"\0" * 7) + raw[8:]):
        with pytest.raises(NotAPicture):
            inspect(twisted, "image/png")


def test_a_jpeg_may_say_its_size_only_once() -> None:
    raw = SMALL["image/jpeg"]
    frame = segment(0xC0, b"\x08\0\x10\0\x18\x03\x01\x22\0\x02\x11\x01\x03\x11\x01")

    with pytest.raises(NotAPicture):
        inspect(raw[:2] + frame + raw[2:], "image/jpeg")


def test_a_jpeg_of_endless_scans_is_refused() -> None:
    raw = picture("image/jpeg", progressive=True)
    scan = segment(0xDA, b"\x01\x01\0\0\x3f\0") + b"\0"

    with pytest.raises(NotAPicture):
        inspect(raw[:-2] + scan * 100 + raw[-2:], "image/jpeg")


def test_a_gif_frame_may_not_reach_beyond_its_canvas() -> None:
    raw = bytearray(picture("image/gif", (16, 16)))
    at = raw.index(b",\0\0\0\0")
    raw[at + 5 : at + 7] = b"\xff\x7f"

    with pytest.raises(NotAPicture):
        inspect(bytes(raw), "image/gif")


def test_a_webp_may_not_hold_more_than_its_canvas() -> None:
    inner = picture("image/webp", (600, 600), lossless=True)[12:]
    canvas = b"VP8X\x0a\0\0\0" + b"\0" * 4 + b"\x09\0\0\x09\0\0"
    raw = b"RIFF" + struct.pack("<I", 4 + len(canvas) + len(inner)) + b"WEBP" + canvas + inner

    with pytest.raises(NotAPicture):
        inspect(raw, "image/webp")


@given(
    media_type=st.sampled_from(sorted(KINDS)),
    changes=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=5),
    cut=st.integers(0, 60),
    more=st.binary(max_size=20),
)
def test_whatever_the_bytes_are_they_are_taken_or_refused(
    media_type: str, changes: list[tuple[int, int]], cut: int, more: bytes
) -> None:
    raw = bytearray(SMALL[media_type])
    for at, value in changes:
        raw[at % len(raw)] = value
    twisted = bytes(raw[: len(raw) - cut]) + more

    try:
        found = inspect(twisted, media_type)
    except (NotAPicture, TooManyPixels):
        return

    assert 0 < found.size_bytes <= len(twisted)


@pytest.mark.parametrize(
    ("raw", "media_type"),
    [
        (b"\xff\xd8", "image/jpeg"),
        (SMALL["image/jpeg"].replace(b"\xff\xdb", b"\xfe\xdb", 1), "image/jpeg"),
        (SMALL["image/jpeg"][:2] + b"\xff\xd9", "image/jpeg"),
        (SMALL["image/jpeg"][:2] + b"\xff\xe0\0\1", "image/jpeg"),
        (SMALL["image/jpeg"][:2] + b"\xff\xe0\xff\xff", "image/jpeg"),
        (SMALL["image/gif"][:-1] + b"?;", "image/gif"),
        (b"GIF89a\1\0\1\0\0\0\0;", "image/gif"),
        (b"GIF89a\1\0", "image/gif"),
        (b"RIFF\4\0\0\0WEBP", "image/webp"),
        (b"RIFF\x0c\0\0\0WEBPVP8 \xff\0\0\0", "image/webp"),
        (b"RIFF\x06\0\0\0WEBPVP", "image/webp"),
        (b"RIFF\x16\0\0\0WEBPVP8 \x0a\0\0\0" + b"\0" * 10, "image/webp"),
        (b"RIFF\x12\0\0\0WEBPVP8L\x06\0\0\0" + b"\0" * 6, "image/webp"),
    ],
)
def test_a_frame_that_is_broken_anywhere_is_refused(raw: bytes, media_type: str) -> None:
    with pytest.raises(NotAPicture):
        inspect(raw, media_type)


def test_what_the_decoder_sees_must_be_what_was_walked(monkeypatch: pytest.MonkeyPatch) -> None:
    other = Form(lambda raw: Shape(1, 1, 1, len(raw)), "PNG")
    monkeypatch.setitem(FORMS, "image/png", other)

    with pytest.raises(NotAPicture, match="another picture"):
        inspect(SMALL["image/png"], "image/png")


def test_a_png_of_endless_chunks_is_refused() -> None:
    raw = SMALL["image/png"]

    with pytest.raises(NotAPicture):
        inspect(raw[:33] + chunk(b"prVt", b"") * 20_001 + raw[33:], "image/png")
