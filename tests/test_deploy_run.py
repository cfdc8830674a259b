"""What deploy/ runs, run: the node beside a command, the Redis, a server from the wheel."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from urllib.request import urlopen

import pytest
import redis.asyncio as aioredis
import yaml  # type: ignore[import-untyped] # it has no types, and only tests read YAML

from doorward.actors.store_checks import check_store

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
RAY_NODE = DEPLOY / "ray-node"
ADDRESS = "127.0.0.1:6379"
FAKE_RAY = """#!/bin/sh
printf '%s\\n' "$@" >"$HERE/asked"
[ -z "${RAY_FAILS:-}" ] || exit 3
[ ! -p "$HERE/go" ] || read -r _ <"$HERE/go"
"$HERE/raylet" 60 >/dev/null 2>&1 &
echo $! >"$HERE/pid"
# As the real one, it is what it is called by the time this ends.
until read -r name <"/proc/$!/comm" && [ "$name" = raylet ]; do :; done
"""
# It says that it is there, and ends in order when it is told to.
WAITS = "trap 'echo drained; exit 0' TERM; echo ready; while :; do sleep 0.05; done"
Node = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Path]:
    """A PATH in front of the real one, on which Ray only pretends to be."""
    (tmp_path / "ray").write_text(FAKE_RAY, encoding="ascii")
    (tmp_path / "ray").chmod(0o755)
    (tmp_path / "python").symlink_to(sys.executable)
    shutil.copy(shutil.which("sleep") or "/bin/sleep", tmp_path / "raylet")
    yield tmp_path
    with suppress(ProcessLookupError, FileNotFoundError):
        os.kill(int((tmp_path / "pid").read_text("ascii")), signal.SIGKILL)


@pytest.fixture
def node(here: Path) -> Node:
    def start(*words: str, **environ: str) -> subprocess.Popen[str]:
        path = f"{here}:{os.environ['PATH']}"
        given = {"DOORWARD_CLUSTER": ADDRESS, "HERE": str(here), "PATH": path}
        return subprocess.Popen(
            [RAY_NODE, *words],
            env={**os.environ, **given, **environ},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


def raylet_of(here: Path) -> int:
    return int((here / "pid").read_text("ascii"))


def is_running(pid: int) -> bool:
    with suppress(FileNotFoundError, ProcessLookupError):
        return "Z" not in Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()[0]
    return False


def test_a_node_joins_without_room_for_hosts_and_ends_with_its_command(
    node: Node, here: Path
) -> None:
    ended = node("sh", "-c", "exit 7")
    _, said = ended.communicate(timeout=30)
    asked = (here / "asked").read_text("ascii").split("\n")

    assert ended.returncode == 7, said
    assert asked[:4] == [
        "start",
        f"--address={ADDRESS}",
        "--num-cpus=0",
        "--node-ip-address=127.0.0.1",
    ]
    assert "--disable-usage-stats" in asked
    assert not is_running(raylet_of(here))


def test_a_head_is_one_with_room_and_without_a_dashboard(node: Node, here: Path) -> None:
    node("--head", "--num-cpus=4", "true", REDIS_PASSWORD="word").communicate(timeout=30)
    asked = (here / "asked").read_text("ascii").split("\n")

    assert asked[1:5] == ["--head", "--port=6379", "--include-dashboard=false", "--no-monitor"]
    assert {"--num-cpus=4", "--redis-password=word"} <= set(asked)
    assert not any(word.startswith("--address") for word in asked)


def test_a_signal_lets_the_command_drain_before_the_node_leaves(node: Node, here: Path) -> None:
    running = node("sh", "-c", WAITS)
    assert running.stdout is not None
    assert running.stdout.readline() == "ready\n"

    running.send_signal(signal.SIGTERM)
    told, said = running.communicate(timeout=30)

    assert (running.returncode, told) == (0, "drained\n"), said
    assert not is_running(raylet_of(here))


def test_a_signal_before_the_command_leaves_nothing_behind(node: Node, here: Path) -> None:
    os.mkfifo(here / "go")
    running = node("touch", str(here / "ran"))
    # Opening it for writing waits for its reader: Ray is on the way, the command is not yet.
    with (here / "go").open("w", encoding="ascii") as go:
        running.send_signal(signal.SIGTERM)
        go.write("go\n")
    _, said = running.communicate(timeout=30)

    assert running.returncode == 143, said
    assert not (here / "ran").exists()
    assert not is_running(raylet_of(here))


def test_a_command_is_ended_when_its_node_dies(node: Node, here: Path) -> None:
    running = node("sh", "-c", WAITS)
    assert running.stdout is not None
    assert running.stdout.readline() == "ready\n"

    os.kill(raylet_of(here), signal.SIGKILL)
    told, said = running.communicate(timeout=30)

    assert (running.returncode, told) == (1, "drained\n")
    assert "the Ray node ended; so does sh" in said


def test_no_command_runs_beside_a_node_that_does_not_start(node: Node, here: Path) -> None:
    ended = node("touch", str(here / "ran"), RAY_FAILS="1")
    _, said = ended.communicate(timeout=30)

    assert ended.returncode == 1
    assert f"no Ray node can be started for {ADDRESS}" in said
    assert not (here / "ran").exists()


@pytest.mark.parametrize(
    ("words", "address", "said"),
    [
        ((), ADDRESS, "name a command"),
        (("--num-cpus=4",), ADDRESS, "name a command"),
        (("true",), "", "DOORWARD_CLUSTER must name the head"),
    ],
)
def test_what_is_missing_is_said(
    node: Node, words: tuple[str, ...], address: str, said: str
) -> None:
    ended = node(*words, DOORWARD_CLUSTER=address)
    _, told = ended.communicate(timeout=30)

    assert ended.returncode == 2
    assert said in told


async def test_the_redis_of_the_compose_file_is_one_that_doorward_takes() -> None:
    document = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
    shell, option, script = document["services"]["redis"]["command"]
    with tempfile.TemporaryDirectory(prefix="dw-") as folder:
        socket = f"{folder}/r.sock"
        told = script.replace("$$", "$").replace(
            "dir /data", f"dir {folder}\nport 0\nunixsocket {socket}"
        )
        server = await asyncio.create_subprocess_exec(
            *(shell, option, told),
            env={**os.environ, "REDIS_PASSWORD": "word"},
            stdout=asyncio.subprocess.PIPE,
        )
        try:
            assert server.stdout is not None
            while b"eady to accept connections" not in (line := await server.stdout.readline()):
                assert line, "it ended"
            async with aioredis.Redis(unix_socket_path=socket, password="word") as client:
                facts = await check_store(client, allow_volatile=False, embedded=False)
            async with aioredis.Redis(unix_socket_path=socket) as stranger:
                with pytest.raises(aioredis.ConnectionError, match="authenticated"):
                    await stranger.get("dw:store")
        finally:
            server.terminate()
            await server.communicate()

    assert facts.settings["appendfsync"] == "always"
    assert facts.warnings == ()


def test_the_wheel_serves_pages_from_a_folder_that_is_not_the_projects(tmp_path: Path) -> None:
    wheel = build_wheel(tmp_path)
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(tmp_path / "site")
    (tmp_path / "work").mkdir()
    given = {
        "PYTHONPATH": str(tmp_path / "site"),
        "DOORWARD_DATA_DIR": str(tmp_path / "data"),
        "DOORWARD_PORT": "0",
        "DOORWARD_METRICS_PORT": "0",
    }
    program = (
        "from doorward.http.cli import main; "
        f"assert main.__file__.startswith({str(tmp_path)!r}), main.__file__; main.main(['serve'])"
    )
    server = subprocess.Popen(
        [sys.executable, "-u", "-c", program],
        cwd=tmp_path / "work",
        env={**os.environ, **given},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout is not None
        portal = next(line.split()[-1] for line in server.stdout if "Demo portal" in line)
        with urlopen(portal, timeout=20) as page:  # noqa: S310 - the server's own words
            shown = page.read()
    finally:
        server.terminate()
        server.communicate(timeout=30)

    assert b"<form" in shown
    assert server.returncode == 0


def build_wheel(folder: Path) -> Path:
    """Build it as the image does, from a copy: setuptools leaves folders behind."""
    source = folder / "source"
    for name in ("actors", "config", "http"):
        shutil.copytree(
            ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info")
        )
    for name in ("LICENSE", "README.md", "pyproject.toml"):
        shutil.copy(ROOT / name, source / name)
    options = ("--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", folder)
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", *options, source],
        cwd=folder,
        check=True,
        timeout=240,
    )
    return next(folder.glob("doorward-*.whl"))
