from ipaddress import IPv4Address, IPv6Address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.http.edge.client_address import ClientAddress
from tests.http.edge.wire import Parse

PROXIED = ClientAddress(["10.0.0.0/8", "2001:db8:ffff::/48"])
PROXY = "10.0.0.1"


@pytest.mark.parametrize(
    ("peer", "group"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        (None, "local"),
    ],
)
async def test_a_peer_is_grouped_as_limits_count_it(
    parsed: Parse, peer: str | None, group: str
) -> None:
    assert ClientAddress().of(parsed(peer=peer)) == group


async def test_two_addresses_of_one_64_are_one_client(parsed: Parse) -> None:
    addresses = ClientAddress()

    groups = {addresses.of(parsed(peer=f"2001:db8::{host:x}:1")) for host in range(50)}

    assert groups == {"2001:db8::/64"}


@pytest.mark.parametrize(
    "line",
    ["X-Forwarded-For: 1.1.1.1", "Forwarded: for=1.1.1.1", "X-Real-IP: 1.1.1.1", "Via: 1.1.1.1"],
)
async def test_a_stranger_s_word_about_itself_counts_for_nothing(parsed: Parse, line: str) -> None:
    request = parsed(line, peer="192.0.2.7")

    assert PROXIED.of(request) == "192.0.2.7"


@pytest.mark.parametrize("line", ["Forwarded: for=1.1.1.1", "X-Real-IP: 1.1.1.1"])
async def test_a_proxy_is_asked_only_by_x_forwarded_for(parsed: Parse, line: str) -> None:
    assert PROXIED.of(parsed(line, peer=PROXY)) == PROXY


@pytest.mark.parametrize(
    ("lines", "group"),
    [
        (["1.1.1.1"], "1.1.1.1"),
        (["6.6.6.6, 1.1.1.1"], "1.1.1.1"),
        (["6.6.6.6, 1.1.1.1, 10.9.9.9"], "1.1.1.1"),
        (["6.6.6.6", "1.1.1.1", "10.9.9.9,10.8.8.8"], "1.1.1.1"),
        (["1.1.1.1", "10.9.9.9"], "1.1.1.1"),
        (["2001:db8:1:2::5, 2001:db8:ffff::1"], "2001:db8:1:2::/64"),
        (["::ffff:1.1.1.1"], "1.1.1.1"),
        (["::ffff:10.9.9.9"], "10.9.9.9"),
        (["1.1.1.1:4711"], "1.1.1.1"),
        (["[2001:db8:1:2::5]:4711"], "2001:db8:1:2::/64"),
        (["[2001:db8:1:2::5]"], "2001:db8:1:2::/64"),
        (["10.9.9.9, 10.8.8.8"], "10.9.9.9"),
    ],
)
async def test_the_rightmost_hop_that_is_no_proxy_is_the_client(
    parsed: Parse, lines: list[str], group: str
) -> None:
    request = parsed(*(f"X-Forwarded-For: {line}" for line in lines), peer=PROXY)

    assert PROXIED.of(request) == group


@pytest.mark.parametrize(
    ("line", "group"),
    [
        ("1.1.1.1, garbage", PROXY),
        ("1.1.1.1, ", PROXY),
        ("", PROXY),
        ("1.1.1.1, unknown, 10.9.9.9", "10.9.9.9"),
        ("1.1.1.1, 1.1.1.1.1", PROXY),
        ("1.1.1.1, 01.1.1.1", PROXY),
        ("1.1.1.1, \u0661.1.1.1", PROXY),
        ("1.1.1.1, " + "1" * 5000, PROXY),
        ("1.1.1.1, 10.0.0.1:", PROXY),
        ("1.1.1.1, [1.1.1.1", PROXY),
    ],
)
async def test_a_hop_that_cannot_be_read_ends_the_walk(
    parsed: Parse, line: str, group: str
) -> None:
    request = parsed(f"X-Forwarded-For: {line}".encode(), peer=PROXY)

    assert PROXIED.of(request) == group


async def test_a_hop_as_long_as_a_header_is_not_remembered(parsed: Parse) -> None:
    addresses = ClientAddress(["10.0.0.0/8"])

    for filler in "abcdefghij":
        addresses.of(parsed(f"X-Forwarded-For: {filler * 5000}", peer=PROXY))

    assert addresses._known.cache_info().currsize == 1  # noqa: SLF001 - the proxy itself


async def test_bytes_that_are_no_text_end_the_walk(parsed: Parse) -> None:
    assert PROXIED.of(parsed(b"X-Forwarded-For: 1.1.1.1, \xff", peer=PROXY)) == PROXY


