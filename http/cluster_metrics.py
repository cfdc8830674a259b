"""What an HTTP process in a cluster tells: what its couriers carry, and what hosts told it."""

from collections.abc import Iterator, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from doorward.actors.cluster.courier import Courier
from doorward.actors.cluster.system import ClusterSystem
from doorward.actors.figures import HostFigures
from doorward.http.host_metrics import metrics_of_many


class ClusterCollector(Collector):
    """Reads one cluster system."""

    def __init__(self, system: ClusterSystem) -> None:
        self._system = system

    def collect(self) -> Iterator[Metric]:
        """Yield every metric as it stands."""
        system = self._system
        yield GaugeMetricFamily(
            "doorward_ready", "1 when there is a host for every partition", value=system.is_ready()
        )
        yield GaugeMetricFamily(
            "doorward_table_version", "Version of the table gone by", value=system.table.version
        )
        yield CounterMetricFamily(
            "doorward_rerouted", "Messages sent again to another host", value=system.rerouted
        )
        for name, meaning, kind, read in _OF_COURIERS:
            family = kind(f"doorward_{name}", meaning, labels=["host"])
            for host, courier in system.couriers.items():
                family.add_metric([host], read(courier))
            yield family


class HostsCollector(Collector):
    """Reads what hosts told, and who of them told nothing."""

    def __init__(self, hosts: Mapping[str, HostFigures | None]) -> None:
        self._hosts = hosts

    def collect(self) -> Iterator[Metric]:
        """Yield every metric as it was told."""
        up = GaugeMetricFamily("doorward_host_up", "1 when the host answers", labels=["host"])
        for name, figures in self._hosts.items():
            up.add_metric([name], figures is not None)
        yield up
        told = {name: figures for name, figures in self._hosts.items() if figures is not None}
        yield from metrics_of_many(told)


def _calls(courier: Courier) -> float:
    return courier.calls


def _carried(courier: Courier) -> float:
    return courier.carried


def _lost(courier: Courier) -> float:
    return courier.lost


def _depth(courier: Courier) -> float:
    return courier.depth


def _down(courier: Courier) -> float:
    return courier.down


_OF_COURIERS = (
    ("courier_calls", "Calls made to a host", CounterMetricFamily, _calls),
    ("courier_messages", "Messages carried to a host", CounterMetricFamily, _carried),
    ("courier_lost", "Messages whose outcome nobody knows", CounterMetricFamily, _lost),
    ("courier_depth", "Messages that wait for a call", GaugeMetricFamily, _depth),
    ("courier_down", "1 while a host does not answer", GaugeMetricFamily, _down),
)
