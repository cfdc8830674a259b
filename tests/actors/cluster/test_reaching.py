import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread

import pytest

from doorward.actors.cluster import reaching
from doorward.actors.cluster.reaching import knock
from doorward.actors.errors import ClusterRefused

SETTINGS = bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))


@contextmanager
def somebody(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """Answer one connection on a port of one's own."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                answer(connection)

        thread = Thread(target=serve)
        thread.start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        thread.join()


def answers(said: bytes) -> Callable[[socket.socket], None]:
    def answer(connection: socket.socket) -> None:
        connection.sendall(said)
        connection.recv(1_000)

    return answer


def test_who_speaks_http2_may_be_ray() -> None:
    with somebody(answers(SETTINGS)) as address:
        knock(address)


@pytest.mark.parametrize("said", [b"-ERR unknown command 'PRI'\r\n", SETTINGS[:5], b""])
def test_somebody_else_is_told_apart(said: bytes) -> None:
    with somebody(answers(said)) as address, pytest.raises(ClusterRefused) as refused:
        knock(address)

    assert str(refused.value) == f"what answers at {address} is not Ray"


def test_nobody_is_waited_for_who_takes_connections_and_says_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reaching, "KNOCK_SECONDS", 0.05)

    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(ClusterRefused) as refused:
            knock(address)

    assert str(refused.value) == f"nobody answers at {address}"


def test_a_port_where_nobody_listens_is_said_so() -> None:
    with pytest.raises(ClusterRefused) as refused:
        knock("127.0.0.1:1")

    assert str(refused.value) == "there is no Ray at 127.0.0.1:1 (Connection refused)"


def test_a_name_that_nobody_knows_is_said_so() -> None:
    with pytest.raises(ClusterRefused) as refused:
        knock("nowhere.invalid:6379")

    assert str(refused.value) == "there is no machine nowhere.invalid"


def test_ipv6_is_understood() -> None:
    with pytest.raises(ClusterRefused, match=r"\[::1\]:1"):
        knock("[::1]:1")


def test_with_rays_own_tls_it_is_enough_that_somebody_listens(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RAY_USE_TLS", "1")

    with somebody(lambda connection: None) as address:
        knock(address)
