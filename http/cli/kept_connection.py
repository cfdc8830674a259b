"""A connection that is kept from call to call: for commands that have much to send."""

import http.client
from contextlib import closing
from typing import Any, Final, NamedTuple

from doorward.http.cli.failures import Failed
from doorward.http.cli.operator_api import PREFIX, OperatorApi, object_in

_LINES: Final = {"Content-Type": "application/x-ndjson"}
_ANSWER_BYTES: Final = 1 << 20
_OK: Final = 200
_LATER: Final = frozenset({http.HTTPStatus.TOO_MANY_REQUESTS, http.HTTPStatus.SERVICE_UNAVAILABLE})
_LONGEST_WAIT_SECONDS: Final = 60


class Unanswered(Exception):
    """No answer came: nobody can be reached, or what was asked may or may not have been done.

    Attributes:
        failure: The same for people.
        at_once: Whether it may just have been an old connection that the server had given up.
    """

    def __init__(self, failure: Failed, *, at_once: bool) -> None:
        super().__init__(failure, at_once)
        self.failure = failure
        self.at_once = at_once


class Later(NamedTuple):
    """The server cannot do it now (429, 503); ``seconds`` until it may be asked again."""

    seconds: float
    failure: Failed


class KeptConnection:
    """One connection to a server's operator API, opened when it is needed; for one thread."""

    def __init__(self, api: OperatorApi) -> None:
        self._api = api
        self._connection: http.client.HTTPConnection | None = None

    def post_lines(self, path: str, lines: bytes) -> dict[str, Any] | Later:
        """Send lines of JSON.

        Returns:
            The answer's object, or that it should be sent again later.

        Raises:
            Unanswered: No answer came; the connection is closed.
            Failed: It was refused, or the answer is not Doorward's.
        """
        was_open = self._connection is not None
        try:
            answer, content = self._exchange(path, lines)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            failure = self._api.unreached(error, "POST")
            raise Unanswered(failure, at_once=was_open) from None
        members = object_in(content)
        if answer.status == _OK and members is not None:
            return members
        failure = self._api.refusal(answer, members, "POST")
        if answer.status in _LATER:
            return Later(_seconds(answer.headers.get("Retry-After", "1")), failure)
        raise failure

    def _exchange(self, path: str, lines: bytes) -> tuple[http.client.HTTPResponse, bytes]:
        if self._connection is None:
            self._connection = self._api.connection("POST")
        self._connection.request("POST", PREFIX + path, lines, self._api.headers | _LINES)
        answer = self._connection.getresponse()
        content = answer.read(_ANSWER_BYTES)
        if answer.will_close:
            self.close()
        return answer, content

    def close(self) -> None:
        """Hang up; the next call connects anew."""
        if self._connection is not None:
            with closing(self._connection):
                self._connection = None


def _seconds(told: str) -> float:
    """Read ``Retry-After``, and believe no more of it than a minute."""
    return min(int(told), _LONGEST_WAIT_SECONDS) if told.isdecimal() and len(told) < 10 else 1.0  # noqa: PLR2004 - digits
