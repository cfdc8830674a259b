import pytest

from doorward.config.forms import Unfit
from doorward.config.redis_urls import REDIS_URL, Login, RedisPlace, read_place

NOBODY = Login(None, None)


def login_of(place: RedisPlace) -> Login:
    return place.login.reveal()


@pytest.mark.parametrize(
    "text",
    [
        "redis://127.0.0.1",
        "redis://127.0.0.1:6379/0",
        "redis://redis_1:6379/",
        "redis://:p%40ss@redis.lan:6379/15",
        "redis://door:p%23ss@[::1]:6379",
        "redis://redis.lan?db=3",
        "rediss://door:pass@redis.example:6380/0?ssl_ca_certs=/etc/ssl/ca.pem",
        "unix:///run/redis/redis.sock",
        "unix://door:pass@/run/redis/redis.sock?db=1",
    ],
)
def test_a_redis_url_that_the_client_understands_is_taken_as_it_is(text: str) -> None:
    assert REDIS_URL.read(text).reveal() == text


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("127.0.0.1:6379", "must start with redis:// or rediss:// or unix://"),
        ("REDIS://127.0.0.1", "must start with"),
        ("http://127.0.0.1", "must start with"),
        ("redis://", "must name a host"),
        ("redis:///0", "must name a host"),
        ("redis://:hunter2hunter2@/0", "must name a host"),
        ("redis://redis.lan:0", "must name a port"),
        ("redis://redis.lan:99999", "must name a valid host, and a port"),
        ("redis://redis.lan:port", "must name a valid host, and a port"),
        ("redis://redis.lan/zero", "must have no path but the number of a database"),
        ("redis://redis.lan/0/1", "must have no path but the number of a database"),
        ("redis://:hunter2#hunter2@redis.lan", "must name a valid host, and a port"),
        ("redis://:1#hunter2@redis.lan", "must have no '#'"),
        ("redis://:hunter2 hunter2@redis.lan", "must be a URL without blanks"),
        ("redis://redis.lan\n", "must be a URL without blanks"),
        ("redis://redis.lan?retry_on_timeout=true", "must have no options but db"),
        ("redis://redis.lan?ssl_ca_certs=/ca.pem", "must have no options but db"),
        ("rediss://redis.lan?ssl_cert_reqs=none", "must have no options but db"),
        ("rediss://redis.lan?ssl_check_hostname=", "must have no options but db"),
        ("unix://", "must name a socket"),
        ("unix:///", "must name a socket"),
        ("unix://run/redis.sock", "must name a socket"),
    ],
)
def test_a_redis_url_that_would_not_do_what_it_says_is_refused(text: str, rule: str) -> None:
    with pytest.raises(Unfit) as raised:
        REDIS_URL.read(text)

    assert raised.value.rule.startswith(rule)
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "servers", "is_encrypted"),
    [
        ("redis://127.0.0.1", (("127.0.0.1", 6379),), False),
        ("rediss://:hunter2@redis.lan:6380/1", (("redis.lan", 6380),), True),
        ("unix:///run/redis/redis.sock", (), False),
    ],
)
def test_one_server_is_read_from_its_url(
    text: str, servers: tuple[tuple[str, int], ...], *, is_encrypted: bool
) -> None:
    place = read_place(text)

    assert (place.kind, place.servers, place.is_encrypted) == ("one", servers, is_encrypted)


@pytest.mark.parametrize(
    ("text", "servers", "is_encrypted"),
    [
        ("redis+cluster://10.0.0.1", (("10.0.0.1", 6379),), False),
        (
            "rediss+cluster://redis-1:7000,redis-2,[::1]:7002/",
            (("redis-1", 7000), ("redis-2", 6379), ("::1", 7002)),
            True,
        ),
    ],
)
def test_nodes_of_a_cluster_are_read_from_its_url(
    text: str, servers: tuple[tuple[str, int], ...], *, is_encrypted: bool
) -> None:
    place = read_place(text)

    assert (place.kind, place.servers, place.is_encrypted) == ("cluster", servers, is_encrypted)
    assert login_of(place) == NOBODY
    assert REDIS_URL.read(text).reveal() == text


