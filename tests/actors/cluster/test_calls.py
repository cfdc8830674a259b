"""Calls between an HTTP process and a host, over real connections on this machine."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import pytest

from doorward.actors.cluster import call_proof
from doorward.actors.cluster.call_client import CallClient
from doorward.actors.cluster.call_frames import CALL, LONGEST, PROOF, WELCOME, frame
from doorward.actors.cluster.call_server import CALLS, PORTS, STRANGERS, CallServer
from doorward.actors.errors import (
    ClusterRefused,
    NotOwner,
    Overloaded,
    Unavailable,
    VocabularyDiffers,
)
from doorward.actors.keyring import KEY_BYTES, Keyring

HERE = "127.0.0.1"
OLD, NEW, OTHER = (bytes([number]) * KEY_BYTES for number in (1, 2, 3))
KEYS = Keyring((NEW,))
_HEAD_BYTES = 9
Serve = Callable[[bytes], Awaitable[bytes]]


async def echo(batch: bytes) -> bytes:
    return batch


class Troubles:
    def __init__(self) -> None:
        self.told: list[str] = []

    def __call__(self, what: str, error: BaseException | None) -> None:
        self.told.append(what if error is None else f"{what}: {type(error).__name__}")


@asynccontextmanager
async def listening(
    serve: Serve = echo,
    keyring: Keyring = KEYS,
    *,
    troubles: Troubles | None = None,
    proof_seconds: float = 30.0,
) -> AsyncIterator[CallServer]:
    server = CallServer(
        serve, keyring, on_trouble=troubles or Troubles(), proof_seconds=proof_seconds
    )
    await server.listen(HERE)
    try:
        yield server
    finally:
        await server.close()


@asynccontextmanager
async def calling(
    address: str | Callable[[], Awaitable[str]],
    keyring: Keyring = KEYS,
    troubles: Troubles | None = None,
) -> AsyncIterator[CallClient]:
    async def find() -> str:
        return address if isinstance(address, str) else await address()

    client = CallClient(find, keyring, on_trouble=troubles or Troubles())
    try:
        yield client
    finally:
        client.close()


@asynccontextmanager
async def connected(
    server: CallServer,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Connect with nothing but a socket."""
    host, _, port = server.address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        yield reader, writer
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


async def is_cut(reader: asyncio.StreamReader) -> bool:
    """Tell whether nothing comes any more; what has come is read."""
    async with asyncio.timeout(10):
        try:
            while await reader.read(65_536):
                pass
        except ConnectionResetError:
            return True
    return True


# --- calls ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, 90_000, 1_000_000])
async def test_what_is_sent_is_served_and_what_is_answered_comes_back(size: int) -> None:
    async with listening() as server, calling(server.address) as client:
        batch = bytes(number % 251 for number in range(size))

        assert await client.call(batch) == batch
        assert await client.call(b"again") == b"again"


async def test_an_answer_does_not_wait_for_those_before_it() -> None:
    first_may_go = asyncio.Event()

    async def serve(batch: bytes) -> bytes:
        if batch == b"first":
            await first_may_go.wait()
        return batch

    async with listening(serve) as server, calling(server.address) as client:
        first = asyncio.create_task(client.call(b"first"))
        assert await client.call(b"second") == b"second"
        assert not first.done()
        first_may_go.set()

        assert await first == b"first"


async def test_one_connection_is_enough_for_all_who_call_at_once() -> None:
    found = 0

    async with listening() as server:

        async def find() -> str:
            nonlocal found
            found += 1
            await asyncio.sleep(0)
            return server.address

        async with calling(find) as client:
            batches = [b"%d" % number for number in range(20)]
            answers = await asyncio.gather(*(client.call(batch) for batch in batches))

    assert answers == batches
    assert found == 1


@pytest.mark.parametrize(
    "error",
    [
        VocabularyDiffers("of another release"),
        NotOwner("not open"),
        Overloaded("full", 7),
        Unavailable("no idea"),
    ],
)
async def test_a_refusal_comes_back_as_what_it_is(error: Unavailable) -> None:
    async def serve(_batch: bytes) -> bytes:
        raise error

    async with listening(serve) as server, calling(server.address) as client:
        with pytest.raises(type(error)) as told:
            await client.call(b"")

    assert type(told.value) is type(error)
    assert (told.value.reason, told.value.retry_after_seconds) == error.args


async def test_a_fault_of_the_hosts_is_told_without_its_text() -> None:
    troubles = Troubles()

    async def serve(batch: bytes) -> bytes:
        raise ValueError(batch)

    async with (
        listening(serve, troubles=troubles) as server,
        calling(server.address) as client,
    ):
        with pytest.raises(Unavailable, match=r"^a host failed: ValueError$"):
            await client.call(b"secret")

    assert troubles.told == ["a call: ValueError"]


