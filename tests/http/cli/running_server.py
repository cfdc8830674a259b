"""`doorward serve` as people start it: a process of its own, greeting, log and signals included."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Timer
from typing import IO, Final

DOORWARD: Final = str(Path(sys.executable).with_name("doorward"))
DEADLINE_SECONDS: Final = 30.0
LAST_LINE: Final = "Ctrl-C ends it"


def surroundings(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return this process' environment without the settings of whoever runs the tests."""
    bare = {name: text for name, text in os.environ.items() if not name.startswith("DOORWARD_")}
    return bare | dict(environ or {})


def doorward(
    *arguments: str,
    folder: Path,
    environ: Mapping[str, str] | None = None,
    answer: str = "",
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [DOORWARD, *arguments],
        cwd=folder,
        env=surroundings(environ),
        input=answer,
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECONDS,
        check=False,
    )


class RunningServer:
    """A server that has said where it is."""

    def __init__(self, process: "subprocess.Popen[str]", data_dir: Path) -> None:
        self.process = process
        self.data_dir = data_dir
        self.greeting = self.until(LAST_LINE, process.stdout)
        self.origin = self.told("Readiness").removesuffix("/readyz")

    @property
    def environ(self) -> dict[str, str]:
        """What a command needs in order to find this server and its key."""
        return {"DOORWARD_URL": self.origin, "DOORWARD_DATA_DIR": str(self.data_dir)}

    @property
    def redis_lock(self) -> Path:
        """A file that is locked for as long as its Redis lives."""
        return self.data_dir / "redis" / "redis.lock"

    def told(self, name: str) -> str:
        """Return what stands beside a name in the greeting."""
        line = re.search(rf"^ +{name} +(\S.*)$", self.greeting, re.MULTILINE)
        assert line is not None, self.greeting
        return line[1]

    def until(self, text: str, stream: IO[str] | None) -> str:
        """Read lines until one holds a text; the deadline ends the process, hence the lines."""
        assert stream is not None
        read = ""
        deadline = Timer(DEADLINE_SECONDS, self.process.kill)
        deadline.start()
        try:
            for line in stream:
                read += line
                if text in line:
                    return read
        finally:
            deadline.cancel()
        raise AssertionError(f"the server ended without saying {text!r}; it said: {read}")

    def log_until(self, text: str) -> str:
        """Read the log until a line holds a text."""
        return self.until(text, self.process.stderr)

    def end(self, signum: signal.Signals = signal.SIGTERM) -> tuple[int, str, str]:
        """Send a signal; return the status and what it still wrote."""
        self.process.send_signal(signum)
        output, log = self.process.communicate(timeout=DEADLINE_SECONDS)
        return self.process.returncode, output, log


@contextmanager
def running_server(
    folder: Path, *arguments: str, environ: Mapping[str, str] | None = None
) -> Iterator[RunningServer]:
    """Serve from ``folder/data`` on free ports, unless told otherwise."""
    usual = {
        "DOORWARD_PORT": "0",
        "DOORWARD_METRICS_PORT": "0",
        "DOORWARD_DATA_DIR": str(folder / "data"),
    }
    process = subprocess.Popen(
        [DOORWARD, "serve", *arguments],
        cwd=folder,
        env=surroundings(usual | dict(environ or {})),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield RunningServer(process, folder / "data")
    finally:
        process.kill()
        process.communicate(timeout=DEADLINE_SECONDS)
