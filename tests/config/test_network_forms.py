from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.config.forms import Form, Unfit
from doorward.config.network_forms import (
    HOST,
    HOSTED_DOMAIN,
    MAIL_ADDRESS,
    NETWORKS,
    ORIGIN,
    RAY_ADDRESS,
    is_loopback,
)

LABELS = st.from_regex(r"[a-z][a-z0-9]{0,8}", fullmatch=True)
HOSTS = st.one_of(
    st.lists(LABELS, min_size=1, max_size=4).map(".".join),
    st.ip_addresses(v=4).map(str),
    st.ip_addresses(v=6).map(lambda address: f"[{address.exploded}]"),
)


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("https://shops.example", "https://shops.example"),
        ("https://shops.example/", "https://shops.example"),
        ("https://Shops.EXAMPLE:443", "https://shops.example"),
        ("http://shops.example:80", "http://shops.example"),
        ("https://shops.example:8443", "https://shops.example:8443"),
        ("http://shops.example:443", "http://shops.example:443"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("http://127.0.0.1", "http://127.0.0.1"),
        ("http://[0:0:0:0:0:0:0:1]:8080", "http://[::1]:8080"),
        ("https://xn--bcher-kva.example", "https://xn--bcher-kva.example"),
    ],
)
def test_an_origin_is_written_the_way_browsers_write_it(text: str, origin: str) -> None:
    assert ORIGIN.read(text) == origin


@pytest.mark.parametrize(
    "text",
    [
        "shops.example",
        "//shops.example",
        "ftp://shops.example",
        "javascript://shops.example",
        "HTTPS://shops.example",
        "https://",
        "https:///",
        "https://shops.example/path",
        "https://shops.example//",
        "https://shops.example?",
        "https://shops.example?a=b",
        "https://shops.example#",
        "https://user@shops.example",
        "https://user:password@shops.example",
        "https://shops.example:0",
        "https://shops.example:65536",
        "https://shops.example:http",
        "https://shops .example",
        "https://shops.example\n",
        "https://shops\t.example",
        "https://bücher.example",
        "https://shops.example\\@evil.example",
        "https://-shops.example",
        "https://shops..example",
        "https://shops.example.",
        "https://1.2.3",
        "https://1.2.3.4.5",
        "https://256.1.1.1",
        "https://[::1",
        "https://[::1%25eth0]",
        "https://[v1.x]",
        "https://a_b.example",
        "https://*.example",
        f"https://{'a' * 64}.example",
    ],
)
def test_what_is_not_an_origin_is_refused(text: str) -> None:
    with pytest.raises(Unfit, match=r"^must "):
        ORIGIN.read(text)


@given(st.sampled_from(["http", "https"]), HOSTS, st.none() | st.integers(1, 65_535))
def test_an_origin_that_was_read_reads_as_itself(scheme: str, host: str, port: int | None) -> None:
    text = f"{scheme}://{host}" if port is None else f"{scheme}://{host}:{port}"

    origin = ORIGIN.read(text)

    assert ORIGIN.read(origin) == origin


@pytest.mark.parametrize("text", ["127.0.0.1", "::1", "192.0.2.1", "::", "localhost", "door-1.lan"])
def test_a_host_is_an_address_or_a_name(text: str) -> None:
    assert HOST.read(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "[::1]", "::1%lo", "127.0.0.1:80", "127.1", "8080", "", " localhost", "a b", "a..b", "a/b",
        f"{'a.' * 127}aa",
    ],
)  # fmt: skip
def test_what_cannot_be_listened_on_is_refused(text: str) -> None:
    with pytest.raises(Unfit, match="must be an IP address or a host name"):
        HOST.read(text)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost", True),
        ("LOCALHOST.", True),
        ("alpha.localhost", True),
        ("192.0.2.1", False),
        ("::", False),
        ("10.0.0.1", False),
        ("localhost.example", False),
        ("notlocalhost", False),
        ("", False),
    ],
)
def test_loopback_is_what_only_this_machine_can_be(host: str, *, expected: bool) -> None:
    assert is_loopback(host) is expected