async def test_who_leaves_disturbs_nobody() -> None:
    may_go = asyncio.Event()

    async def serve(batch: bytes) -> bytes:
        await may_go.wait()
        return batch

    async with listening(serve) as server, calling(server.address) as client:
        leaver = asyncio.create_task(client.call(b"leaver"))
        other = asyncio.create_task(client.call(b"other"))
        await asyncio.sleep(0)
        leaver.cancel()
        may_go.set()

        assert await other == b"other"
        assert await client.call(b"later") == b"later"


# --- hosts that are not there ---------------------------------------------------------------------


async def test_where_nobody_listens_nothing_was_done() -> None:
    with socket.socket() as taken:
        taken.bind((HERE, 0))
        async with calling(f"{HERE}:{taken.getsockname()[1]}") as client:
            with pytest.raises(NotOwner, match="cannot be reached"):
                await client.call(b"")


@pytest.mark.parametrize("address", ["", "nonsense", "127.0.0.1:none"])
async def test_an_address_that_is_none_is_nobodys(address: str) -> None:
    async with calling(address) as client:
        with pytest.raises(NotOwner):
            await client.call(b"")


async def test_who_listens_and_says_nothing_is_not_waited_for() -> None:
    async def silent(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await held.wait()
        writer.close()

    held = asyncio.Event()
    server = await asyncio.start_server(silent, HERE, 0)
    address = "{}:{}".format(*server.sockets[0].getsockname())

    async def find() -> str:
        return address

    client = CallClient(find, KEYS, on_trouble=Troubles(), connect_seconds=0.05)
    with pytest.raises(NotOwner, match="TimeoutError"):
        await client.call(b"")
    held.set()
    server.close()


async def test_when_a_connection_breaks_nobody_knows_and_the_next_call_finds_the_host() -> None:
    served = asyncio.Event()

    async def never(_batch: bytes) -> bytes:
        served.set()
        return await asyncio.get_running_loop().create_future()

    address = ""

    async def find() -> str:
        return address

    async with calling(find) as client:
        async with listening(never) as first:
            address = first.address
            lost = asyncio.create_task(client.call(b"lost"))
            await served.wait()
            for connection in list(first._connections):  # noqa: SLF001 - as a process that dies
                connection.cut()
            with pytest.raises(Unavailable, match="broke") as told:
                await lost
            assert type(told.value) is Unavailable
            for task in first._calls:  # noqa: SLF001
                task.cancel()
        async with listening() as second:
            address = second.address
            assert await client.call(b"again") == b"again"


async def test_a_server_that_closes_answers_what_is_under_way() -> None:
    may_go, served = asyncio.Event(), asyncio.Event()

    async def serve(batch: bytes) -> bytes:
        served.set()
        await may_go.wait()
        return batch

    async with listening(serve) as server, calling(server.address) as client:
        under_way = asyncio.create_task(client.call(b"under way"))
        await served.wait()
        closing = asyncio.create_task(server.close())
        await asyncio.sleep(0)
        may_go.set()

        assert await under_way == b"under way"
        await closing
        with pytest.raises(Unavailable):
            await client.call(b"late")


# --- ports ----------------------------------------------------------------------------------------


async def test_the_first_port_that_is_free_is_taken() -> None:
    with socket.socket() as taken:
        taken.bind((HERE, 0))
        taken.listen()
        first_port = min(taken.getsockname()[1], 65_535 - PORTS)
        server = CallServer(echo, KEYS, on_trouble=Troubles())
        await server.listen(HERE, first_port)
        port = int(server.address.rpartition(":")[2])
        await server.close()

        assert first_port < port < first_port + PORTS


async def test_an_address_that_is_not_ours_is_refused() -> None:
    server = CallServer(echo, KEYS, on_trouble=Troubles())

    with pytest.raises(ClusterRefused, match=r"192\.0\.2\.77"):
        await server.listen("192.0.2.77")


# --- strangers ------------------------------------------------------------------------------------


async def test_who_has_other_keys_is_turned_away() -> None:
    ours, theirs = Troubles(), Troubles()
    async with (
        listening(troubles=ours) as server,
        calling(server.address, Keyring((OTHER,)), theirs) as client,
    ):
        with pytest.raises(NotOwner, match="cannot be reached"):
            await client.call(b"")

    assert ours.told == ["a process with other master keys was turned away"]
    assert theirs.told == ["a host turned us away: are its master keys others?"]


async def test_while_keys_are_rotated_old_and_new_understand_each_other() -> None:
    both, old = Keyring((NEW, OLD)), Keyring((OLD,))
    async with listening(keyring=both) as server, calling(server.address, old) as client:
        assert await client.call(b"x") == b"x"


async def test_a_host_that_cannot_prove_itself_is_told_nothing() -> None:
    heard = bytearray()

    async def impostor(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(frame(0, 0, bytes(call_proof.NONCE_BYTES)))
        heard.extend(await reader.readexactly(_HEAD_BYTES + 8 + 32 + 32))
        writer.write(frame(0, WELCOME, bytes(32)))
        heard.extend(await reader.read())
        writer.close()

    server = await asyncio.start_server(impostor, HERE, 0)
    async with calling("{}:{}".format(*server.sockets[0].getsockname())) as client:
        with pytest.raises(NotOwner):
            await client.call(b"secret")
    server.close()
    await server.wait_closed()

    assert b"secret" not in heard


@pytest.mark.parametrize(
    "said",
    [
        frame(1, CALL, b"x"),
        frame(0, PROOF, b""),
        frame(0, PROOF, bytes(72)),
        frame(0, PROOF, KEYS.newest.encode() + bytes(64)),
        frame(0, PROOF, b"\xff" * 72),
        frame(0, WELCOME, bytes(32)),
        frame(0, PROOF, bytes(10_000)),
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\xff" * 64,
    ],
)
async def test_who_proves_nothing_is_cut_off(said: bytes) -> None:
    served = []

    async def serve(batch: bytes) -> bytes:
        served.append(batch)
        return batch

    async with listening(serve) as server, connected(server) as (reader, writer):
        writer.write(said + frame(1, CALL, b"x"))

        assert await is_cut(reader)

    assert served == []


async def test_who_says_nothing_is_cut_off_after_a_while() -> None:
    async with listening(proof_seconds=0.01) as server, connected(server) as (reader, _):
        assert await is_cut(reader)


async def test_strangers_are_so_many_at_most_and_who_was_let_in_stays() -> None:
    async with listening() as server, calling(server.address) as client:
        assert await client.call(b"before") == b"before"
        async with AsyncExitStack() as stack:
            strangers = [
                await stack.enter_async_context(connected(server)) for _ in range(STRANGERS)
            ]
            for reader, _ in strangers:
                await reader.readexactly(_HEAD_BYTES + call_proof.NONCE_BYTES)
            reader, _ = await stack.enter_async_context(connected(server))

            assert await is_cut(reader)
            assert await client.call(b"after") == b"after"


async def proven(
    server: CallServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    challenge = (await reader.readexactly(_HEAD_BYTES + call_proof.NONCE_BYTES))[_HEAD_BYTES:]
    writer.write(frame(0, PROOF, call_proof.proof(server.keyring, challenge, bytes(32))))
    await reader.readexactly(_HEAD_BYTES + 32)


async def test_a_recording_of_a_proof_opens_nothing() -> None:
    async with listening() as server:
        async with connected(server) as (reader, writer):
            head = await reader.readexactly(_HEAD_BYTES + call_proof.NONCE_BYTES)
            recorded = frame(0, PROOF, call_proof.proof(KEYS, head[_HEAD_BYTES:], bytes(32)))
            writer.write(recorded)
            await reader.readexactly(_HEAD_BYTES + 32)
        async with connected(server) as (reader, writer):
            writer.write(recorded)

            assert await is_cut(reader)


async def test_a_host_is_not_convinced_by_its_own_words() -> None:
    challenge, nonce = bytes(range(32)), bytes(32)
    given = call_proof.proof(KEYS, challenge, nonce)
    told = call_proof.welcome(KEYS, challenge, given)
    assert told is not None

    assert call_proof.welcome(KEYS, challenge, given[:-32] + told) is None
    assert call_proof.is_welcome(KEYS, challenge, nonce, told)
    assert not call_proof.is_welcome(KEYS, challenge, nonce, given[-32:])
    assert not call_proof.is_welcome(KEYS, nonce, challenge, told)


@pytest.mark.parametrize(
    "said",
    [
        frame(1, WELCOME, b""),
        frame(1, CALL, b"")[:4] + b"\x63" + b"\0" * 4,
        frame(1, CALL, b"")[:5] + (LONGEST + 1).to_bytes(4, "big"),
        b"".join(frame(number, CALL, b"") for number in range(CALLS + 1)),
    ],
)
async def test_one_of_ours_that_sends_what_nobody_sends_is_cut_off(said: bytes) -> None:
    async def never(_batch: bytes) -> bytes:
        return await asyncio.get_running_loop().create_future()

    async with listening(never) as server, connected(server) as (reader, writer):
        await proven(server, reader, writer)
        writer.write(said)

        assert await is_cut(reader)
        for task in server._calls:  # noqa: SLF001
            task.cancel()


async def test_frames_may_come_in_any_pieces() -> None:
    async with listening() as server, connected(server) as (reader, writer):
        await proven(server, reader, writer)
        for byte in frame(1, CALL, b"one") + frame(2, CALL, b"two"):
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0)

        answers = await reader.readexactly(2 * (_HEAD_BYTES + 3))

    assert answers == frame(1, 4, b"one") + frame(2, 4, b"two")
