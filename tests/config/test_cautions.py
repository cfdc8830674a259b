from base64 import urlsafe_b64encode
from pathlib import Path

import pytest

from doorward.config.settings import load

OPEN = {"DOORWARD_HOST": "192.0.2.1"}
KEY = urlsafe_b64encode(bytes(32)).decode()
SOUND = OPEN | {
    "DOORWARD_PUBLIC_URL": "https://shops.example",
    "DOORWARD_TRUSTED_PROXIES": "192.0.2.0/24",
    "DOORWARD_SMTP_URL": "smtps://u:hunter2@mail.example",
    "DOORWARD_REDIS_URL": "rediss://:hunter2@redis.example",
    "DOORWARD_MASTER_KEY": KEY,
    "DOORWARD_CLUSTER": "head.lan:6379",
    "DOORWARD_DEMO": "0",
}


def warnings(environ: dict[str, str]) -> tuple[str, ...]:
    return load(environ, folder=Path("/nowhere")).warnings()


def test_a_server_that_is_set_up_for_shoppers_is_not_warned_about() -> None:
    assert warnings(SOUND) == ()


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"DOORWARD_PUBLIC_URL": "http://shops.example"}, "is not https"),
        ({"DOORWARD_TRUSTED_PROXIES": None}, "all shoppers share its address"),
        ({"DOORWARD_SMTP_URL": None}, "mail is not sent"),
        ({"DOORWARD_PUBLIC_URL": None, "DOORWARD_MAIL_FROM": "a@b.example"}, "name localhost"),
        (
            {"DOORWARD_PUBLIC_URL": None, "DOORWARD_HOSTED_DOMAIN": "x.example"},
            "DOORWARD_MAIL_FROM",
        ),
        ({"DOORWARD_MAIL_FROM": "door@localhost"}, "most receivers refuse"),
        ({"DOORWARD_DEMO": "1"}, "the demo storefront can be reached"),
        ({"DOORWARD_REDIS_URL": "redis://redis.example"}, "neither TLS (rediss://) nor"),
        ({"DOORWARD_REDIS_URL": "redis+cluster://127.0.0.1,10.0.0.2"}, "neither TLS"),
        ({"DOORWARD_REDIS_URL": "redis+sentinel://10.0.0.1/doorward"}, "neither TLS"),
        ({"DOORWARD_REDIS_URL": None}, "cannot reach the embedded Redis"),
        ({"DOORWARD_MASTER_KEY": None}, "make keys of their own"),
        ({"DOORWARD_APPENDFSYNC": "everysec"}, "no effect on an external Redis"),
        ({"DOORWARD_ALLOW_VOLATILE": "1"}, "a restart of Redis"),
    ],
)
def test_one_thing_that_is_likely_not_meant_is_told_once(
    changed: dict[str, str | None], told: str
) -> None:
    environ = {name: text for name, text in (SOUND | changed).items() if text is not None}

    sentences = warnings(environ)

    assert len(sentences) == 1
    assert told in sentences[0]
    assert "DOORWARD_" in sentences[0]
    assert "hunter2" not in sentences[0]


@pytest.mark.parametrize(
    ("environ", "told"),
    [
        ({"DOORWARD_APPENDFSYNC": "everysec"}, "up to a second of what was answered is lost"),
        ({"DOORWARD_ALLOW_VOLATILE": "1"}, "no effect on the embedded Redis"),
    ],
)
def test_an_embedded_store_with_less_than_its_promise_is_told(
    environ: dict[str, str], told: str
) -> None:
    (sentence,) = warnings(environ)

    assert told in sentence


@pytest.mark.parametrize(
    "environ",
    [
        {"DOORWARD_PUBLIC_URL": "http://localhost:8080"},
        {"DOORWARD_REDIS_URL": "redis://127.0.0.1"},
        {"DOORWARD_REDIS_URL": "unix:///run/redis.sock"},
        {"DOORWARD_REDIS_URL": "redis+cluster://127.0.0.1:7000,[::1]:7001"},
        {"DOORWARD_HOST": "localhost"},
    ],
)
def test_what_stays_on_ones_own_machine_is_not_warned_about(environ: dict[str, str]) -> None:
    assert warnings(environ) == ()


def test_a_server_opened_to_others_with_nothing_else_set_is_told_all_of_it() -> None:
    assert len(warnings(OPEN)) == 3
