import json
import re
from pathlib import Path

import pytest

from doorward.config.errors import ConfigurationError
from doorward.config.policy import ASCENDING, TREE, apply
from doorward.config.reference import policy_table, settings_tables
from doorward.config.settings import SETTINGS, load

DOCUMENT = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text(encoding="utf-8")


def between(marker: str) -> str:
    return DOCUMENT.partition(f"<!-- {marker} -->\n")[2].partition("\n<!-- end -->")[0]


def block(language: str, *, holding: str) -> str:
    blocks = re.findall(rf"^```{language}\n(.*?)^```$", DOCUMENT, re.DOTALL | re.MULTILINE)
    (found,) = (text for text in blocks if holding in text)
    return str(found)


def test_the_document_has_exactly_the_settings_that_are_declared() -> None:
    assert between("settings") == settings_tables()


def test_the_document_has_exactly_the_policy_that_is_declared() -> None:
    assert between("policy") == policy_table()


def test_the_tables_have_a_row_of_full_cells_for_every_setting_and_field() -> None:
    settings = [line for line in settings_tables().splitlines() if line.startswith("| `DOORWARD_")]
    fields = [line for line in policy_table().splitlines() if line.startswith("| `")]

    assert len(settings) == len(SETTINGS)
    assert len(fields) == len(TREE.fields)
    for line, columns in [(line, 5) for line in settings] + [(line, 6) for line in fields]:
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        assert len(cells) == columns, line
        assert all(cells), line


def test_the_files_in_the_document_work_as_written(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(block("sh", holding="# .env"))
    (tmp_path / "doorward.toml").write_text(block("toml", holding="# doorward.toml"))

    settings = load({}, folder=tmp_path)

    assert settings.server.host == "0.0.0.0"  # noqa: S104 - as the document has it
    assert settings.mail.smtp_url is not None
    assert settings.mail.smtp_url.reveal() == "smtp://door:p%40ss@mail.example"
    assert settings.mail.mail_from == "no-reply@shops.example"
    assert settings.server.public_url == "https://shops.example"
    assert len(settings.server.trusted_proxies) == 2
    assert settings.server.metrics_port == 9500
    assert not settings.server.demo
    assert settings.warnings() == ()


@pytest.mark.parametrize("line", block("text", holding="DOORWARD_").splitlines())
def test_the_errors_in_the_document_are_said_as_written(line: str, tmp_path: Path) -> None:
    name, value = re.match(r"(\w+)='([^']*)'", line).groups()  # type: ignore[union-attr]

    with pytest.raises(ConfigurationError) as raised:
        load({name: value}, folder=tmp_path)

    assert str(raised.value) == line


def test_the_patch_in_the_document_works_as_written() -> None:
    patch = json.loads(block("json", holding="perEmailPerMinute"))

    changed = apply({"guesses": {"perEmailPerDay": 40}}, patch)

    assert changed == {
        "codes": {"ttl": 300, "perEmailPerMinute": 5},
        "sessions": {"ttl": 604_800},
    }


@pytest.mark.parametrize("chain", ASCENDING, ids=lambda chain: str(chain[0]))
def test_the_document_says_what_may_not_be_greater_than_what(chain: tuple[str, ...]) -> None:
    assert " ≤ ".join(f"`{name}`" for name in chain) in " ".join(DOCUMENT.split())