async def test_an_endless_chain_of_proxies_is_not_walked_to_its_end(parsed: Parse) -> None:
    chain = ", ".join(["1.1.1.1", *["10.9.9.9"] * 500])

    assert PROXIED.of(parsed(f"X-Forwarded-For: {chain}", peer=PROXY)) == "10.9.9.9"


@pytest.mark.parametrize(
    ("line", "peer", "asserted"),
    [
        ("X-Forwarded-For: 1.1.1.1", "192.0.2.7", "1.1.1.1"),
        ("X-Forwarded-For: 6.6.6.6, 1.1.1.1", "192.0.2.7", "1.1.1.1"),
        ("X-Forwarded-For: 1.1.1.1, 192.0.2.7", PROXY, "1.1.1.1"),
        ("X-Forwarded-For: 1.1.1.1, 192.0.2.7, 10.9.9.9", PROXY, "1.1.1.1"),
        ("X-Forwarded-For: 2001:db8:1:2::5", "192.0.2.7", "2001:db8:1:2::/64"),
        ("X-Forwarded-For: 192.0.2.7", PROXY, None),
        ("X-Forwarded-For: 1.1.1.1, garbage", "192.0.2.7", None),
        ("X-Forwarded-For: 1.1.1.1, garbage", PROXY, None),
        ("X-Real-IP: 1.1.1.1", "192.0.2.7", None),
    ],
)
async def test_a_trusted_server_asserts_the_last_hop_it_sent_itself(
    parsed: Parse, line: str, peer: str, asserted: str | None
) -> None:
    assert PROXIED.asserted(parsed(line, peer=peer)) == asserted


@pytest.mark.parametrize(
    ("line", "peer", "scheme"),
    [
        ("X-Forwarded-Proto: https", PROXY, "https"),
        ("X-Forwarded-Proto: HTTPS", PROXY, "https"),
        ("X-Forwarded-Proto: http", PROXY, "http"),
        ("X-Forwarded-Proto: https, http", PROXY, "http"),
        ("X-Forwarded-Proto: javascript", PROXY, "http"),
        ("X-Other: https", PROXY, "http"),
        ("X-Forwarded-Proto: https", "192.0.2.7", "http"),
    ],
)
async def test_only_a_proxy_is_believed_about_the_scheme(
    parsed: Parse, line: str, peer: str, scheme: str
) -> None:
    assert PROXIED.scheme(parsed(line, peer=peer)) == scheme


async def test_two_words_about_the_scheme_are_none(parsed: Parse) -> None:
    request = parsed("X-Forwarded-Proto: https", "X-Forwarded-Proto: http", peer=PROXY)

    assert PROXIED.scheme(request) == "http"


@pytest.mark.parametrize(
    ("host", "peer", "origin"),
    [
        ("localhost:8080", "127.0.0.1", "http://localhost:8080"),
        ("Alpha.LocalHost:8080", "127.0.0.1", "http://alpha.localhost:8080"),
        ("127.0.0.1", "127.0.0.1", "http://127.0.0.1"),
        ("[::1]:8080", "::1", "http://[::1]:8080"),
        ("shop.example", "127.0.0.1", None),
        ("localhost.evil.example", "127.0.0.1", None),
        ("evil.example/localhost", "127.0.0.1", None),
        ("user@localhost", "127.0.0.1", None),
        ("localhost:8080", "192.0.2.7", None),
        ("localhost:8080", None, None),
    ],
)
async def test_a_request_s_own_origin_stands_only_on_this_machine(
    parsed: Parse, host: str, peer: str | None, origin: str | None
) -> None:
    assert ClientAddress().own_origin(parsed(f"Host: {host}", peer=peer)) == origin


async def test_behind_a_trusted_proxy_there_is_no_own_origin(parsed: Parse) -> None:
    addresses = ClientAddress(["127.0.0.0/8"])

    assert addresses.own_origin(parsed("Host: localhost", peer="127.0.0.1")) is None


def test_networks_may_be_given_parsed() -> None:
    addresses = ClientAddress([ip_network("10.0.0.0/8")])

    assert addresses.peer("10.1.2.3").trusted
    assert not addresses.peer("11.1.2.3").trusted


@given(st.ip_addresses())
def test_every_address_has_one_group_that_holds_it(address: IPv4Address | IPv6Address) -> None:
    group = ClientAddress().peer(str(address)).group

    mapped = getattr(address, "ipv4_mapped", None)
    assert (mapped or address) in ip_network(group)