def test_a_hosted_domain_leaves_room_for_the_longest_slug() -> None:
    longest = ".".join(["a" * 52] * 4)

    assert HOSTED_DOMAIN.read(longest[:211] + "a") == longest[:211] + "a"
    with pytest.raises(Unfit, match="at most 212 characters"):
        HOSTED_DOMAIN.read(longest + "aa")


@pytest.mark.parametrize("text", ["https://shops.example", "shops.example:80", ".example", "*.x"])
def test_a_hosted_domain_is_a_bare_name(text: str) -> None:
    with pytest.raises(Unfit, match="without scheme or port"):
        HOSTED_DOMAIN.read(text)


def test_networks_are_comma_separated_and_single_addresses_are_networks_of_one() -> None:
    networks = NETWORKS.read("10.0.0.0/8, 192.0.2.7,2001:db8::/32")

    assert networks == (
        ip_network("10.0.0.0/8"),
        ip_network("192.0.2.7/32"),
        ip_network("2001:db8::/32"),
    )


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("10.0.0.1/8", "must name a network by its first address: 10.0.0.0/8"),
        ("0.0.0.0/0", "must not trust every address"),
        ("10.0.0.0/8,::/0", "must not trust every address"),
        ("::ffff:10.0.0.0/104", "must name an IPv4-mapped network by its IPv4 form"),
        ("fe80::%eth0/64", "must name networks without a zone"),
        ("10.0.0.0/8,", "must have no empty item"),
        ("10.0.0.0/33", "must be networks such as 10.0.0.0/8"),
        ("proxy.example", "must be networks such as 10.0.0.0/8"),
        ("10.0.0.0/8 10.1.0.0/16", "must be networks such as 10.0.0.0/8"),
    ],
)
def test_networks_that_would_trust_the_wrong_hop_are_refused(text: str, rule: str) -> None:
    with pytest.raises(Unfit) as raised:
        NETWORKS.read(text)

    assert raised.value.rule.startswith(rule)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("no-reply@shops.example", "no-reply@shops.example"),
        ("Door@Shops.Example", "Door@shops.example"),
        ("a.b+c@localhost", "a.b+c@localhost"),
    ],
)
def test_a_sender_is_one_plain_address(text: str, address: str) -> None:
    assert MAIL_ADDRESS.read(text) == address


@pytest.mark.parametrize(
    "text",
    [
        "shops.example",
        "@shops.example",
        "a@",
        "a@b@shops.example",
        "a@shops.example\r\nBcc: e@evil.example",
        "a@shops.example,b@shops.example",
        "Door <a@shops.example>",
        '"a b"@shops.example',
        "a b@shops.example",
        ".a@shops.example",
        "ä@shops.example",
        "a@bücher.example",
        "a@[192.0.2.1]",
        f"{'a' * 65}@shops.example",
        f"a@{'a.' * 126}aa",
    ],
)
def test_a_sender_that_could_be_more_than_one_address_is_refused(text: str) -> None:
    with pytest.raises(Unfit, match="must be one plain address"):
        MAIL_ADDRESS.read(text)


@pytest.mark.parametrize("text", ["auto", "local", "10.0.0.1:6379", "head.lan:6379", "[::1]:6379"])
def test_a_ray_address_is_a_word_or_host_and_port(text: str) -> None:
    assert RAY_ADDRESS.read(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "ray://head:10001", "head", "head:", ":6379", "head:0", "head:65536", "head:6379x",
        "::1:6379", "[head]:6379", "head:-1", "head:٣", "head:" + "9" * 5_000,
    ],
)  # fmt: skip
def test_another_ray_address_is_refused(text: str) -> None:
    with pytest.raises(Unfit, match="must be auto, local or host:port"):
        RAY_ADDRESS.read(text)


@pytest.mark.parametrize("form", [HOST, HOSTED_DOMAIN, ORIGIN, NETWORKS, MAIL_ADDRESS, RAY_ADDRESS])
@given(text=st.text() | st.from_regex(r"https?://[!-~]{0,20}", fullmatch=True))
def test_any_text_is_either_of_the_form_or_unfit(form: Form[object], text: str) -> None:
    assert outcome(form, text)


def outcome(form: Form[object], text: str) -> object:
    try:
        return form.read(text)
    except Unfit as unfit:
        return unfit.rule.startswith("must ")
