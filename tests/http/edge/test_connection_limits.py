"""Requirement R-84: half-open, idle and too many connections end in time."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack

import pytest
from aiohttp import web

from doorward.http.edge.client_address import ClientAddress
from doorward.http.edge.server import ConnectionLimits, EdgeServer
from tests.http.edge.wire import Clock, Serve

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
SHOPPER = ("192.0.2.1", 4711)


class Wire(asyncio.Transport):
    """A connection without a socket: what is unsent, what was answered, whether it was cut."""

    def __init__(self, edge: EdgeServer, peer: object) -> None:
        super().__init__({"peername": peer})
        self.unsent = 0
        self.cut = False
        self._answered = asyncio.Event()
        self._connection = edge()
        self._connection.connection_made(self)

    def receive(self, data: bytes) -> None:
        self._connection.data_received(data)

    async def ask(self) -> None:
        """Send a request and wait for its answer."""
        self._answered.clear()
        self.receive(GET)
        async with asyncio.timeout(10):
            await self._answered.wait()

    def leave(self) -> None:
        self._connection.connection_lost(None)

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._answered.set()

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        self._answered.set()

    def is_closing(self) -> bool:
        return self.cut

    def abort(self) -> None:
        self.cut = True

    def close(self) -> None:
        self.cut = True


class Handling:
    """A handler that waits where a test holds it."""

    def __init__(self) -> None:
        self.begun, self.release = asyncio.Event(), asyncio.Event()
        self.release.set()

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        self.begun.set()
        await self.release.wait()
        return web.Response()


@pytest.fixture
async def handling() -> Handling:
    return Handling()


@pytest.fixture
async def edge(clock: Clock, handling: Handling) -> EdgeServer:
    return EdgeServer(
        handling,
        addresses=ClientAddress(["10.0.0.0/8"]),
        limits=ConnectionLimits(per_address=3),
        clock=clock,
    )


Connect = Callable[..., Wire]


@pytest.fixture
async def connect(edge: EdgeServer) -> AsyncIterator[Connect]:
    async with AsyncExitStack() as wires:

        def connected(peer: object = SHOPPER) -> Wire:
            wire = Wire(edge, peer)
            wires.callback(wire.leave)
            return wire

        yield connected


def swept(edge: EdgeServer, clock: Clock, *, after_seconds: float) -> None:
    clock.now += after_seconds
    edge.sweep()


async def test_who_never_begins_a_head_is_cut_after_ten_seconds(
    edge: EdgeServer, clock: Clock, connect: Connect
) -> None:
    wire = connect()

    swept(edge, clock, after_seconds=9.9)
    early = wire.cut
    swept(edge, clock, after_seconds=0.1)

    assert (early, wire.cut, edge.swept_connections) == (False, True, 1)


async def test_who_drips_a_head_is_cut_as_soon(
    edge: EdgeServer, clock: Clock, connect: Connect
) -> None:
    wire = connect()
    cut_at: list[int] = []

    for second in range(12):
        wire.receive(GET[second : second + 1])
        swept(edge, clock, after_seconds=1)
        cut_at += [second + 1] if wire.cut and not cut_at else []

    assert cut_at == [10]


async def test_a_connection_may_idle_for_75_seconds(
    edge: EdgeServer, clock: Clock, connect: Connect
) -> None:
    wire = connect()
    await wire.ask()

    swept(edge, clock, after_seconds=74.9)
    early = wire.cut
    swept(edge, clock, after_seconds=0.1)

    assert (early, wire.cut) == (False, True)


async def test_each_answer_begins_a_new_idle_time(
    edge: EdgeServer, clock: Clock, connect: Connect
) -> None:
    wire = connect()
    cut = []

    for _ in range(5):
        await wire.ask()
        swept(edge, clock, after_seconds=60)
        cut.append(wire.cut)

    assert cut == [False] * 5


async def test_a_later_head_has_ten_seconds_from_its_first_byte(
    edge: EdgeServer, clock: Clock, connect: Connect
) -> None:
    wire = connect()
    await wire.ask()
    swept(edge, clock, after_seconds=30)

    wire.receive(GET[:4])
    swept(edge, clock, after_seconds=6)
    wire.receive(GET[4:8])
    swept(edge, clock, after_seconds=3.9)
    early = wire.cut
    swept(edge, clock, after_seconds=0.1)

    assert (early, wire.cut) == (False, True)


async def test_a_head_that_came_in_pieces_is_served(
    edge: EdgeServer, clock: Clock, connect: Connect, handling: Handling
) -> None:
    wire = connect()

    wire.receive(GET[:4])
    swept(edge, clock, after_seconds=9)
    wire.receive(GET[4:])
    await handling.begun.wait()
    swept(edge, clock, after_seconds=9)

    assert not wire.cut


async def test_a_request_that_is_being_handled_has_no_deadline_here(
    edge: EdgeServer, clock: Clock, connect: Connect, handling: Handling
) -> None:
    wire = connect()
    handling.release.clear()
    wire.receive(GET)
    await handling.begun.wait()

    for _ in range(10):
        swept(edge, clock, after_seconds=1000)
    handling.release.set()

    assert not wire.cut


@pytest.mark.parametrize("handled", [True, False])
async def test_an_answer_that_nobody_takes_ends_after_the_idle_time(
    edge: EdgeServer, clock: Clock, connect: Connect, handling: Handling, *, handled: bool
) -> None:
    wire = connect()
    await wire.ask()
    if not handled:
        handling.begun.clear()
        handling.release.clear()
        wire.receive(GET)
        await handling.begun.wait()
    wire.unsent = 100_000

    swept(edge, clock, after_seconds=75)
    early = wire.cut
    swept(edge, clock, after_seconds=75)
    handling.release.set()

    assert (early, wire.cut) == (False, True)


async def test_an_answer_that_is_taken_slowly_is_not_cut_off(
    edge: EdgeServer, clock: Clock, connect: Connect
) -> None:
    wire = connect()
    await wire.ask()
    cut = []

    for unsent in range(1000, 0, -100):
        wire.unsent = unsent
        swept(edge, clock, after_seconds=75)
        cut.append(wire.cut)

    assert cut == [False] * 10


@pytest.mark.parametrize(
    "peers",
    [
        [("192.0.2.1", port) for port in range(4)],
        [("::ffff:192.0.2.1", 1), ("192.0.2.1", 2), ("::ffff:192.0.2.1", 3), ("192.0.2.1", 4)],
        [(f"2001:db8:1:2:{host}::1", 1, 0, 0) for host in range(4)],
    ],
)
async def test_one_address_has_no_more_than_its_share(
    edge: EdgeServer, connect: Connect, peers: list[object]
) -> None:
    wires = [connect(peer) for peer in peers]
    other = connect(("198.51.100.1", 1))

    assert [wire.cut for wire in wires] == [False, False, False, True]
    assert not other.cut
    assert (edge.open_connections, edge.refused_connections) == (4, 1)


@pytest.mark.parametrize("peer", [("10.0.0.1", 1), "", None])
async def test_proxies_and_unix_sockets_are_not_counted(
    edge: EdgeServer, connect: Connect, peer: object
) -> None:
    wires = [connect(peer) for _ in range(20)]

    assert not any(wire.cut for wire in wires)
    assert edge.open_connections == 20


async def test_a_place_is_free_again_only_when_someone_leaves_who_had_one(
    edge: EdgeServer, clock: Clock, handling: Handling
) -> None:
    held = [Wire(edge, SHOPPER) for _ in range(3)]
    refused = Wire(edge, SHOPPER)

    refused.leave()
    still_full = Wire(edge, SHOPPER)
    still_full.leave()
    held.pop().leave()
    admitted = Wire(edge, SHOPPER)

    assert (refused.cut, still_full.cut, admitted.cut) == (True, True, False)
    for wire in [*held, admitted]:
        wire.leave()
    assert edge.open_connections == 0


async def test_a_refused_connection_s_bytes_are_not_answered(
    connect: Connect, handling: Handling
) -> None:
    full = [connect() for _ in range(3)]
    refused = connect()

    refused.receive(GET)
    await full[0].ask()
    await full[1].ask()

    assert handling.begun.is_set()
    assert not refused._answered.is_set()  # noqa: SLF001 - of this very test


async def test_half_open_sockets_end_in_time_and_harm_nobody(serve: Serve) -> None:
    served = await serve(head_seconds=0.3, idle_seconds=0.3, sweep_seconds=0.02, linger_seconds=0)

    async with AsyncExitStack() as stack:
        silent = [await stack.enter_async_context(served.client()) for _ in range(40)]
        dripping = [await stack.enter_async_context(served.client()) for _ in range(40)]
        idle = [await stack.enter_async_context(served.client()) for _ in range(40)]
        for client in dripping:
            await client.send(GET[:10])
        for client in idle:
            await client.send(GET)
            await client.answer()
        async with served.client() as normal:
            await normal.send(GET)
            answer = await normal.answer()
        rests = await asyncio.gather(*(client.rest() for client in [*silent, *dripping, *idle]))

    assert answer.status == 200
    assert rests == [b""] * 120
    assert served.edge.swept_connections >= 120


async def test_one_socket_too_many_is_closed_at_once(serve: Serve) -> None:
    served = await serve(per_address=2)

    async with served.client() as first, served.client() as second:
        for client in (first, second):
            await client.send(GET)
            await client.answer()
        async with served.client() as third:
            rest = await third.rest()
        await first.send(GET)
        answer = await first.answer()

    assert (rest, answer.status, served.edge.refused_connections) == (b"", 200, 1)
