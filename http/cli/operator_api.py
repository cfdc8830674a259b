"""The operator API (contract §6) as its client: one call, one answer, or one clear sentence.

The standard library's client, because it does what must be done here and nothing else: it verifies
certificates, follows no redirect and asks no proxy, so the operator key goes to the server that was
named and to nobody else. One connection per call: a command may wait for a person in between.
"""

import http.client
import ssl
from collections.abc import Mapping
from contextlib import closing
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

import msgspec

from doorward.http.cli.failures import Failed

PREFIX: Final = "/api/v1/operator"
_ANSWER_SECONDS: Final = 30.0
_ERASE_SECONDS: Final = 600.0
"""A storefront is erased within one call, and a large one has many records."""

_ANSWER_BYTES: Final = 32 << 20
"""A page holds 100 documents of 64 KiB at most; what is longer is not our server's."""

_BROKEN_OFF: Final = (
    http.client.HTTPException,
    TimeoutError,
    ConnectionResetError,
    BrokenPipeError,
)
_REDIRECTS: Final = range(300, 400)


class OperatorKey(NamedTuple):
    """The key, and where it was found, for the sentence that says it was refused."""

    value: str
    found_in: str

    def __repr__(self) -> str:
        return f"OperatorKey((hidden), {self.found_in!r})"


class Page(msgspec.Struct, rename="camel"):
    """A page of a list."""

    items: list[dict[str, Any]]
    next_cursor: str | None = None


