"""A server that answers what a test says, and remembers what it was asked."""

import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import NamedTuple


class Scripted(NamedTuple):
    """One answer."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = {}


class Asked(NamedTuple):
    """One request."""

    method: str
    path: str
    authorization: str | None
    body: bytes = b""


@dataclass
class ScriptedServer:
    """Answers in the order of ``answers``; without one left it hangs up."""

    answers: list[Scripted]
    asked: list[Asked] = field(default_factory=list)
    origin: str = ""


@contextmanager
def scripted_server(
    *answers: Scripted, tls: ssl.SSLContext | None = None
) -> Iterator[ScriptedServer]:
    """Serve on a free loopback port."""
    script = ScriptedServer(list(answers))

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            presented = self.headers.get("Authorization")
            script.asked.append(Asked(self.command, self.path, presented, body))
            if not script.answers:
                self.close_connection = True
                return
            answer = script.answers.pop(0)
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        do_GET = do_PUT = do_POST = do_DELETE = _answer  # noqa: N815 - as http.server calls them

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            """Say nothing: a client that turns away from a certificate is what is tested."""

    server = Server(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    script.origin = f"http{'s' if tls else ''}://127.0.0.1:{server.server_address[1]}"
    try:
        yield script
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
