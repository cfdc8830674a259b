"""Whether the Ray cluster that a process belongs to is still the one at its address.

A head that is lost takes its cluster along: within a minute Ray ends whatever belonged to it. But
when another head is started in its place before that, as an orchestrator does within seconds, Ray
ends nothing. The nodes of the old cluster go on; a host there keeps the partitions that it has,
renews its leases, and nobody of the new cluster can get them, or ask it. So whoever has heard of no
steward for a while looks whose head there is, and ends when it is another one's.

A steward that is merely away changes nothing: the head is the same, and everybody goes on.
"""

import asyncio
from typing import Final

import ray
from ray._raylet import GcsClient  # type: ignore[attr-defined] # pyright: ignore[reportAttributeAccessIssue]
from ray.exceptions import AuthenticationError, RayError

from doorward.actors.clocks import boot_seconds
from doorward.actors.cluster.reaching import knock
from doorward.actors.errors import ClusterRefused

UNHEARD_SECONDS: Final = 5.0
"""Of a steward; another one is usually there after that long."""
LOOK_SECONDS: Final = 2.0


class Membership:
    """When a steward was last heard of, and what to conclude."""

    def __init__(self) -> None:
        """Take it that one was heard just now."""
        self._heard_at = boot_seconds()

    def hear(self) -> None:
        """Note that a steward was heard of."""
        self._heard_at = boot_seconds()

    async def ended(self) -> None:
        """Return when the cluster has been replaced by another one; never otherwise."""
        while not (self._is_unheard() and await asyncio.to_thread(_is_replaced)):  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(LOOK_SECONDS)

    def _is_unheard(self) -> bool:
        return boot_seconds() > self._heard_at + UNHEARD_SECONDS


def _is_replaced() -> bool:
    """Tell whether another cluster's head is where ours was. Blocks for up to some seconds.

    ``ray.nodes`` must not be asked: it ends the process when the answer is another cluster's.
    """
    address = ray.get_runtime_context().gcs_address
    ours = ray._private.worker.global_worker.gcs_client.cluster_id  # type: ignore[attr-defined] # noqa: SLF001 # pyright: ignore[reportPrivateImportUsage, reportAttributeAccessIssue]
    try:
        knock(address)
        return bool(GcsClient(address=address).cluster_id != ours)
    except AuthenticationError:
        # Ours took our token.
        return True
    except (ClusterRefused, RayError, RuntimeError):
        return False
