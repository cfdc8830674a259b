"""What all surfaces share: a call in, an answer out in the surface's own shape, whatever happens.

A surface decides the shape of success and failure and the spelling of codes; the table of what may
go wrong at the edge is here, once.
"""

from collections.abc import Awaitable, Callable
from typing import Any, ClassVar, Final

import structlog
from aiohttp import web

from doorward.actors.errors import Unavailable
from doorward.http import downloads
from doorward.http.calls import Call, Malformed
from doorward.http.downloads import Download
from doorward.http.edge import request_ids
from doorward.http.edge.client_address import ClientAddress
from doorward.http.edge.refusals import EdgeError
from doorward.http.replies import Failure, Reply, response, retry_headers
from doorward.http.system import System

Handler = Callable[[Call, System], Awaitable[Reply | Failure | Download]]
_log = structlog.get_logger("doorward.http")

CODES: Final = {
    400: "VALIDATION_ERROR",
    401: "AUTH_REQUIRED",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    408: "REQUEST_TIMEOUT",
    409: "CONFLICT",
    413: "PAYLOAD_TOO_LARGE",
    415: "UNSUPPORTED_MEDIA_TYPE",
    500: "INTERNAL",
    503: "UNAVAILABLE",
}


class Surface:
    """The shape of one surface's answers."""

    codes: ClassVar[dict[int, str]] = CODES

    def success(self, data: Any, request_id: str) -> Any:  # noqa: ANN401 - any JSON value
        """Shape a success; bare by default."""
        del request_id
        return data

    def failure(self, failure: Failure, request_id: str) -> Any:  # noqa: ANN401 - any JSON value
        """Shape a failure."""
        return {
            "statusCode": failure.status,
            "code": failure.code,
            "message": failure.message,
            "requestId": request_id,
        }

    def render(self, answer: Reply | Failure, request_id: str) -> web.Response:
        """Dress an answer as this surface does."""
        if isinstance(answer, Failure):
            return response(answer, self.failure(answer, request_id), request_id)
        body = None if answer.data is None else self.success(answer.data, request_id)
        return response(answer, body, request_id)

    def endpoint(
        self, handler: Handler, system: System, addresses: ClientAddress
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """Make an aiohttp handler that answers in this surface's shape, whatever happens."""

        async def handle(request: web.Request) -> web.StreamResponse:
            request_id = request_ids.of(request)
            try:
                answer = await handler(Call(request, request_id, addresses), system)
                if isinstance(answer, Download):
                    return await downloads.send(answer, request, request_id)
            except Exception as error:  # noqa: BLE001 - the edge answers everything, in shape
                answer = self.failure_of(error, request_id)
            return self.render(answer, request_id)

        return handle

    def failure_of(self, error: Exception, request_id: str) -> Failure:
        """Put an exception into this surface's words; the cause is logged, never sent."""
        if isinstance(error, Malformed):
            message = f"{error.param or 'body'} {error.rule}."
            return Failure(400, self.codes[400], message, error.param or None)
        if isinstance(error, EdgeError):
            code = self.codes.get(error.status, self.codes[400])
            return Failure(error.status, code, f"{error.reason}.", headers=error.headers)
        if isinstance(error, Unavailable):
            headers = retry_headers(error.retry_after_seconds * 1000)
            return Failure(503, self.codes[503], "Not available now; try again.", headers=headers)
        _log.error(
            "request_failed", request_id=request_id, error=type(error).__name__, exc_info=error
        )
        return Failure(500, self.codes[500], "Something went wrong here.")
