import pytest

from doorward.http.edge.fetch_metadata import origin_to_compare
from doorward.http.edge.refusals import Forbidden
from tests.http.edge.wire import Parse

SHOP = "Origin: https://shop.example"


async def test_the_same_origin_is_allowed_as_it_is(parsed: Parse) -> None:
    assert origin_to_compare(parsed("Sec-Fetch-Site: same-origin")) is None


async def test_the_same_origin_is_allowed_whatever_origin_says(parsed: Parse) -> None:
    request = parsed("Sec-Fetch-Site: same-origin", "Origin: https://proxied.example")

    assert origin_to_compare(request) is None


@pytest.mark.parametrize(
    "site",
    [
        "same-site",
        "cross-site",
        "none",
        "",
        "Same-Origin",
        "same-origin, same-origin",
        "x",
        "\u00e9",
    ],
)
async def test_any_other_site_is_refused_even_with_a_good_origin(parsed: Parse, site: str) -> None:
    request = parsed(f"Sec-Fetch-Site: {site}", SHOP)

    with pytest.raises(Forbidden):
        origin_to_compare(request)


@pytest.mark.parametrize("origin", ["https://shop.example", "https://evil.example", "null", ""])
async def test_without_a_site_the_origin_is_left_to_compare(parsed: Parse, origin: str) -> None:
    request = parsed(f"Origin: {origin}")

    assert origin_to_compare(request) == origin


async def test_a_caller_without_either_header_is_no_browser(parsed: Parse) -> None:
    assert origin_to_compare(parsed()) is None


@pytest.mark.parametrize(
    "lines",
    [
        ("Sec-Fetch-Site: same-origin", "Sec-Fetch-Site: same-origin"),
        ("Sec-Fetch-Site: same-origin", "sec-fetch-site: cross-site"),
        (SHOP, SHOP),
        (SHOP, "origin: https://evil.example"),
        ("Sec-Fetch-Site: same-origin", SHOP, SHOP),
    ],
)
async def test_a_repeated_header_is_refused(parsed: Parse, lines: tuple[str, ...]) -> None:
    request = parsed(*lines)

    with pytest.raises(Forbidden):
        origin_to_compare(request)


@pytest.mark.parametrize("origin", [b"Origin: https://sh\xc3\xb6p.example", b"Origin: \xff"])
async def test_an_origin_that_no_browser_writes_is_refused(parsed: Parse, origin: bytes) -> None:
    request = parsed(origin)

    with pytest.raises(Forbidden):
        origin_to_compare(request)
