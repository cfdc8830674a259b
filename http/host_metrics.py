"""What hosts tell of themselves in Prometheus' words: of one, or of many, told apart by ``host``.

The figures are plain integers counted where things happen; they are turned into metrics only when
somebody looks, so that counting costs the request path nothing worth naming.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Final, NamedTuple

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric

from doorward.actors.figures import Histogram, HostFigures

_Kind = type[CounterMetricFamily] | type[GaugeMetricFamily]


class _Number(NamedTuple):
    """One number of each host."""

    name: str
    meaning: str
    kind: _Kind
    read: Callable[[HostFigures], int]


class _Numbers(NamedTuple):
    """Numbers of each host by a label of their own."""

    name: str
    meaning: str
    label: str
    read: Callable[[HostFigures], Mapping[str, int]]


class _Spread(NamedTuple):
    """One histogram of each host, in units of which ``divisor`` make Prometheus' own."""

    name: str
    meaning: str
    divisor: int
    read: Callable[[HostFigures], Histogram]


_COUNTER: Final = CounterMetricFamily
_GAUGE: Final = GaugeMetricFamily
_NUMBERS: Final = (
    _Number("asks", "Messages accepted into mailboxes", _COUNTER, lambda f: f.counted.asks),
    _Number(
        "turns", "Turns run, repeats after a miss included", _COUNTER, lambda f: f.counted.turns
    ),
    _Number(
        "misses", "Records fetched because a turn missed them", _COUNTER, lambda f: f.counted.misses
    ),
    _Number("failed_turns", "Turns that raised", _COUNTER, lambda f: f.counted.failed_turns),
    _Number(
        "overloads",
        "Messages refused because a mailbox was full",
        _COUNTER,
        lambda f: f.counted.overloads,
    ),
    _Number("flushes", "Flushes that ended", _COUNTER, lambda f: f.counted.flushes),
    _Number(
        "flushes_unknown", "Flushes whose ending is unknown", _COUNTER, lambda f: f.counted.unknown
    ),
    _Number(
        "commits_refused",
        "Partition commits refused by the store",
        _COUNTER,
        lambda f: f.counted.fenced,
    ),
    _Number(
        "rollbacks",
        "Times a partition was found to have gone back",
        _COUNTER,
        lambda f: f.rollbacks,
    ),
    _Number(
        "mail_retries",
        "Tries to send a mail that failed for now",
        _COUNTER,
        lambda f: f.mail_retries,
    ),
    _Number("mailbox_depth", "Messages waiting now", _GAUGE, lambda f: f.depth),
    _Number("records_in_memory", "Records remembered now", _GAUGE, lambda f: f.remembered),
    _Number("partitions_owned", "Partitions owned now", _GAUGE, lambda f: f.owned),
    _Number("mails_pending", "Mails in hand now", _GAUGE, lambda f: f.mails_pending),
)
_LABELLED: Final = (
    _Numbers("refusals", "Requests refused by a limit", "rule", lambda f: f.counted.refusals),
    _Numbers("mails", "Mails by how they ended", "ending", lambda f: f.mails),
)
_SPREADS: Final = (
    _Spread("batch_messages", "Messages per work cycle", 1, lambda f: f.counted.batch),
    _Spread("flush_seconds", "How long flushes took", 1000, lambda f: f.counted.flush_ms),
)


def metrics_of_one(figures: HostFigures) -> Iterator[Metric]:
    """Yield the metrics of an only host, which needs no name."""
    return _metrics([((), figures)], ())


def metrics_of_many(hosts: Mapping[str, HostFigures]) -> Iterator[Metric]:
    """Yield the metrics of hosts by their names."""
    return _metrics([((name,), figures) for name, figures in hosts.items()], ("host",))


def _metrics(
    hosts: list[tuple[tuple[str, ...], HostFigures]], labels: tuple[str, ...]
) -> Iterator[Metric]:
    for name, meaning, kind, read in _NUMBERS:
        number = kind(f"doorward_{name}", meaning, labels=labels)
        for values, figures in hosts:
            number.add_metric(values, read(figures))
        yield number
    for name, meaning, label, read_all in _LABELLED:
        numbers = CounterMetricFamily(f"doorward_{name}", meaning, labels=(*labels, label))
        for values, figures in hosts:
            for value, count in read_all(figures).items():
                numbers.add_metric((*values, value), count)
        yield numbers
    for name, meaning, divisor, read_spread in _SPREADS:
        spread = HistogramMetricFamily(f"doorward_{name}", meaning, labels=labels)
        for values, figures in hosts:
            found = read_spread(figures)
            spread.add_metric(values, list(_buckets(found, divisor)), found.sum / divisor)
        yield spread


def _buckets(histogram: Histogram, divisor: int) -> Iterator[tuple[str, float]]:
    running = 0
    bounds = [*(str(bound / divisor) for bound in histogram.bounds), "+Inf"]
    for bound, count in zip(bounds, histogram.counts, strict=True):
        running += count
        yield bound, float(running)
