import asyncio
from pathlib import Path
from shutil import copytree, ignore_patterns, rmtree

import pytest

from tests.http.doors import Setup, opened
from tests.http.shops import open_shop
from tests.http.store_server import StoreServer

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_store_put_back_under_a_living_server_arms_no_code_again(
    fragile_store: StoreServer, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    own = tmp_path / "own"
    own.mkdir()
    async with opened(fragile_store, own, Setup(lease_seconds=1.0)) as door:
        shop = await open_shop(door)
        session = await shop.session()
        await shop.request_code()
        code = await shop.code()
        copytree(fragile_store.folder, copy, ignore=ignore_patterns("s"))
        used = await shop.verify(code)

        fragile_store.kill()
        put_back(copy, fragile_store.folder)
        fragile_store.start()
        async with asyncio.timeout(20):
            while not door.system.ownership.rollbacks or not door.system.is_ready():
                await door.client.get("/healthz")
        again = await shop.verify(code)

        assert used.status == 200
        assert again.status == 401
        assert any("went back" in trouble for trouble in door.troubles)
        assert await shop.is_signed_in(session)
        assert not await shop.is_signed_in(used.cookie("portal-"))
        assert (await shop.sign_in()).status == 200


def put_back(copy: Path, folder: Path) -> None:
    """Let a store's folder hold what its copy holds."""
    for path in folder.iterdir():
        if path.is_dir():
            rmtree(path)
        else:
            path.unlink()
    copytree(copy, folder, dirs_exist_ok=True)
