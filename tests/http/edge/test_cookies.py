import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.http.edge import cookies
from doorward.http.edge.refusals import BadRequest
from tests.http.edge.wire import Parse

SESSION = "__Host-portal-alpha"


async def test_no_cookie_header_is_no_cookies(parsed: Parse) -> None:
    assert cookies.parse(parsed()) == {}


async def test_plain_pairs_are_read(parsed: Parse) -> None:
    request = parsed(f"Cookie: a=1; {SESSION}=s3cr-t_; empty=; b=x=y")

    assert cookies.parse(request) == {"a": "1", SESSION: "s3cr-t_", "empty": "", "b": "x=y"}


async def test_names_are_told_apart_by_case(parsed: Parse) -> None:
    request = parsed("Cookie: Session=1; session=2")

    assert cookies.parse(request) == {"Session": "1", "session": "2"}


BLANKS = ["\u00a0", "\u0085", "\u2000", "\u2028", "\u3000", "\ufeff", "\u200b"]


@pytest.mark.parametrize("blank", [*BLANKS, " ", "\t"])
async def test_a_name_padded_with_any_blank_is_not_the_name(parsed: Parse, blank: str) -> None:
    request = parsed(f"Cookie: {SESSION}{blank}=evil; {SESSION}=good")

    assert cookies.parse(request) == {SESSION: "good"}


@pytest.mark.parametrize("blank", BLANKS)
async def test_a_name_behind_a_unicode_blank_is_not_the_name(parsed: Parse, blank: str) -> None:
    request = parsed(f"Cookie: {blank}{SESSION}=evil; a=1;{blank} {SESSION}=evil")

    assert cookies.parse(request) == {"a": "1"}


@pytest.mark.parametrize(
    "name", [f"{SESSION}\x80", "__\uff28ost-portal-alpha", '"a"', "a b", "a,b", "[x]", ""]
)
async def test_what_is_no_token_is_no_name(parsed: Parse, name: str) -> None:
    request = parsed(f"Cookie: {name}=evil; ok=1".encode("utf-8", "surrogateescape"))

    assert cookies.parse(request) == {"ok": "1"}


async def test_bytes_that_are_no_utf8_spoil_only_their_own_pair(parsed: Parse) -> None:
    request = parsed(b"Cookie: \xff=1; a=\xfe; ok=1")

    assert cookies.parse(request) == {"ok": "1"}


@pytest.mark.parametrize(
    "line",
    [
        f"Cookie: {SESSION}=good; {SESSION}=evil",
        f"Cookie: {SESSION}=evil; a=1; {SESSION}=good",
        f'Cookie: {SESSION}="evil"; {SESSION}=good',
        f"Cookie: {SESSION}=; {SESSION}=good",
        f'Cookie: a="x; {SESSION}=evil"; {SESSION}=good',
    ],
)
async def test_a_name_given_twice_is_refused(parsed: Parse, line: str) -> None:
    request = parsed(line)

    with pytest.raises(BadRequest):
        cookies.parse(request)


async def test_two_cookie_lines_are_refused(parsed: Parse) -> None:
    request = parsed("Cookie: a=1", "cookie: b=2")

    with pytest.raises(BadRequest):
        cookies.parse(request)


async def test_a_quoted_value_neither_swallows_nor_smuggles_a_neighbour(parsed: Parse) -> None:
    request = parsed(f'Cookie: a="x; {SESSION}=good; b=y"; $Version=1; c=1, {SESSION}2=evil')

    assert cookies.parse(request) == {SESSION: "good", "$Version": "1"}


async def test_quotes_and_escapes_are_not_undone(parsed: Parse) -> None:
    request = parsed(f'Cookie: {SESSION}="\\145vil"; a=%65')

    assert cookies.parse(request) == {"a": "%65"}


@given(
    pairs=st.dictionaries(
        st.from_regex(r"[A-Za-z0-9_-]{1,8}", fullmatch=True),
        st.from_regex(r"[!#-+\--:<-\[\]-~]{0,8}", fullmatch=True),
    )
)
def test_what_a_browser_sends_is_read_as_it_is(pairs: dict[str, str]) -> None:
    line = "; ".join(f"{name}={value}" for name, value in pairs.items())

    assert cookies._pairs(line) == pairs  # noqa: SLF001 - the parser without a request around it


@given(line=st.text(alphabet='ab=;", \t\\\x80\u00a0\u2028', max_size=30))
def test_nothing_but_a_refusal_ever_comes_of_a_cookie_line(line: str) -> None:
    try:
        found = cookies._pairs(line)  # noqa: SLF001 - the parser without a request around it
    except BadRequest:
        return

    assert all(name.isascii() and not set(name) & set(' ;="\t,\\') for name in found)
    assert all(value.isascii() and not set(value) & set(' ;"\t,\\') for value in found.values())


def test_a_session_cookie_over_https_has_every_attribute() -> None:
    written = cookies.session_cookie(SESSION, "v", max_age_seconds=2_592_000, secure=True)

    assert written.split("; ")[0] == f"{SESSION}=v"
    assert set(written.split("; ")[1:]) == {
        "Max-Age=2592000",
        "Path=/",
        "HttpOnly",
        "SameSite=Lax",
        "Secure",
    }


def test_a_session_cookie_over_plain_http_is_not_secure() -> None:
    written = cookies.session_cookie("portal-alpha", "v", max_age_seconds=60, secure=False)

    assert written == "portal-alpha=v; Max-Age=60; Path=/; HttpOnly; SameSite=Lax"


def test_a_cleared_cookie_is_empty_and_over() -> None:
    written = cookies.cleared(SESSION, secure=True)

    assert written == f"{SESSION}=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax; Secure"


@pytest.mark.parametrize("value", ["a b", "a;b", "a\r\nX: y", 'a"', "a,b", "a\\", "\u00e9", "a\n"])
def test_a_value_that_could_say_more_is_not_written(value: str) -> None:
    with pytest.raises(ValueError, match="cookie"):
        cookies.session_cookie("a", value, max_age_seconds=1, secure=True)


@pytest.mark.parametrize("name", ["", "a b", "a=", "a;", "a\r\n", "\u00e9"])
def test_a_name_that_could_say_more_is_not_written(name: str) -> None:
    with pytest.raises(ValueError, match="cookie"):
        cookies.cleared(name, secure=True)


def test_a_host_cookie_that_browsers_would_drop_is_not_written() -> None:
    with pytest.raises(ValueError, match="__Host-"):
        cookies.session_cookie(SESSION, "v", max_age_seconds=1, secure=False)
