"""`doorward serve` as people start it: a process of its own, greeting, log and signals included."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Condition, Thread
from typing import IO, Final

DOORWARD: Final = str(Path(sys.executable).with_name("doorward"))
DEADLINE_SECONDS: Final = 60.0
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


class Lines:
    """What a stream says, read as it comes: a pipe that nobody reads stops who writes to it."""

    def __init__(self, stream: IO[str] | None) -> None:
        assert stream is not None
        self._stream = stream
        self._lines: list[str] = []
        self._has_ended = False
        self._changed = Condition()
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()

    def read(self) -> str:
        """Return everything so far."""
        with self._changed:
            return "".join(self._lines)

    def until(self, text: str) -> str:
        """Wait for a line with this text; return everything so far."""

        def is_settled() -> bool:
            return self._has_ended or any(text in line for line in self._lines)

        with self._changed:
            self._changed.wait_for(is_settled, DEADLINE_SECONDS)
            assert any(text in line for line in self._lines), f"no {text!r} in {self._lines}"
            return "".join(self._lines)

    def join(self) -> None:
        """Wait until the stream has ended."""
        self._reader.join(DEADLINE_SECONDS)

    def _read(self) -> None:
        with self._stream:
            for line in self._stream:
                with self._changed:
                    self._lines.append(line)
                    self._changed.notify_all()
        with self._changed:
            self._has_ended = True
            self._changed.notify_all()


class RunningServer:
    """A server that has said where it is."""

    def __init__(self, process: "subprocess.Popen[str]", data_dir: Path) -> None:
        self.process = process
        self.data_dir = data_dir
        self.output = Lines(process.stdout)
        self.log = Lines(process.stderr)
        try:
            self.greeting = self.output.until(LAST_LINE)
        except AssertionError as error:
            raise AssertionError(f"{error}; its log: {self.log.read()}") from None
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

    def end(self, signum: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal, wait for the end, and return the status."""
        self.process.send_signal(signum)
        self.process.wait(timeout=DEADLINE_SECONDS)
        self.output.join()
        self.log.join()
        return self.process.returncode


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
        process.wait(timeout=DEADLINE_SECONDS)
