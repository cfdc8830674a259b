import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.http.edge.chunks import BadChunk, ChunkSieve

FOLLOWS = b"GET / HTTP/1.1\r\n"


def sifted(sieve: ChunkSieve, raw: bytes, sizes: list[int]) -> tuple[bytes, bytes]:
    """Sift in pieces of these sizes, then the rest; tell what passed and what follows."""
    passed, rest = b"", raw
    for size in [*sizes, len(raw)]:
        if sieve.ended:
            break
        kept, follows = sieve.sift(rest[:size])
        passed, rest = passed + kept, follows + rest[size:]
    return passed, rest


SIZES = st.lists(st.integers(1, 9), max_size=40)


@given(
    chunks=st.lists(st.binary(min_size=1, max_size=20), max_size=4),
    trailers=st.lists(
        st.sampled_from([b"X: 1", b"Cookie: a=b", b"x:", b"X-\x21: \xff"]), max_size=3
    ),
    sizes=SIZES,
)
def test_chunks_pass_trailers_do_not_and_the_rest_is_handed_back(
    chunks: list[bytes], trailers: list[bytes], sizes: list[int]
) -> None:
    body = b"".join(b"%X;a=b\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + b"00\r\n"
    raw = body + b"".join(line + b"\r\n" for line in trailers) + b"\r\n" + FOLLOWS
    sieve = ChunkSieve()

    assert sifted(sieve, raw, sizes) == (body + b"\r\n", FOLLOWS)
    assert sieve.ended


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"+1",
        b"-1",
        b"0x1",
        b" 1",
        b"1 ",
        b"1\t",
        b"1_0",
        b"g",
        b"1\n",
        b"1\r",
        b"1;",
        b"1; a",
        b"1;a=",
        b"1;a\x00",
        b'1;a="\n"',
        b'1;a="',
        b"\xd9\xa1",
        b"0" * 16 + b"1",
        b"1;" + b"a" * 8190,
    ],
)
def test_a_size_line_that_two_readers_could_read_differently_is_refused(line: bytes) -> None:
    with pytest.raises(BadChunk):
        ChunkSieve().sift(line + b"\r\nx\r\n0\r\n\r\n")


@pytest.mark.parametrize(
    "line", [b"1;a", b"1;a=b", b'1;a="b; \\" c"', b"1;a;b=c", b"01", b"0" * 15 + b"1"]
)
def test_a_size_line_as_the_standard_has_it_is_taken(line: bytes) -> None:
    raw = line + b"\r\nx\r\n0\r\n\r\n"

    assert ChunkSieve().sift(raw) == (raw, b"")


@pytest.mark.parametrize(
    "line",
    [
        b"X",
        b": 1",
        b"X : 1",
        b" X: 1",
        b"X: a\x00",
        b"X: a\rb",
        b"X: a\nb",
        b"\xc3\xb6: 1",
        b"Content-Length: 5",
        b"content-length: 5",
        b"Transfer-Encoding: chunked",
        b"Host: x",
        b"X: " + b"a" * 8190,
    ],
)
def test_a_trailer_that_must_not_be_one_is_refused(line: bytes) -> None:
    with pytest.raises(BadChunk):
        ChunkSieve().sift(b"0\r\n" + line + b"\r\n\r\n")


def test_trailers_have_a_sum_they_may_not_pass() -> None:
    with pytest.raises(BadChunk):
        ChunkSieve().sift(b"0\r\n" + b"X: aaaaaaaaaaaaaaaa\r\n" * 2000)


def test_a_line_without_an_end_is_not_kept_for_ever() -> None:
    sieve = ChunkSieve()
    for _ in range(8):
        sieve.sift(b"1" * 1000)

    with pytest.raises(BadChunk):
        sieve.sift(b"1" * 1000)