def test_sentinels_are_read_from_their_url_with_all_that_is_said_of_them() -> None:
    place = read_place(
        "rediss+sentinel://door:p%40s%2Cs,@10.0.0.1,sentinel_2:26380/shops.master"
        "?db=3&sentinel_username=watch&sentinel_password=h%26w&ssl_ca_certs=/etc/ca.pem"
    )

    assert place.kind == "sentinel"
    assert place.servers == (("10.0.0.1", 26379), ("sentinel_2", 26380))
    assert login_of(place) == Login("door", "p@s,s,")
    assert place.sentinel_login.reveal() == Login("watch", "h&w")
    assert (place.service, place.database) == ("shops.master", 3)
    assert place.tls == {"ssl_ca_certs": "/etc/ca.pem"}
    assert place.is_encrypted


def test_nothing_need_be_said_of_sentinels_but_where_they_are_and_what_they_watch() -> None:
    place = read_place("redis+sentinel://:hunter2@10.0.0.1:26379/doorward")

    assert login_of(place) == Login(None, "hunter2")
    assert place.sentinel_login.reveal() == NOBODY
    assert (place.service, place.database, place.tls) == ("doorward", 0, {})
    assert not place.is_encrypted


def test_what_a_url_says_shows_no_password() -> None:
    place = read_place("redis+sentinel://door:hunter2@h/s?sentinel_password=hunter2")

    assert "hunter2" not in repr(place)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("redis+cluster", "must name hosts with commas"),
        ("redis+sentinel", "must name the service"),
        ("REDIS+CLUSTER://h", "must start with redis:// or"),
        ("redis+other://h", "must start with redis:// or"),
        ("redis+cluster://", "must name hosts with commas"),
        ("redis+cluster://:hunter2@", "must name hosts with commas"),
        ("redis+cluster://h1,,h2", "must name hosts with commas"),
        ("redis+cluster://h1,", "must name hosts with commas"),
        ("redis+cluster://h1, h2", "must be a URL without blanks"),
        ("redis+cluster://h1:0", "must name a port"),
        ("redis+cluster://h1,h2:0", "must name a port"),
        ("redis+cluster://h1:7000,h2:hunter2", "must name a valid host, and a port"),
        ("redis+cluster://h1,h2:99999", "must name a valid host, and a port"),
        ("redis+cluster://a:hunter2@h1,b:hunter2@h2", "must have one '@' at most"),
        ("redis+cluster://:hunter2@hunter2@h1", "must have one '@' at most"),
        ("redis+cluster://h1,h2/0", "must have no path: a Redis Cluster has one database"),
        ("redis+cluster://h1,h2/doorward", "must have no path"),
        ("redis+cluster://h1?db=0", "must have no options"),
        ("redis+cluster://h1?password=hunter2", "must have no options"),
        ("rediss+cluster://h1?db=0", "must have no options but ssl_ca_certs"),
        ("redis+cluster://h1#hunter2", "must have no '#'"),
        ("redis+cluster://:hunter2#x@h1", "must "),
        ("redis+sentinel://h1,h2", "must name the service after the hosts"),
        ("redis+sentinel://h1/", "must name the service after the hosts"),
        ("redis+sentinel://h1/a/b", "must name the service after the hosts"),
        ("redis+sentinel://h1/a%20b", "must name the service after the hosts"),
        ("redis+sentinel://h1/a?db=x", "must have the number of a database as db"),
        ("redis+sentinel://h1/a?db=", "must have the number of a database as db"),
        ("redis+sentinel://h1/a?db=1&db=2", "must name each option once"),
        ("redis+sentinel://h1/a?password=hunter2", "must have no options but db, sentinel_"),
        ("redis+sentinel://h1/a?ssl_ca_certs=/c", "must have no options but db, sentinel_"),
        ("redis+sentinel://h1/a?retry_on_timeout=1", "must have no options but db, sentinel_"),
    ],
)
def test_a_url_of_several_servers_that_would_not_do_what_it_says_is_refused(
    text: str, rule: str
) -> None:
    with pytest.raises(Unfit) as raised:
        REDIS_URL.read(text)

    assert raised.value.rule.startswith(rule)
    assert "hunter2" not in str(raised.value)
