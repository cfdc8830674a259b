import errno
import fcntl
import json
import os
import shlex
import signal
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

import pytest

from doorward.config.concerns import Server
from doorward.http.cli.foreground import why_not_listening
from doorward.http.cli.loading import load_settings
from tests.http.cli.conftest import Run
from tests.http.cli.running_server import (
    DEADLINE_SECONDS,
    RunningServer,
    doorward,
    running_server,
)

CODE_REQUEST = "/api/v1/client-auth/request-otp"


@contextmanager
def connected(server: RunningServer) -> Iterator[socket.socket]:
    parts = urlsplit(server.origin)
    address = (parts.hostname or "", parts.port or 0)
    with socket.create_connection(address, timeout=DEADLINE_SECONDS) as connection:
        yield connection


def fetched(
    url: str, body: str | None = None, headers: dict[str, str] | None = None
) -> tuple[int, str]:
    parts = urlsplit(url)
    connection = HTTPConnection(parts.hostname or "", parts.port, timeout=DEADLINE_SECONDS)
    with closing(connection):
        connection.request("POST" if body else "GET", parts.path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


def is_unlocked(path: Path) -> bool:
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def becomes_unlocked(path: Path) -> bool:
    """Tell whether a lock can be had before the deadline; the kernel wakes whoever waits."""

    def wait() -> None:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)

    waiting = Thread(target=wait, daemon=True)
    waiting.start()
    waiting.join(DEADLINE_SECONDS)
    return not waiting.is_alive()


def hold_a_request_open(connection: socket.socket) -> None:
    """Begin a request that is in flight until its body comes, and return once it is."""
    head = (
        f"POST {CODE_REQUEST} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        "Content-Length: 50\r\nExpect: 100-continue\r\n\r\n"
    )
    connection.sendall(head.encode())
    assert connection.recv(65_536).startswith(b"HTTP/1.1 100 ")


PLACES = ("Mailbox", "Readiness", "Metrics", "Demo portal")


def test_the_greeting_leads_to_what_it_names(cli_server: RunningServer) -> None:
    [line] = [line for line in cli_server.greeting.splitlines() if line.startswith("  curl ")]
    curl, url, header_flag, header, body_flag, body = shlex.split(line)
    name, _, value = header.partition(": ")

    asked = fetched(url, body, {name: value})
    seen = [fetched(cli_server.told(place)) for place in PLACES]

    assert (curl, header_flag, body_flag) == ("curl", "-H", "-d")
    assert url == cli_server.told("Portal API") + "/request-otp"
    assert asked[0] == 200
    assert json.loads(asked[1])["data"]["sent"] is True
    assert json.loads(body)["storefrontSlug"] == cli_server.told("Demo storefront")
    assert json.loads(body)["email"] == cli_server.told("Demo buyer")
    assert [status for status, _ in seen] == [200, 200, 200, 200]
    assert Path(cli_server.told("Operator key")) == cli_server.data_dir / "operator.key"


