import json
from base64 import urlsafe_b64encode
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated

import msgspec
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as trials
from hypothesis import strategies as st

from doorward.config import forms
from doorward.config.declarations import Declaration, settings_of
from doorward.config.errors import ConfigurationError
from doorward.config.settings import SETTINGS, Settings, describe, load

FOLDER = Path("/nowhere/door")
OLD_KEY, NEW_KEY = bytes(range(32)), bytes(range(32, 64))
MASTER_KEY = ",".join(urlsafe_b64encode(key).decode().rstrip("=") for key in (NEW_KEY, OLD_KEY))

# What each setting may be given as, and what it is then worth.
EXAMPLES: dict[str, tuple[str, object]] = {
    "host": ("::1", "::1"),
    "port": ("0", 0),
    "metrics_port": ("9999", 9999),
    "public_url": ("https://Shops.example/", "https://shops.example"),
    "hosted_domain": ("Shops.example", "shops.example"),
    "trusted_proxies": (
        "10.0.0.0/8, ::1",
        (ip_network("10.0.0.0/8"), ip_network("::1/128")),
    ),
    "demo": ("0", False),
    "data_dir": ("var/door", FOLDER / "var/door"),
    "redis_url": ("rediss://:hunter2@redis.example/1", "rediss://:hunter2@redis.example/1"),
    "blobs_url": ("s3://proofs/hunter2", "s3://proofs/hunter2"),
    "appendfsync": ("everysec", "everysec"),
    "allow_volatile": ("1", True),
    "operator_key": ("hunter2-" * 4, "hunter2-" * 4),
    "master_key": (MASTER_KEY, (NEW_KEY, OLD_KEY)),
    "smtp_url": ("smtp://u:hunter2@mail.example:587", "smtp://u:hunter2@mail.example:587"),
    "mail_from": ("door@shops.example", "door@shops.example"),
    "cluster": ("auto", "auto"),
    "host_port": ("11000", 11_000),
    "memory_records_mb": ("256", 256),
    "mailbox_limit": ("64", 64),
    "lease_seconds": ("10", 10),
    "log_level": ("debug", "debug"),
    "log_format": ("json", "json"),
}
# What each setting must never be given as.
WRONG: dict[str, tuple[str, ...]] = {
    "host": ("not a host", "127.0.0.1:80"),
    "port": ("-1", "65536", "8080x", "080", "８０８０", "true", "1e3", " 80"),  # noqa: RUF001
    "metrics_port": ("off", "65536"),
    "public_url": ("shops.example", "https://shops.example/door"),
    "hosted_domain": ("https://shops.example", "-x"),
    "trusted_proxies": ("10.0.0.1/8", "0.0.0.0/0", "proxy"),
    "demo": ("yes", "2", "True"),
    "data_dir": (" ", "a\nb"),
    "redis_url": ("hunter2://redis.example", "redis://:hunter2@"),
    "blobs_url": ("hunter2://proofs", "s3://key:hunter2@proofs"),
    "appendfsync": ("no", "Always"),
    "allow_volatile": ("on",),
    "operator_key": ("hunter2", "hunter2 " * 8),
    "master_key": ("hunter2", f"{MASTER_KEY},{MASTER_KEY}"),
    "smtp_url": ("hunter2@mail.example", "smtp://u:hunter2@"),
    "mail_from": ("door", "a@b.example\r\nBcc: c@d.example"),
    "cluster": ("ray://head:10001", "head"),
    "host_port": ("-1", "65536", "11000-11063"),
    "memory_records_mb": ("0", "65537", "24.0"),
    "mailbox_limit": ("0", "-5"),
    "lease_seconds": ("0", "31"),
    "log_level": ("INFO", "loud"),
    "log_format": ("xml",),
}
READ = tuple(setting for setting in SETTINGS if setting.concern != "files")
BY_KEY = {setting.key: setting for setting in READ}


def value_of(settings: Settings, key: str) -> object:
    setting = BY_KEY[key]
    value = getattr(getattr(settings, setting.concern), setting.attribute)
    return value.reveal() if setting.declaration.is_secret else value


def test_without_anything_set_a_server_is_for_ones_own_machine(tmp_path: Path) -> None:
    settings = load({}, folder=tmp_path)

    assert settings == Settings(
        store=msgspec.structs.replace(Settings().store, data_dir=tmp_path / "data")
    )
    assert (settings.server.host, settings.server.port) == ("127.0.0.1", 8080)
    assert settings.server.listens_on_loopback
    assert settings.store.appendfsync == "always"
    assert not settings.store.allow_volatile
    assert settings.store.redis_url is None
    assert settings.server.trusted_proxies == ()
    assert settings.warnings() == ()


def test_the_examples_and_the_wrong_values_cover_every_setting() -> None:
    assert set(EXAMPLES) == set(WRONG) == set(BY_KEY)


@pytest.mark.parametrize("key", EXAMPLES)
def test_a_setting_is_read_from_the_environment(key: str) -> None:
    text, expected = EXAMPLES[key]

    settings = load({BY_KEY[key].name: text}, folder=FOLDER)

    assert value_of(settings, key) == expected
    assert value_of(settings, key) != BY_KEY[key].default


