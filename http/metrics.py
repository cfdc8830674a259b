"""``/metrics``: what a process tells of itself, on a loopback port of its own.

``/metrics/hosts``, on the same port of an HTTP process in a cluster: what all hosts tell, so that
they need no ports, and whoever collects no list of them.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Final

from aiohttp import web
from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from doorward.actors.systems.embedded import EmbeddedSystem
from doorward.http.host_metrics import metrics_of_one

_HEADERS: Final = {"Content-Type": CONTENT_TYPE_LATEST, "X-Content-Type-Options": "nosniff"}
AskHosts = Callable[[], Awaitable[Collector]]


class EmbeddedCollector(Collector):
    """Reads one embedded system."""

    def __init__(self, system: EmbeddedSystem) -> None:
        self._system = system

    def collect(self) -> Iterator[Metric]:
        """Yield every metric as it stands."""
        yield from metrics_of_one(self._system.figures())
        yield GaugeMetricFamily(
            "doorward_ready", "1 when every partition is served", value=self._system.is_ready()
        )


def make_metrics_app(figures: Collector, ask_hosts: AskHosts | None = None) -> web.Application:
    """Make the application of the metrics port.

    Args:
        figures: What this process tells of its work; what it tells as a process comes with it.
        ask_hosts: Asks the hosts of a cluster for theirs; None where there is none.
    """
    own, process = _registry(figures), CollectorRegistry()
    ProcessCollector(registry=process)
    PlatformCollector(registry=process)

    async def metrics(_request: web.Request) -> web.Response:
        # In a thread: the process's own figures are read from files, and the loop must not wait.
        of_process = await asyncio.to_thread(generate_latest, process)
        return web.Response(body=generate_latest(own) + of_process, headers=_HEADERS)

    app = web.Application()
    app.router.add_get("/metrics", metrics)
    if ask_hosts is not None:

        async def of_hosts(_request: web.Request) -> web.Response:
            told = _registry(await ask_hosts())
            return web.Response(body=generate_latest(told), headers=_HEADERS)

        app.router.add_get("/metrics/hosts", of_hosts)
    return app


def _registry(figures: Collector) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(figures)
    return registry
