import asyncio
from collections import Counter
from pathlib import Path

from tests.process.promises import Promises, shoppers
from tests.process.servers import Server, parents, serving

ASKERS = 12
DRAIN_SECONDS_MAX = 5.0


class Asker:
    """Sends one request after another over plain sockets, and counts what comes of each."""

    def __init__(self, server: Server, slug: str) -> None:
        host, _, port = server.client.url.removeprefix("http://").partition(":")
        self._address = (host, int(port))
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
    async with serving(tmp_path) as server:
        host, _, port = server.client.url.removeprefix("http://").partition(":")
        silent = [await asyncio.open_connection(host, int(port)) for _ in range(20)]
        half = await asyncio.open_connection(host, int(port))
        half[1].write(b"POST /api/v1/client-auth/signout HTTP/1.1\r\nHost: x\r\nContent-Le")
        await server.client.get("/healthz")
        loop = asyncio.get_running_loop()
        began = loop.time()

        # Some get through at the last moment, too late to be told apart from those before.
        ending = asyncio.create_task(server.end())
        status = await ending
        took_seconds = loop.time() - began

        for reader, writer in (*silent, half):
            assert await reader.read() == b""
            writer.close()
    assert status == 0
    assert took_seconds < DRAIN_SECONDS_MAX


async def test_a_drained_server_leaves_its_partitions_to_the_next_at_once(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        front = await server.open_sandbox()
        session = await front.session()
        await server.end()

    async with serving(tmp_path, DOORWARD_LEASE_SECONDS="30") as server:
        assert await server.storefront(front).is_signed_in(session)
