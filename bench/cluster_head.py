"""A Ray head with hosts on it, for as long as this process lives; says where once all is served.

Run as ``python -m bench.cluster_head HOSTS FILE``, with the settings of hosts in the environment.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path

import orjson

from doorward.actors.errors import ClusterRefused

_LOOK_SECONDS = 0.1
_SPARE_CPUS = 6


def main(hosts: int, told: Path) -> None:
    """Start, tell, wait until ended; without hosts it is a Ray head and nothing else."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_worker_niceness", "0")
    import ray  # noqa: PLC0415 - it reads its environment when it is imported

    ray.init(
        num_cpus=hosts + _SPARE_CPUS,
        include_dashboard=False,
        log_to_driver=False,
        namespace="doorward",
        _node_ip_address="127.0.0.1",
    )
    address = ray.get_runtime_context().gcs_address
    pids = asyncio.run(_hosting(hosts)) if hosts else []
    told.write_bytes(orjson.dumps({"address": address, "hosts": pids}))
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    ray.shutdown()


async def _hosting(hosts: int) -> list[int]:
    from doorward.actors.cluster.ray_cluster import Operator  # noqa: PLC0415 - as above

    operator = Operator.started(str(Path.cwd()))
    scaled = False
    while True:
        try:
            if not scaled:
                await operator.scale(hosts)
                scaled = True
            status = await operator.status()
        except ClusterRefused:
            await asyncio.sleep(_LOOK_SECONDS)
            continue
        live = [host.pid for host in status.hosts if host.state == "live"]
        if status.served == status.partitions and len(live) == hosts:
            return live
        await asyncio.sleep(_LOOK_SECONDS)


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    main(int(sys.argv[1]), Path(sys.argv[2]))
