"""``/metrics``: the host's own figures in Prometheus' words, on a loopback port of its own.

The figures are plain integers counted where things happen; they are turned into metrics only when
somebody looks, so that counting costs the request path nothing worth naming.
"""

import asyncio
from collections.abc import Iterator

from aiohttp import web
from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from doorward.actors.figures import Histogram
from doorward.actors.systems.embedded import EmbeddedSystem


class HostCollector(Collector):
    """Reads one embedded system."""

    def __init__(self, system: EmbeddedSystem) -> None:
        self._system = system

    def collect(self) -> Iterator[Metric]:
        """Yield every metric as it stands."""
        figures = self._system.host.figures
        yield _counter("asks", "Messages accepted into mailboxes", figures.asks)
        yield _counter("turns", "Turns run, repeats after a miss included", figures.turns)
        yield _counter("misses", "Records fetched because a turn missed them", figures.misses)
        yield _counter("failed_turns", "Turns that raised", figures.failed_turns)
        yield _counter(
            "overloads", "Messages refused because a mailbox was full", figures.overloads
        )
        yield _counter("flushes", "Flushes that ended", figures.flushes)
        yield _counter("flushes_unknown", "Flushes whose ending is unknown", figures.unknown)
        yield _counter("commits_refused", "Partition commits refused by the store", figures.fenced)
        yield _counter(
            "rollbacks",
            "Times a partition was found to have gone back",
            self._system.ownership.rollbacks,
        )
        refusals = CounterMetricFamily(
            "doorward_refusals", "Requests refused by a limit", labels=["rule"]
        )
        for rule, count in figures.refusals.items():
            refusals.add_metric([rule], count)
        yield refusals
        yield _histogram("batch_messages", "Messages per work cycle", figures.batch, 1)
        yield _histogram("flush_seconds", "How long flushes took", figures.flush_ms, 1000)
        yield from self._gauges()
        yield from self._mails()

    def _gauges(self) -> Iterator[Metric]:
        system = self._system
        yield _gauge("mailbox_depth", "Messages waiting now", system.host.depth)
        yield _gauge("records_in_memory", "Records remembered now", system.host.remembered)
        yield _gauge("partitions_owned", "Partitions owned now", len(system.ownership.held()))
        yield _gauge("ready", "1 when every partition is served", int(system.is_ready()))

    def _mails(self) -> Iterator[Metric]:
        delivery = self._system.outbox.delivery
        mails = CounterMetricFamily("doorward_mails", "Mails by how they ended", labels=["ending"])
        mails.add_metric(["sent"], delivery.sent)
        mails.add_metric(["undeliverable"], delivery.failed)
        mails.add_metric(["expired"], delivery.expired)
        yield mails
        yield _counter("mail_retries", "Tries to send a mail that failed for now", delivery.retried)
        yield _gauge("mails_pending", "Mails in hand now", delivery.pending)


def make_metrics_app(figures: Collector) -> web.Application:
    """Make the application of the metrics port: these figures, and the process's own."""
    hosts, process = CollectorRegistry(), CollectorRegistry()
    hosts.register(figures)
    ProcessCollector(registry=process)
    PlatformCollector(registry=process)

    async def metrics(_request: web.Request) -> web.Response:
        # In a thread: the process's own figures are read from files, and the loop must not wait.
        of_process = await asyncio.to_thread(generate_latest, process)
        return web.Response(
            body=generate_latest(hosts) + of_process,
            headers={"Content-Type": CONTENT_TYPE_LATEST, "X-Content-Type-Options": "nosniff"},
        )

    app = web.Application()
    app.router.add_get("/metrics", metrics)
    return app


def _counter(name: str, meaning: str, value: float) -> CounterMetricFamily:
    return CounterMetricFamily(f"doorward_{name}", meaning, value=value)


def _gauge(name: str, meaning: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"doorward_{name}", meaning, value=value)


def _histogram(
    name: str, meaning: str, histogram: Histogram, divisor: int
) -> HistogramMetricFamily:
    buckets, running = [], 0
    bounds = [*(str(bound / divisor) for bound in histogram.bounds), "+Inf"]
    for bound, count in zip(bounds, histogram.counts, strict=True):
        running += count
        buckets.append((bound, float(running)))
    return HistogramMetricFamily(
        f"doorward_{name}", meaning, buckets=buckets, sum_value=histogram.sum / divisor
    )
