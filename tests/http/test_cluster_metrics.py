"""What a process of a cluster tells of itself, as it is scraped."""

import asyncio

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.registry import Collector

from doorward.actors.errors import Unavailable
from doorward.actors.partitions import partition_of
from doorward.http.cluster_metrics import ClusterCollector, HostsCollector
from tests.actors.cluster.test_system import ME, Process, figures_of, started, virtually


def scraped(process: Process) -> dict[str, float]:
    return read(ClusterCollector(process.system))


def read(collector: Collector) -> dict[str, float]:
    """Read every sample, by its name and labels as they are written."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(collector)
    lines = generate_latest(registry).decode().splitlines()
    samples = (line.rpartition(" ") for line in lines if line and not line.startswith("#"))
    return {name: float(value) for name, _, value in samples}


def test_what_couriers_carry_is_told_for_each_host() -> None:
    async def scene(process: Process) -> None:
        system = await started(process, "host-1", alpha="host-2")
        await asyncio.gather(*(system.ask("alpha", ME) for _ in range(5)))
        await system.ask("bravo", ME)

        told = scraped(process)

        assert told["doorward_ready"] == 1
        assert told["doorward_table_version"] == 1
        assert told["doorward_rerouted_total"] == 0
        assert told['doorward_courier_calls_total{host="host-2"}'] == 1
        assert told['doorward_courier_messages_total{host="host-2"}'] == 5
        assert told['doorward_courier_messages_total{host="host-1"}'] == 1
        for quiet in ("lost_total", "depth", "down"):
            assert told[f'doorward_courier_{quiet}{{host="host-1"}}'] == 0

    virtually(scene)


def test_what_goes_wrong_is_told() -> None:
    async def scene(process: Process) -> None:
        system = await started(process, "host-1", alpha="host-2", bravo="host-2")
        process.exchange.dead.add("host-2")
        process.exchange.owns["host-1"].clear()
        lost = [system.ask("alpha", ME) for _ in range(3)]
        for future in lost:
            with pytest.raises(Unavailable):
                await future
        stray = system.ask("charlie", ME)
        await asyncio.sleep(0.5)
        waiting = system.ask("charlie", ME)

        told = scraped(process)

        assert partition_of("charlie") in system.table.of("host-1")
        assert told["doorward_ready"] == 0
        assert told["doorward_rerouted_total"] > 1
        assert told['doorward_courier_lost_total{host="host-2"}'] == 3
        assert told['doorward_courier_down{host="host-2"}'] == 1
        assert told['doorward_courier_depth{host="host-1"}'] == 1
        assert not stray.done()
        waiting.cancel()

    virtually(scene)


def test_before_anybody_was_found_there_is_something_to_scrape() -> None:
    async def scene(process: Process) -> None:
        assert scraped(process) == {
            "doorward_ready": 0,
            "doorward_table_version": 0,
            "doorward_rerouted_total": 0,
        }

    virtually(scene)


def test_what_hosts_tell_is_told_apart_by_their_names() -> None:
    hosts = {"host-1": figures_of("host-1"), "host-2": figures_of("host-2"), "host-3": None}

    told = read(HostsCollector(hosts))

    for number in (1, 2):
        label = f'host="host-{number}"'
        assert told[f"doorward_host_up{{{label}}}"] == 1
        assert told[f"doorward_asks_total{{{label}}}"] == 100 * number
        assert told[f"doorward_mailbox_depth{{{label}}}"] == number
        assert told[f'doorward_refusals_total{{{label},rule="codes.email.minute"}}'] == number
        assert told[f'doorward_mails_total{{ending="sent",{label}}}'] == number
        assert told[f'doorward_batch_messages_bucket{{{label},le="4.0"}}'] == 1
        assert told[f'doorward_batch_messages_bucket{{{label},le="2.0"}}'] == 0
        assert told[f"doorward_batch_messages_sum{{{label}}}"] == 3
    assert told['doorward_host_up{host="host-3"}'] == 0
    assert [name for name in told if "host-3" in name] == ['doorward_host_up{host="host-3"}']