class Refused(Failed):
    """The server answered that it does not do this.

    Attributes:
        status: The answer's status.
        param: What it complains about, as the API calls it; None where it names nothing.
    """

    def __init__(self, message: str, status: int, param: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.param = param

    def in_options(self, options: Mapping[str, str]) -> "Refused":
        """Say the same with the option's name in place of the API's, where it has one."""
        option = options.get(self.param or "")
        if option is None or not self.message.startswith(f"{self.param} "):
            return self
        rest = self.message.removeprefix(f"{self.param} ")
        return Refused(f"{option} {rest}", self.status, self.param)


class OperatorApi:
    """A server's operator API."""

    def __init__(self, origin: str, key: OperatorKey) -> None:
        """Call nobody yet.

        Args:
            origin: ``scheme://host[:port]``, as ``network_forms.ORIGIN`` reads it.
            key: The operator key, fit for a header (``credential_forms.OPERATOR_KEY``).
        """
        self.origin = origin
        self._key = key

    def get(self, path: str) -> dict[str, Any]:
        """Read; see ``_call`` for what is raised."""
        return self._call("GET", path)

    def page(self, path: str) -> Page:
        """Read a page of a list; see ``_call`` for what is raised."""
        try:
            return msgspec.convert(self._call("GET", path), Page)
        except msgspec.ValidationError:
            raise self.foreign("a list") from None

    def put(self, path: str, body: Mapping[str, object]) -> dict[str, Any]:
        """Write; see ``_call`` for what is raised."""
        return self._call("PUT", path, body)

    def post(self, path: str, body: Mapping[str, object]) -> dict[str, Any]:
        """Make; see ``_call`` for what is raised."""
        return self._call("POST", path, body)

    def delete(self, path: str) -> None:
        """Remove; see ``_call`` for what is raised."""
        self._call("DELETE", path)

    def _call(
        self, method: str, path: str, body: Mapping[str, object] | None = None
    ) -> dict[str, Any]:
        """Send a request and read its answer.

        Args:
            method: In capitals.
            path: Below ``/api/v1/operator``, with its query.
            body: Sent as JSON; None sends no body.

        Returns:
            The answer's object; an empty one when it has no body.

        Raises:
            Refused: It answered with an error.
            Failed: It cannot be reached, or does not answer as Doorward does.
        """
        try:
            with closing(self.connection(method)) as connection:
                connection.request(method, PREFIX + path, *self._content(body))
                answer = connection.getresponse()
                content = answer.read(_ANSWER_BYTES)
        except (OSError, http.client.HTTPException) as error:
            raise self.unreached(error, method) from None
        members = object_in(content)
        if 200 <= answer.status < 300 and members is not None:  # noqa: PLR2004 - RFC 9110 §15.3
            return members
        raise self.refusal(answer, members, method)

    def connection(self, method: str) -> http.client.HTTPConnection:
        """Make a connection for calls of this method; nothing is sent yet."""
        parts = urlsplit(self.origin)
        seconds = _ERASE_SECONDS if method == "DELETE" else _ANSWER_SECONDS
        host = parts.hostname or ""
        if parts.scheme == "https":
            context = ssl.create_default_context()
            return http.client.HTTPSConnection(host, parts.port, timeout=seconds, context=context)
        return http.client.HTTPConnection(host, parts.port, timeout=seconds)

    @property
    def headers(self) -> dict[str, str]:
        """The headers that every call carries; the key is among them."""
        return {"Authorization": f"Bearer {self._key.value}", "Accept": "application/json"}

    def _content(self, body: Mapping[str, object] | None) -> tuple[bytes | None, dict[str, str]]:
        if body is None:
            return None, self.headers
        return msgspec.json.encode(body), self.headers | {"Content-Type": "application/json"}

    def unreached(self, error: Exception, method: str) -> Failed:
        """Say why a call has no answer."""
        if isinstance(error, ssl.SSLCertVerificationError):
            return Failed(
                f"The certificate of {self.origin} does not prove that it is this server "
                f"({error.verify_message}): nothing was sent."
            )
        if isinstance(error, _BROKEN_OFF):
            return Failed(f"{self.origin} gave no answer.{_perhaps(method)}")
        reason = (error.strerror if isinstance(error, OSError) else None) or type(error).__name__
        return Failed(
            f"No server can be reached at {self.origin} ({reason}): start one with "
            "`doorward serve`, or say where it is with --url."
        )

    def refusal(
        self, answer: http.client.HTTPResponse, members: dict[str, Any] | None, method: str
    ) -> Failed:
        """Say what an answer that is no success means."""
        status, said = answer.status, (members or {}).get("message")
        if status in _REDIRECTS:
            target = answer.headers.get("Location", "elsewhere")
            return Failed(
                f"{self.origin} leads on to {target}, which is not followed, as the operator key "
                "would go along: name the server itself with --url."
            )
        if not isinstance(said, str):
            return self.foreign(str(status))
        if status == http.HTTPStatus.UNAUTHORIZED:
            return Refused(
                f"{self.origin} refuses the operator key from {self._key.found_in}: it is not "
                "that server's.",
                status,
            )
        if status == http.HTTPStatus.SERVICE_UNAVAILABLE:
            wait = answer.headers.get("Retry-After", "1")
            return Refused(
                f"{self.origin} cannot do this now: try again in {wait} s.{_perhaps(method)}",
                status,
            )
        param = (members or {}).get("param")
        return Refused(said, status, param if isinstance(param, str) else _first_word(said))

    def foreign(self, answer: str) -> Failed:
        """Say that an answer is no Doorward's."""
        return Failed(f"{self.origin} answers {answer}, but not as a Doorward server does.")


def _perhaps(method: str) -> str:
    """Say that a write whose answer is missing is neither done nor undone for sure."""
    return "" if method == "GET" else " What was asked for may or may not have been done."


def _first_word(said: str) -> str:
    # A bare error tells its parameter only as the first word of its sentence.
    return said.partition(" ")[0]


def object_in(content: bytes) -> dict[str, Any] | None:
    """Read an answer's object; an empty one where there is no body, None where it is no object."""
    if not content:
        return {}
    try:
        return msgspec.json.decode(content, type=dict[str, Any])
    except msgspec.MsgspecError:
        return None
