"""One server for all tests of the commands that talk to one, and a clean place to run them in."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from doorward.http.cli.main import main
from tests.http.cli.running_server import RunningServer, running_server

Run = Callable[..., Result]


@pytest.fixture(scope="session")
def cli_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running_server(tmp_path_factory.mktemp("cli-server")) as server:
        yield server
        # What every test of commands relies on; where it does not hold, the log says why.
        assert server.process.poll() is None, server.log.read()


@pytest.fixture
def clean_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [name for name in os.environ if name.startswith("DOORWARD_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(clean_place: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command in this process, with these variables set."""

    def run_here(*arguments: str, answer: str | None = None, **environ: str) -> Result:
        for name, text in environ.items():
            monkeypatch.setenv(name, text)
        return CliRunner().invoke(main, list(arguments), input=answer)

    return run_here


@pytest.fixture
def ask(run: Run, cli_server: RunningServer) -> Run:
    """Run a command in this process against the common server."""

    def ask_server(*arguments: str, answer: str | None = None, **environ: str) -> Result:
        return run(*arguments, answer=answer, **(cli_server.environ | environ))

    return ask_server
