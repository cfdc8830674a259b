"""Answers of one pass leave in a row, each whole, in order, and none is lost to a close."""

import asyncio
from collections.abc import Iterable

import pytest

from doorward.http.edge.coalescing import BYTES_MAX, CoalescingTransport, Departures
from tests.http.edge.wire import Serve


class Wire(asyncio.Transport):
    """A transport without a socket that notes what is sent, in a log shared with others."""

    def __init__(self, name: str, log: list[tuple[str, bytes]]) -> None:
        super().__init__({"peername": (name, 1)})
        self._name = name
        self._log = log
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._log.append((self._name, bytes(data)))

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        self.write(b"".join(list_of_data))

    def write_eof(self) -> None:
        self._log.append((self._name, b"<eof>"))

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True


class Pair:
    """Two connections of one loop, and what they sent."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, bytes]] = []
        departures = Departures(asyncio.get_running_loop())
        self.wires = Wire("a", self.sent), Wire("b", self.sent)
        self.a, self.b = (CoalescingTransport(wire, departures) for wire in self.wires)


async def test_what_one_pass_writes_leaves_in_a_row_when_it_ends() -> None:
    pair = Pair()
    pair.a.write(b"1")
    pair.b.write(b"2")
    pair.a.writelines([b"3", memoryview(b"4")])
    assert pair.sent == []
    assert pair.a.get_write_buffer_size() == 3
    await asyncio.sleep(0)
    assert pair.sent == [("a", b"134"), ("b", b"2")]
    pair.b.write(b"5")
    await asyncio.sleep(0)
    assert pair.sent[2:] == [("b", b"5")]


async def test_closing_and_ending_send_what_is_held_first() -> None:
    pair = Pair()
    pair.a.write(b"1")
    pair.a.close()
    pair.b.write(b"2")
    pair.b.write_eof()
    assert pair.sent == [("a", b"1"), ("b", b"2"), ("b", b"<eof>")]
    await asyncio.sleep(0)
    assert len(pair.sent) == 3


@pytest.mark.parametrize("ending", ["aborted by us", "lost to the peer"])
async def test_a_connection_that_has_gone_is_sent_nothing(ending: str) -> None:
    pair = Pair()
    pair.a.write(b"1")
    pair.b.write(b"2")
    if ending == "aborted by us":
        pair.a.abort()
    else:
        pair.wires[0].closed = True
    await asyncio.sleep(0)
    assert pair.sent == [("b", b"2")]


async def test_large_answers_do_not_wait_so_that_a_slow_reader_is_felt() -> None:
    pair = Pair()
    pair.a.write(b"x" * BYTES_MAX)
    assert pair.sent == []
    pair.a.write(b"y")
    assert pair.sent == [("a", b"x" * BYTES_MAX + b"y")]
    assert pair.a.get_write_buffer_size() == 0


async def test_pipelined_answers_come_whole_and_in_order(serve: Serve) -> None:
    served = await serve()
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    asked = [f"/{number}" for number in range(200)]
    writer.write("".join(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n" for path in asked).encode())
    told = []
    async with asyncio.timeout(10):
        for _ in asked:
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            told.append((await reader.readexactly(length)).decode())
    writer.close()
    assert told == [f"{path}:" for path in asked]
