import shlex
from collections.abc import Iterator

import click
import pytest

from doorward.actors.desks.keys import SCOPES
from doorward.http.cli.main import main
from tests.http.cli.conftest import Run

NOWHERE = {"DOORWARD_URL": "http://127.0.0.1:1", "DOORWARD_OPERATOR_KEY": "k" * 32}


def commands(group: click.Group, *path: str) -> Iterator[tuple[str, ...]]:
    for name, command in group.commands.items():
        yield (*path, name)
        if isinstance(command, click.Group):
            yield from commands(command, *path, name)


def examples_of(text: str) -> list[list[str]]:
    lines = text.partition("Example:")[2].replace("\\\n", " ").splitlines()
    found = [line.strip() for line in lines if line.strip().startswith("doorward ")]
    return [shlex.split(line.partition("|")[0])[1:] for line in found]


COMMANDS = [(), *commands(main)]
NAMES = [" ".join(path) or "doorward" for path in COMMANDS]


def test_every_command_that_is_promised_is_there() -> None:
    expected = {
        ("serve",),
        ("settings",),
        *((("storefront", verb)) for verb in ("add", "list", "show", "publish", "unpublish")),
        ("storefront", "remove"),
        *((("key", verb)) for verb in ("add", "list", "revoke")),
        *((("cluster", verb)) for verb in ("up", "status", "scale", "drain", "pin", "unpin")),
        ("cluster", "down"),
    }

    assert expected <= set(COMMANDS)


@pytest.mark.parametrize("path", COMMANDS, ids=NAMES)
@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_says_what_a_command_is_and_shows_an_example(
    run: Run, path: tuple[str, ...], flag: str
) -> None:
    told = run(*path, flag)

    usage, _, rest = told.stdout.partition("\n\n")
    assert told.exit_code == 0
    assert usage.startswith(f"Usage: {' '.join(('main', *path))}")
    assert rest.split("\n")[0].strip()
    assert examples_of(told.stdout)
    assert max(map(len, told.stdout.splitlines())) <= 100


@pytest.mark.parametrize("path", [(), ("storefront",), ("key",), ("cluster",)])
def test_lists_of_commands_cut_no_sentence_short(run: Run, path: tuple[str, ...]) -> None:
    told = run(*path, "--help")

    listed = told.stdout.partition("Commands:")[2]
    assert listed
    assert "..." not in listed


@pytest.mark.parametrize("path", COMMANDS, ids=NAMES)
def test_every_example_is_understood_as_it_is_written(run: Run, path: tuple[str, ...]) -> None:
    examples = [
        example
        for example in examples_of(run(*path, "--help").stdout)
        if not starts_something(example)
    ]

    results = [run(*example, **NOWHERE) for example in examples]

    for result in results:
        assert result.exit_code != 2, result.stderr
        assert "Usage:" not in result.stderr


def starts_something(example: list[str]) -> bool:
    return example[0] == "serve" or example[:2] == ["cluster", "up"]


def cluster_up() -> click.Command:
    group = main.commands["cluster"]
    assert isinstance(group, click.Group)
    return group.commands["up"]


@pytest.mark.parametrize("command", [main.commands["serve"], cluster_up()], ids=["serve", "up"])
def test_the_examples_of_what_starts_something_name_only_options_it_has(
    command: click.Command,
) -> None:
    known = {name for option in command.params for name in option.opts}

    examples = examples_of(command.epilog or "")

    used = {word for example in examples for word in example if word.startswith("--")}
    assert used
    assert used <= known


def test_help_of_key_add_names_every_scope_there_is(run: Run) -> None:
    told = run("key", "add", "--help")

    assert sorted(scope for scope in SCOPES if scope not in told.stdout) == []


@pytest.mark.parametrize(
    "path", [path for path in COMMANDS if len(path) == 2 and path[0] != "cluster"], ids=" ".join
)
def test_help_of_what_talks_to_a_server_says_how_to_choose_it(
    run: Run, path: tuple[str, ...]
) -> None:
    told = run(*path, "--help")

    for name in ("--url", "DOORWARD_URL", "--key-file", "DOORWARD_OPERATOR_KEY", "operator.key"):
        assert name in told.stdout


@pytest.mark.parametrize("path", [path for path in COMMANDS if path[:1] == ("cluster",)][1:])
def test_help_of_what_talks_to_a_cluster_says_how_to_choose_it(
    run: Run, path: tuple[str, ...]
) -> None:
    told = run(*path, "--help")

    assert "--address HOST:PORT" in told.stdout
    assert "DOORWARD_CLUSTER" in told.stdout


def test_the_version_is_told(run: Run) -> None:
    told = run("--version")

    assert told.exit_code == 0
    assert told.stdout.split()[-1][0].isdigit()
