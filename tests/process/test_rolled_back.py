from pathlib import Path
from shutil import copytree, rmtree

from tests.process.servers import serving


async def test_a_store_put_back_to_an_earlier_state_arms_no_code_again(tmp_path: Path) -> None:
    store, copy = tmp_path / "data" / "redis", tmp_path / "copy"
    async with serving(tmp_path) as server:
        front = await server.open_sandbox()
        session = await front.session()
        for email in ("used@x.io", "unused@x.io"):
            await front.request_code(email)
        used, unused = await front.code("used@x.io"), await front.code("unused@x.io")
        assert await server.end() == 0
    copytree(store, copy)
    async with serving(tmp_path) as server:
        front = server.storefront(front)
        assert (await front.verify(used, email="used@x.io")).status == 200
        no_alarm = await server.metric("doorward_rollbacks_total")
        assert await server.end() == 0
    rmtree(store)
    copytree(copy, store)

    async with serving(tmp_path) as server:
        front = server.storefront(front)

        again = await front.verify(used, email="used@x.io")
        never_used = await front.verify(unused, email="unused@x.io")
        alarm = await server.metric("doorward_rollbacks_total")
        troubles = [line["what"] for line in server.log("trouble")]

        assert no_alarm == 0
        assert again.status == 401
        assert never_used.status == 401
        assert alarm > 0
        assert any("went back" in what for what in troubles)
        assert await front.is_signed_in(session)
        assert (await front.sign_in("used@x.io")).status == 200
        assert await server.end() == 0

    async with serving(tmp_path) as server:
        assert await server.metric("doorward_rollbacks_total") == 0
        assert await server.storefront(front).is_signed_in(session)
