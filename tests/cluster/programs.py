"""Programs that are told what to do in lines of JSON, and answer in lines of JSON.

Ray is kept out of the process that runs the tests: it takes signals, starts threads that never end,
and ends whoever loses its head for long.
"""

import json
import os
import select
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Lock
from typing import Any, Final

ROOT: Final = Path(__file__).parents[2]
ANSWER_SECONDS: Final = 60.0
_END_SECONDS: Final = 30.0


class Program:
    """One of them, at work until it is ended."""

    def __init__(self, module: str, *words: str, log: Path, environ: Mapping[str, str]) -> None:
        """Start it; what it says beside its answers goes to ``log``."""
        self._log = log
        with log.open("ab") as file:
            self._process = subprocess.Popen(
                [sys.executable, "-m", module, *words],
                cwd=ROOT,
                env=dict(environ),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=file,
            )
        self._lock = Lock()

    def tell(self, order: str, *words: object) -> Any:  # noqa: ANN401 - any JSON value
        """Give an order, and return what came of it.

        Raises:
            RuntimeError: It failed; says why.
        """
        answers = self._process.stdout
        orders = self._process.stdin
        assert answers is not None
        assert orders is not None
        with self._lock:
            orders.write(json.dumps([order, *words]).encode() + b"\n")
            orders.flush()
            ready, _, _ = select.select([answers], [], [], ANSWER_SECONDS)
            line = answers.readline() if ready else b""
        if not line:
            raise RuntimeError(f"no answer to {order}: {self.log()}")
        answer, failure = json.loads(line)
        if failure:
            raise RuntimeError(failure)
        return answer

    def log(self) -> str:
        """Return the last of what it said beside its answers."""
        return self._log.read_text(errors="replace")[-4_000:]

    def end(self) -> None:
        """Let it end what it has, and end; safe to repeat."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(_END_SECONDS)
        finally:
            self._process.kill()
            self._process.wait()
            self._process.stdout.close()


def answer_lines(orders: Mapping[str, Callable[..., Any]]) -> None:
    """Be such a program: carry out orders until nobody gives any."""
    # Whatever else writes to the standard output must not pass for an answer.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        order, *words = json.loads(line)
        try:
            answer = [orders[order](*words), ""]
        except Exception as error:  # noqa: BLE001 - told to whoever gave the order
            answer = [None, f"{type(error).__name__}: {error}"]
        answers.write(json.dumps(answer) + "\n")
        answers.flush()
