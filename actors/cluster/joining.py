"""Joining a cluster: the one place that finds out whether Ray is installed."""

from doorward.actors.blobs.store import BlobStore
from doorward.actors.cluster.system import ClusterSystem
from doorward.actors.errors import ClusterRefused
from doorward.actors.keyring import Keyring
from doorward.actors.logs import Troubles

_MISSING = "Ray is not installed here: install Doorward with its extra, doorward[cluster]"


def join(address: str) -> None:
    """Join the Ray cluster at an address, before any event loop runs. Blocks for seconds.

    Raises:
        ClusterRefused: When Ray is not installed, cannot be reached or refuses us.
    """
    demand_ray()
    from doorward.actors.cluster import ray_cluster  # noqa: PLC0415 - an extra

    ray_cluster.connect(address)


def demand_ray() -> None:
    """Demand that Ray is installed. Blocks for a second, in which it is imported.

    Raises:
        ClusterRefused: It is not.
    """
    try:
        import doorward.actors.cluster.ray_cluster  # noqa: F401, PLC0415 - an extra
    except ModuleNotFoundError as error:
        raise ClusterRefused(f"{_MISSING} ({error.name} is missing)") from error


async def open_cluster(blobs: BlobStore | None, keyring: Keyring) -> ClusterSystem:
    """Open the way to the hosts of the cluster that was joined.

    Raises:
        NoHosts: When nobody in it tells who hosts what.
    """
    from doorward.actors.cluster import ray_cluster  # noqa: PLC0415 - an extra

    system = ClusterSystem(ray_cluster.RayHosts(keyring), blobs=blobs, on_trouble=Troubles())
    await system.start()
    return system
