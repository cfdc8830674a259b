from pathlib import Path

from tests.http.shops import Storefront
from tests.process.promises import Promises, shoppers
from tests.process.servers import serving

KILLS = 5
PROMISES_EACH = 30


async def test_a_server_killed_under_load_keeps_every_promise(tmp_path: Path) -> None:
    promises = Promises()
    front: Storefront | None = None

    for _ in range(KILLS):
        async with serving(tmp_path) as server:
            if front is None:
                front = await server.open_sandbox()
            else:
                front = server.storefront(front)
                await promises.hold(front)
            async with shoppers(front, promises):
                await promises.until(PROMISES_EACH)
                server.kill()

    assert front is not None
    async with serving(tmp_path) as server:
        await promises.hold(server.storefront(front))
        refused = await server.metric("doorward_commits_refused_total")
    assert promises.made >= KILLS * PROMISES_EACH
    assert min(len(promises.signed_in), len(promises.signed_out), len(promises.asked)) >= KILLS
    assert refused == 0
