import asyncio
from collections import Counter
from pathlib import Path

from tests.process.promises import Promises, shoppers
from tests.process.servers import Server, parents, serving

ASKERS = 12
SILENT = 60
DRAIN_SECONDS_MAX = 5.0


class Asker:
    """Sends one request after another over plain sockets, and counts what comes of each."""

    def __init__(self, server: Server, slug: str) -> None:
        self._address = address_of(server)
        self._slug = slug
        self.came: Counter[str] = Counter()

    async def ask_on_one_connection_each(self) -> None:
        """Go on until nobody listens any more."""
        while await self._ask(("Connection: close",)):
            pass

    async def ask_on_kept_connections(self) -> None:
        while await self._ask(()):
            pass

    async def _ask(self, headers: tuple[str, ...]) -> bool:
        """Use one connection for as long as the server keeps it; tell whether there was one."""
        try:
            reader, writer = await asyncio.open_connection(*self._address)
        except ConnectionError:
            return False
        try:
            while await self._exchange(reader, writer, headers):
                pass
        finally:
            writer.close()
        return True

    async def _exchange(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        headers: tuple[str, ...],
    ) -> bool:
        path = f"/api/v1/client-auth/signout?storefrontSlug={self._slug}"
        lines = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", *headers, "", ""]
        try:
            writer.write("\r\n".join(lines).encode())
            await writer.drain()
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(
                int(line.partition(b":")[2])
                for line in head.split(b"\r\n")
                if line.lower().startswith(b"content-length:")
            )
            await reader.readexactly(length)
        except (ConnectionError, asyncio.IncompleteReadError):
            self.came["unheard"] += 1
            return False
        self.came[head.split(b" ", 2)[1].decode()] += 1
        return b"connection: close" not in head.lower()


async def test_a_server_told_to_end_answers_whoever_got_through_and_loses_nothing(
    tmp_path: Path,
) -> None:
    promises = Promises()
    async with serving(tmp_path) as server:
        front = await server.open_sandbox()
        redis = server.redis_pid()
        asker = Asker(server, front.slug)
        async with asyncio.TaskGroup() as group, shoppers(front, promises):
            for _ in range(ASKERS // 2):
                group.create_task(asker.ask_on_one_connection_each())
                group.create_task(asker.ask_on_kept_connections())
            await promises.until(40)
            status = await server.end()
        redis_is_gone = redis not in parents()

    async with serving(tmp_path) as server:
        await promises.hold(server.storefront(front))
    assert status == 0
    assert redis_is_gone
    assert asker.came["200"] > ASKERS
    assert set(asker.came) <= {"200", "503"}
    assert promises.unheard == 0


async def test_connections_that_nobody_uses_do_not_hold_up_the_end(tmp_path: Path) -> None:
    connections: list[asyncio.StreamWriter] = []

    async def connect(server: Server) -> None:
        """Connect and say nothing, again and again, until nobody listens any more."""
        while True:
            try:
                _, writer = await asyncio.open_connection(*address_of(server))
            except ConnectionError:
                return
            connections.append(writer)
            if len(connections) > SILENT:
                connections.pop(0).close()

    async with serving(tmp_path) as server, asyncio.TaskGroup() as group:
        _, half = await asyncio.open_connection(*address_of(server))
        half.write(b"POST /api/v1/client-auth/signout HTTP/1.1\r\nHost: x\r\nContent-Le")
        for _ in range(4):
            group.create_task(connect(server))
        while len(connections) < SILENT:
            await server.client.get("/healthz")
        loop = asyncio.get_running_loop()
        began = loop.time()

        status = await server.end()

        took_seconds = loop.time() - began
    for writer in (half, *connections):
        writer.close()
    assert status == 0
    assert took_seconds < DRAIN_SECONDS_MAX


def address_of(server: Server) -> tuple[str, int]:
    host, _, port = server.client.url.removeprefix("http://").partition(":")
    return host, int(port)
