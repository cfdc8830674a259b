from pathlib import Path

import pytest

from doorward.config.errors import ConfigurationError
from doorward.config.settings import load


def test_the_environment_hides_the_environment_file_and_that_hides_toml(tmp_path: Path) -> None:
    (tmp_path / "doorward.toml").write_text('port = 1\nmetrics_port = 1\nlog_level = "error"\n')
    (tmp_path / ".env").write_text("DOORWARD_PORT=2\nDOORWARD_METRICS_PORT=2\n")

    settings = load({"DOORWARD_PORT": "3"}, folder=tmp_path)

    assert settings.server.port == 3
    assert settings.server.metrics_port == 2
    assert settings.log.log_level == "error"
    assert settings.files.env_file == tmp_path / ".env"
    assert settings.files.config == tmp_path / "doorward.toml"


def test_a_list_in_a_nearer_source_hides_the_farther_one_whole(tmp_path: Path) -> None:
    (tmp_path / "doorward.toml").write_text('trusted_proxies = ["10.0.0.0/8", "192.0.2.1"]\n')

    far = load({}, folder=tmp_path)
    near = load({"DOORWARD_TRUSTED_PROXIES": "198.51.100.1"}, folder=tmp_path)

    assert [str(network) for network in far.server.trusted_proxies] == [
        "10.0.0.0/8",
        "192.0.2.1/32",
    ]
    assert [str(network) for network in near.server.trusted_proxies] == ["198.51.100.1/32"]


def test_named_files_are_read_instead_of_the_usual_ones(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("DOORWARD_PORT=1\n")
    (tmp_path / "doorward.toml").write_text("metrics_port = 1\n")
    (tmp_path / "other.env").write_text("DOORWARD_CONFIG=other.toml\nDOORWARD_DEMO=0\n")
    (tmp_path / "other.toml").write_text("port = 5\n")

    settings = load({"DOORWARD_ENV_FILE": "other.env"}, folder=tmp_path)

    assert settings.server.port == 5
    assert settings.server.metrics_port == 9464
    assert not settings.server.demo
    assert settings.files.config == tmp_path / "other.toml"


def test_toml_values_may_have_their_own_types(tmp_path: Path) -> None:
    (tmp_path / "doorward.toml").write_text("port = 80\ndemo = false\nallow_volatile = true\n")

    settings = load({}, folder=tmp_path)

    assert settings.server.port == 80
    assert not settings.server.demo
    assert settings.store.allow_volatile


@pytest.mark.parametrize(
    ("line", "name", "rule"),
    [
        ("port = true", "port", "must be a whole number from 0 to 65535"),
        ("port = 80.0", "port", "must be a string, a whole number or a boolean"),
        ("port = [80]", "port", "must be a string, a whole number or a boolean"),
        ('host = ["::1"]', "host", "must be a string, a whole number or a boolean"),
        ("trusted_proxies = [1]", "trusted_proxies", "must be a string, or an array of strings"),
        ("data_dir = 2026-01-01", "data_dir", "must be a string"),
        ('host = ""', "host", "must not be empty"),
        ("trusted_proxies = []", "trusted_proxies", "must not be empty"),
        ("[server]\nport = 80", "server", "is not a setting of Doorward"),
        ("prot = 80", "prot", "is not a setting of Doorward, did you mean port?"),
        ("DOORWARD_PORT = 80", "DOORWARD_PORT", "did you mean port?"),
        ('config = "x.toml"', "config", "must be set where it is read before this file"),
        ('env_file = "x.env"', "env_file", "must be set where it is read before this file"),
    ],
)
def test_what_is_wrong_in_a_toml_file_is_refused_by_name_and_file(
    line: str, name: str, rule: str, tmp_path: Path
) -> None:
    (tmp_path / "doorward.toml").write_text(line)

    with pytest.raises(ConfigurationError) as raised:
        load({}, folder=tmp_path)

    assert raised.value.name == name
    assert rule in raised.value.rule
    assert raised.value.rule.endswith(f"(from {tmp_path / 'doorward.toml'})")


@pytest.mark.parametrize("text", ["port = ", "port = 1\nport = 2", "port", "port = " + "9" * 5_000])
def test_a_file_that_is_not_toml_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "doorward.toml").write_text(text)

    with pytest.raises(ConfigurationError, match="must be a TOML file") as raised:
        load({}, folder=tmp_path)

    assert raised.value.name == "DOORWARD_CONFIG"
    assert raised.value.value == str(tmp_path / "doorward.toml")


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("DOORWARD_PROT", "DOORWARD_PORT"),
        ("DOORWARD_MASTERKEY", "DOORWARD_MASTER_KEY"),
        ("DOORWARD_REDIS_URI", "DOORWARD_REDIS_URL"),
        ("doorward_port", "DOORWARD_PORT"),
        ("Doorward_Smtp_Url", "DOORWARD_SMTP_URL"),
    ],
)
def test_a_misspelt_setting_is_refused_and_what_it_holds_is_not_shown(
    name: str, meant: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigurationError) as raised:
        load({name: "hunter2"}, folder=tmp_path)

    assert raised.value.name == name
    assert raised.value.value == "***"
    assert raised.value.rule == f"is not a setting of Doorward, did you mean {meant}?"
    assert "hunter2" not in str(raised.value)


