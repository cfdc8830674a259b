"""A program that gives orders to a cluster's steward, as an operator does (see ``programs``).

It can also do what nobody should: start hosts and stewards of another kind.
"""

import asyncio
import sys
from typing import Any

import msgspec
import ray

from doorward.actors.cluster import ray_cluster
from doorward.actors.cluster.ray_fleet import NAMESPACE
from doorward.actors.cluster.ray_hosts import RayHost
from doorward.actors.cluster.ray_steward import STEWARD
from doorward.actors.cluster.tables import Order, Report, Table
from tests.cluster.programs import answer_lines


class Impostor:
    """A steward that has nothing but a table."""

    def __init__(self, table: bytes) -> None:
        self._table = table

    async def table(self, known: int) -> bytes:
        return self._table


class Orders:
    """What it can be told to do."""

    def __init__(self, folder: str, runner: asyncio.Runner) -> None:
        self._folder = folder
        self._runner = runner
        self._operator = ray_cluster.Operator.started(folder)

    def status(self) -> Any:  # noqa: ANN401 - any JSON value
        return msgspec.to_builtins(self._runner.run(self._operator.status()))

    def scale(self, hosts: int) -> None:
        self._runner.run(self._operator.scale(hosts))

    def drain(self, name: str) -> None:
        self._runner.run(self._operator.drain(name))

    def pin(self, slug: str, host: str) -> None:
        self._runner.run(self._operator.pin(slug, host))

    def prepare_host(self, name: str, environ: dict[str, str]) -> None:
        """Start a host with an environment of its own, before the steward wants one of its name."""
        ray.remote(RayHost).options(
            name=name,
            namespace=NAMESPACE,
            lifetime="detached",
            num_cpus=1,
            max_restarts=-1,
            max_concurrency=1_000,
            runtime_env={"env_vars": environ},
        ).remote(name, self._folder)

    def replace_steward(self, store_id: str, version: int, host: str) -> None:
        """Let one take the steward's place who tells that a host has all of another store."""
        self._operator.end()
        table = Table(store_id, version, (host,) * 256)
        impostor: Any = ray.remote(Impostor)
        while True:
            # The name is free once the last bearer's end is known everywhere.
            try:
                impostor.options(
                    name=STEWARD,
                    namespace=NAMESPACE,
                    lifetime="detached",
                    num_cpus=0,
                    # Ray may not yet know which other nodes are lost.
                    resources={"node:__internal_head__": 0.001},
                ).remote(msgspec.msgpack.encode(table))
            except ValueError:
                continue
            return

    def bring_steward_back(self) -> None:
        ray.kill(ray.get_actor(STEWARD, namespace=NAMESPACE))
        while True:
            try:
                ray.get_actor(STEWARD, namespace=NAMESPACE)
            except ValueError:
                self._operator = ray_cluster.Operator.started(self._folder)
                return

    def mislead(self, host: str, store_id: str, version: int) -> Any:  # noqa: ANN401 - as above
        """Give a host an order that is about another store; return what it reports then."""
        table = Table(store_id, version, ("",) * 256)
        order = msgspec.msgpack.encode(Order(table, version))
        handle: Any = ray.get_actor(host, namespace=NAMESPACE)
        return msgspec.to_builtins(
            msgspec.msgpack.decode(ray.get(handle.beat.remote(order)), type=Report)
        )


def main() -> None:
    address, folder = sys.argv[1:]
    ray_cluster.connect(address)
    with asyncio.Runner() as runner:
        orders = Orders(folder, runner)
        answer_lines(
            {
                order.__name__: order
                for order in (
                    orders.status,
                    orders.scale,
                    orders.drain,
                    orders.pin,
                    orders.prepare_host,
                    orders.replace_steward,
                    orders.bring_steward_back,
                    orders.mislead,
                )
            }
        )


if __name__ == "__main__":
    main()
