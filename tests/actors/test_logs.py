import json
import logging
import subprocess
import sys
from collections.abc import Iterator

import pytest
import structlog
from structlog.testing import CapturingLogger

from doorward.actors.logs import place_exceptions

SECRET = "operator-key-1234567890"
RAISES = f"""
import structlog
from doorward.actors import logs

def hold(key):
    raise ValueError("the key is " + key)

logs.configure(level="info", style={{style!r}})
log = structlog.get_logger("doorward")
try:
    hold({SECRET!r})
except ValueError as error:
    log.error("request_failed", request_id="r\\n1", exc_info=error)
    log.exception("again")
log.info("line", text="one\\ntwo\\rthree")
"""


@pytest.fixture
def _roots_logging_restored() -> Iterator[None]:
    handlers, level = logging.root.handlers[:], logging.root.level
    yield
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)


def written(style: str) -> str:
    """Return what a process that logs in this style writes to its standard error."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", RAISES.format(style=style)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout == ""
    return done.stderr


def test_an_exception_is_told_by_its_types_and_places_alone() -> None:
    def fail() -> None:
        key = SECRET
        try:
            int(key)
        except ValueError as error:
            raise LookupError(key) from error

    with pytest.raises(LookupError) as raised:
        fail()
    event = place_exceptions(CapturingLogger(), "error", {"exc_info": raised.value})

    trace = event.pop("trace")
    assert event == {}
    assert [line for line in trace if not line.startswith(" ")] == ["LookupError", "ValueError"]
    assert trace[-1].startswith("  test_logs.py:")
    assert trace[-1].endswith("fail")
    assert SECRET not in str(trace)


def test_an_event_without_an_exception_stays_as_it_is() -> None:
    event: structlog.typing.EventDict = {"event": "signed_in", "exc_info": None}

    assert place_exceptions(CapturingLogger(), "info", event) == {"event": "signed_in"}


def test_exceptions_that_cause_each_other_end() -> None:
    first, second = ValueError(), LookupError()
    first.__cause__, second.__cause__ = second, first

    event = place_exceptions(CapturingLogger(), "error", {"exc_info": first})

    assert event["trace"] == ["ValueError", "LookupError"]


def test_json_logs_are_one_object_a_line_and_hold_no_variables() -> None:
    lines = [json.loads(line) for line in written("json").splitlines()]

    assert [line["event"] for line in lines] == ["request_failed", "again", "line"]
    assert [line["level"] for line in lines] == ["error", "error", "info"]
    assert lines[0]["request_id"] == "r\n1"
    assert lines[0]["trace"][0] == lines[1]["trace"][0] == "ValueError"
    assert lines[0]["trace"][-1].endswith("hold")
    assert SECRET not in json.dumps(lines)


def test_console_logs_hold_no_variables_either() -> None:
    text = written("console")

    assert "request_failed" in text
    assert "ValueError" in text
    assert SECRET not in text