def test_a_name_like_no_setting_is_refused_without_a_guess(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as raised:
        load({"DOORWARD_XYZZY_QUUX_PLUGH": "1"}, folder=tmp_path)

    assert raised.value.rule == "is not a setting of Doorward"


def test_a_misspelt_setting_in_an_environment_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("DOORWARD_PROT=80\n")

    with pytest.raises(ConfigurationError, match="did you mean DOORWARD_PORT") as raised:
        load({}, folder=tmp_path)

    assert raised.value.rule.endswith(f"(from {tmp_path / '.env'})")


def test_the_environment_file_cannot_name_itself(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("DOORWARD_ENV_FILE=other.env\n")

    with pytest.raises(ConfigurationError, match="read before this file") as raised:
        load({}, folder=tmp_path)

    assert raised.value.name == "DOORWARD_ENV_FILE"


def test_what_belongs_to_other_programs_is_not_looked_at(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("POSTGRES_PASSWORD=x\nDOORWARD_PORT=80\n")

    settings = load({"PATH": "", "DOORWARDEN": "1", "XDOORWARD_PORT": "x"}, folder=tmp_path)

    assert settings.server.port == 80


@pytest.mark.parametrize("name", ["DOORWARD_PORT", "DOORWARD_ENV_FILE", "DOORWARD_MASTER_KEY"])
def test_an_empty_value_is_refused_rather_than_taken_for_absent(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="must not be empty") as raised:
        load({name: ""}, folder=tmp_path)

    assert raised.value.name == name


@pytest.mark.parametrize("name", ["DOORWARD_ENV_FILE", "DOORWARD_CONFIG"])
def test_a_named_file_that_is_not_there_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="must name a file that can be read") as raised:
        load({name: "absent"}, folder=tmp_path)

    assert raised.value.name == name
    assert raised.value.value == str(tmp_path / "absent")


@pytest.mark.parametrize("name", ["DOORWARD_ENV_FILE", "DOORWARD_CONFIG"])
def test_a_named_file_that_is_a_folder_or_not_text_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\x00")

    with pytest.raises(ConfigurationError, match="must name a file that can be read"):
        load({name: "."}, folder=tmp_path)
    with pytest.raises(ConfigurationError, match="must name a file of UTF-8 text"):
        load({name: "bytes"}, folder=tmp_path)


def test_a_folder_called_env_is_somebody_elses(tmp_path: Path) -> None:
    (tmp_path / ".env").mkdir()

    assert load({}, folder=tmp_path).files.env_file is None


def test_a_secret_from_a_file_is_masked_in_its_error(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("DOORWARD_OPERATOR_KEY=hunter2\n")

    with pytest.raises(ConfigurationError, match="at least 32 characters") as raised:
        load({}, folder=tmp_path)

    assert raised.value.value == "***"
    assert "hunter2" not in str(raised.value)


def test_a_wrong_value_that_a_nearer_source_hides_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / "doorward.toml").write_text('port = "eighty"\n')

    assert load({"DOORWARD_PORT": "80"}, folder=tmp_path).server.port == 80
