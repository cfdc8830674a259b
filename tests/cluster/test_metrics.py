from tests.cluster.clusters import Cluster
from tests.cluster.crowds import Crowd
from tests.http.knocking import client_from


async def test_every_http_process_tells_how_all_hosts_stand(cluster: Cluster, crowd: Crowd) -> None:
    async with crowd.shopping():
        await crowd.until(2)
    hosts = await cluster.hosts()

    for server in cluster.servers:
        async with client_from(server.told("Metrics").removesuffix("/metrics")) as client:
            lines = (await client.get("/metrics/hosts")).raw.decode().splitlines()

        told = dict(line.split(" ") for line in lines if line.startswith("doorward_"))
        for name in hosts:
            assert told[f'doorward_host_up{{host="{name}"}}'] == "1.0"
            assert float(told[f'doorward_asks_total{{host="{name}"}}']) > 0
            assert told[f'doorward_partitions_owned{{host="{name}"}}'] == "128.0"