def test_sigterm_ends_in_order_and_options_win_over_the_environment(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        options = ("--port", "0", "--host", "localhost", "--data-dir", "data")
        environ = {
            "DOORWARD_PORT": str(taken.getsockname()[1]),
            "DOORWARD_HOST": "192.0.2.1",
            "DOORWARD_DATA_DIR": str(tmp_path / "elsewhere"),
            "DOORWARD_URL": "https://shops.example",
            "DOORWARD_PUBLIC_URL": "https://shops.example",
            "DOORWARD_DEMO": "0",
        }
        with running_server(tmp_path, *options, environ=environ) as server:
            key = (server.data_dir / "operator.key").read_text(encoding="ascii").strip()
            was_unlocked = is_unlocked(server.redis_lock)

            status = server.end(signal.SIGTERM)

    log = server.log.read()
    assert status == 0
    assert server.output.read() == server.greeting
    assert server.origin.startswith("http://localhost:")
    assert server.told("Portal API") == "https://shops.example/api/v1/client-auth"
    assert "doorward storefront add my-shop --name 'My shop'" in server.greeting
    assert not (tmp_path / "elsewhere").exists()
    assert not was_unlocked
    assert is_unlocked(server.redis_lock)
    assert [json.loads(line)["event"] for line in log.splitlines()][-2:] == ["draining", "redis"]
    assert "DOORWARD_TRUSTED_PROXIES names no proxy" in log
    assert "DOORWARD_URL is for other commands" in log
    assert key not in server.greeting + log


def test_the_first_ctrl_c_waits_for_what_is_in_flight_and_a_second_ends_at_once(
    tmp_path: Path,
) -> None:
    with running_server(tmp_path) as server, connected(server) as connection:
        hold_a_request_open(connection)
        server.process.send_signal(signal.SIGINT)
        server.log.until("draining")
        waited = server.process.poll() is None

        status = server.end(signal.SIGINT)

    assert waited
    assert status == -signal.SIGINT
    assert becomes_unlocked(server.redis_lock)


def test_one_ctrl_c_ends_with_status_0(tmp_path: Path) -> None:
    with running_server(tmp_path) as server:
        status = server.end(signal.SIGINT)

    assert status == 0
    assert is_unlocked(server.redis_lock)


@pytest.mark.parametrize(
    ("arguments", "environ", "said"),
    [
        ([], {"DOORWARD_PORT": "80a"}, "DOORWARD_PORT='80a': must be a whole number from 0 to"),
        (["--port", "80a"], {}, "--port='80a': must be a whole number from 0 to 65535"),
        (["--host", "a b"], {"DOORWARD_HOST": "::1"}, "--host='a b': must be an IP address"),
        ([], {"DOORWARD_MASTERKEY": "hunter2"}, "DOORWARD_MASTERKEY='***': is not a setting of"),
        ([], {"DOORWARD_CLUSTER": "auto"}, "DOORWARD_REDIS_URL='absent': must be set, to the same"),
    ],
)
def test_a_wrong_setting_is_refused_in_one_line_with_name_value_and_rule(
    run: Run, clean_place: Path, arguments: list[str], environ: dict[str, str], said: str
) -> None:
    refused = run("serve", *arguments, **environ)

    assert refused.exit_code == 2
    assert refused.stdout == ""
    assert refused.stderr.startswith(f"Error: {said}")
    assert refused.stderr.count("\n") == 1
    assert not (clean_place / "data").exists()


def test_a_wrong_setting_found_late_is_refused_just_so(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir(mode=0o777)
    (tmp_path / "data").chmod(0o777)

    refused = doorward("serve", "--data-dir", "data", folder=tmp_path)

    assert refused.returncode == 2
    assert refused.stderr.startswith(f"Error: --data-dir='{tmp_path / 'data'} (mode 0777)': must")
    assert refused.stderr.count("\n") == 1


def test_a_second_server_on_a_data_folder_is_refused(
    cli_server: RunningServer, tmp_path: Path
) -> None:
    data_dir = str(cli_server.data_dir)

    refused = doorward("serve", "--port", "0", "--data-dir", data_dir, folder=tmp_path)

    assert refused.returncode == 1
    assert (refused.stdout, refused.stderr) == (
        "",
        f"Error: {data_dir} is in use by another server (process {cli_server.process.pid}).\n",
    )
    assert fetched(f"{cli_server.origin}/readyz")[0] == 200


def test_a_taken_port_is_named_and_nothing_stays_behind(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        refused = doorward("serve", "--port", str(port), folder=tmp_path)

    assert refused.returncode == 1
    assert refused.stdout == ""
    assert refused.stderr.splitlines()[-1] == (
        f"Error: Port {port} of 127.0.0.1 is taken: end what listens there, or choose another "
        "with --port."
    )
    assert "Traceback" not in refused.stderr
    assert is_unlocked(tmp_path / "data" / "redis" / "redis.lock")


def test_a_store_that_cannot_be_reached_is_said_without_its_password(tmp_path: Path) -> None:
    environ = {"DOORWARD_REDIS_URL": "redis://door:hunter2@127.0.0.1:1"}

    refused = doorward("serve", "--port", "0", folder=tmp_path, environ=environ)

    assert refused.returncode == 1
    assert refused.stderr.startswith("Error: The store cannot be used now: ")
    assert refused.stderr.count("\n") == 1
    assert "hunter2" not in refused.stderr


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.EADDRINUSE, "in use"), "Port 8080 of 127.0.0.1 is taken: end what listens"),
        (OSError(errno.EADDRNOTAVAIL, "no such"), "127.0.0.1 is not an address of this machine:"),
        (socket.gaierror(socket.EAI_NONAME, "unknown"), "127.0.0.1 is not an address of this ma"),
        (OSError(errno.ENOSPC, "disk full", "/data/x"), "It cannot serve: disk full (/data/x)."),
        (
            PermissionError(errno.EACCES, "binding 80: denied"),
            "It cannot serve: binding 80: denied",
        ),
    ],
)
def test_what_the_system_refuses_is_said_with_what_to_do(error: OSError, said: str) -> None:
    assert why_not_listening(error, Server()).startswith(said)


def test_settings_are_read_from_the_working_folder_under_what_options_say(
    clean_place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (clean_place / ".env").write_text("DOORWARD_PORT=1\nDOORWARD_HOST=::1\n", encoding="ascii")
    monkeypatch.setenv("DOORWARD_URL", "https://shops.example")

    settings = load_settings({"port": "2", "host": None, "data_dir": "there"})

    assert (settings.server.port, settings.server.host) == (2, "::1")
    assert settings.store.data_dir == clean_place / "there"
    assert os.environ["DOORWARD_URL"] == "https://shops.example"