@pytest.mark.parametrize("key", EXAMPLES)
def test_a_setting_is_read_from_an_environment_file(key: str, tmp_path: Path) -> None:
    text, expected = EXAMPLES[key]
    (tmp_path / "door.env").write_text(f"{BY_KEY[key].name}='{text}'\n")
    environ = {"DOORWARD_ENV_FILE": str(tmp_path / "door.env")}

    settings = load(environ, folder=FOLDER)

    assert value_of(settings, key) == expected


@pytest.mark.parametrize("key", EXAMPLES)
def test_a_setting_is_read_from_a_toml_file(key: str, tmp_path: Path) -> None:
    text, expected = EXAMPLES[key]
    (tmp_path / "door.toml").write_text(f"{key} = {json.dumps(text)}\n")
    environ = {"DOORWARD_CONFIG": str(tmp_path / "door.toml")}

    settings = load(environ, folder=FOLDER)

    assert value_of(settings, key) == expected


@pytest.mark.parametrize(("key", "text"), [(key, text) for key in WRONG for text in WRONG[key]])
def test_a_wrong_value_is_refused_with_name_value_and_rule(key: str, text: str) -> None:
    setting = BY_KEY[key]

    with pytest.raises(ConfigurationError) as raised:
        load({setting.name: text}, folder=FOLDER)

    error = raised.value
    assert error.name == setting.name
    assert error.value == ("***" if setting.declaration.is_secret else text)
    assert error.rule.startswith("must ")
    assert str(error) == f"{setting.name}={error.value!r}: {error.rule}"


def test_secrets_are_masked_wherever_settings_are_shown() -> None:
    environ = {BY_KEY[key].name: text for key, (text, _) in EXAMPLES.items()}

    settings = load(environ, folder=FOLDER)

    shown = f"{settings!r} {settings.keys} {describe(settings)!r} {settings.warnings()!r}"
    assert "hunter2" not in shown
    assert MASTER_KEY.split(",")[0] not in shown
    assert repr(NEW_KEY) not in shown
    assert {row.name: row.value for row in describe(settings)}["DOORWARD_SMTP_URL"] == "***"


@trials(suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(READ), st.text(st.characters(exclude_characters="\0"), min_size=1))
def test_any_text_is_either_read_or_refused_by_rule(setting: object, text: str) -> None:
    name = getattr(setting, "name", "")

    assert refusals({name: text}) in ([], [name])


def refusals(environ: dict[str, str]) -> list[str]:
    try:
        load(environ, folder=FOLDER)
    except ConfigurationError as error:
        return [error.name]
    return []


def test_mail_comes_from_the_public_host_unless_a_sender_is_set() -> None:
    public = {"DOORWARD_PUBLIC_URL": "https://shops.example:8443"}

    usual = load(public, folder=FOLDER)
    chosen = load(public | {"DOORWARD_MAIL_FROM": "door@mail.example"}, folder=FOLDER)
    by_number = load({"DOORWARD_PUBLIC_URL": "https://[2001:db8::1]"}, folder=FOLDER)

    assert usual.mail.mail_from == "no-reply@shops.example"
    assert chosen.mail.mail_from == "door@mail.example"
    assert by_number.mail.mail_from == "no-reply@localhost"


def test_a_relative_data_folder_starts_in_the_folder_and_an_absolute_one_does_not() -> None:
    relative = load({"DOORWARD_DATA_DIR": "door"}, folder=FOLDER)
    absolute = load({"DOORWARD_DATA_DIR": "/var/lib/door"}, folder=FOLDER)

    assert relative.store.data_dir == FOLDER / "door"
    assert absolute.store.data_dir == Path("/var/lib/door")


def test_a_data_folder_is_absolute_even_where_the_folder_is_not() -> None:
    assert load({}, folder=Path()).store.data_dir == Path.cwd() / "data"


def test_settings_cannot_be_changed() -> None:
    settings = Settings()

    with pytest.raises(AttributeError):
        settings.server.port = 1  # type: ignore[misc]


def test_every_setting_says_what_it_means_its_unit_and_its_default() -> None:
    rows = describe()

    assert len(rows) == len(SETTINGS) == len({row.name for row in rows})
    for row in rows:
        assert row.name == f"DOORWARD_{row.key.upper()}"
        assert row.meaning.endswith("."), row.name
        assert all([row.unit, row.default, row.accepts, row.value]), row.name
        assert row.default not in {"`absent`", "``"}, row.name


def test_a_setting_without_a_declaration_cannot_even_be_imported() -> None:
    class Bare(msgspec.Struct):
        port: int = 0

    class Root(msgspec.Struct):
        bare: Bare

    with pytest.raises(TypeError, match=r"Bare\.port declares no meaning"):
        settings_of(Root)


def test_a_setting_without_a_default_cannot_even_be_imported() -> None:
    class Needed(msgspec.Struct):
        port: Annotated[int, Declaration(form=forms.whole(0, 1), unit="u", meaning="m")]

    class Root(msgspec.Struct):
        needed: Needed

    with pytest.raises(TypeError, match="no default"):
        settings_of(Root)


def test_every_default_is_a_value_that_could_have_been_given() -> None:
    for setting in READ:
        if setting.default is None or setting.default == ():
            continue
        default = setting.default
        text = str(int(default)) if isinstance(default, bool) else str(default)
        assert setting.declaration.form.read(text) == default, setting.name
