import json
from pathlib import Path

from doorward.config.settings import SETTINGS
from tests.http.cli.conftest import Run


def test_every_setting_is_shown_on_a_line_of_its_own(run: Run) -> None:
    shown = run("settings", DOORWARD_PORT="8123")

    lines = [line.split("\t") for line in shown.stdout.splitlines()]
    assert shown.exit_code == 0
    assert [line[0] for line in lines] == [setting.name for setting in SETTINGS]
    assert {len(line) for line in lines} == {3}
    assert ["DOORWARD_PORT", "8123"] in [line[:2] for line in lines]


def test_secrets_are_masked_in_both_forms(run: Run) -> None:
    secrets = {
        "DOORWARD_OPERATOR_KEY": "hunter2-" * 4,
        "DOORWARD_MASTER_KEY": "A" * 43,
        "DOORWARD_REDIS_URL": "rediss://door:hunter2@redis.example",
        "DOORWARD_SMTP_URL": "smtps://door:hunter2@mail.example",
    }

    shown = [run("settings", **secrets), run("settings", "--json", **secrets)]

    for result in shown:
        assert result.exit_code == 0
        assert "hunter2" not in result.output
        assert "A" * 43 not in result.output
        assert result.stdout.count("***") == len(secrets)


def test_json_holds_all_there_is_to_say(run: Run) -> None:
    shown = run("settings", "--json")

    rows = {row["name"]: row for row in json.loads(shown.stdout)}
    assert rows["DOORWARD_PORT"]["value"] == "8080"
    assert rows["DOORWARD_PORT"]["accepts"] == "a whole number from 0 to 65535"
    assert rows["DOORWARD_PORT"]["unit"] == "TCP port"


def test_what_is_likely_not_meant_is_said_on_standard_error(run: Run) -> None:
    shown = run("settings", DOORWARD_HOST="192.0.2.1")

    assert shown.exit_code == 0
    assert "Warning: DOORWARD_HOST=192.0.2.1 is not loopback" in shown.stderr
    assert "Warning" not in shown.stdout


def test_the_file_that_was_read_is_named(run: Run, clean_place: Path) -> None:
    (clean_place / ".env").write_text("DOORWARD_PORT=8124\n", encoding="utf-8")

    shown = run("settings")

    assert "DOORWARD_PORT\t8124\t" in shown.stdout
    assert f"DOORWARD_ENV_FILE\t{clean_place / '.env'}\t" in shown.stdout


def test_a_wrong_setting_is_one_line_with_name_value_and_rule(run: Run) -> None:
    refused = run("settings", DOORWARD_PORT="80a")

    assert refused.exit_code == 2
    assert refused.stdout == ""
    assert refused.stderr == (
        "Error: DOORWARD_PORT='80a': must be a whole number from 0 to 65535\n"
    )


def test_a_working_folder_that_is_gone_is_said(run: Run, clean_place: Path) -> None:
    clean_place.rmdir()

    refused = run("settings")

    assert refused.exit_code == 1
    assert refused.stderr == (
        "Error: The working folder cannot be used: No such file or directory.\n"
    )
