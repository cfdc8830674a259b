import asyncio

from doorward.actors.keyring import KEY_BYTES
from doorward.actors.tokens import base64url
from tests.cluster.clusters import Cluster, disguised
from tests.cluster.crowds import Crowd
from tests.http.knocking import client_from
from tests.http.shops import Storefront


async def test_an_http_process_of_another_release_is_not_ready_and_answers_503(
    cluster: Cluster, crowd_anyhow: Crowd
) -> None:
    known = crowd_anyhow.fronts
    session = await known[0].session("both@x.io")
    async with cluster.served(**disguised(VOCABULARY="of-another-release")) as stranger:
        async with client_from(stranger.origin) as client:
            fronts = [Storefront(client, front.slug, front.key) for front in known]
            ready = [await client.get("/readyz")]
            answers = await asyncio.gather(
                *(front.me(session) for front in fronts),
                *(front.request_code("new@x.io") for front in fronts),
                *(front.sign_out(session) for front in fronts),
            )
            ready.append(await client.get("/readyz"))
        log = stranger.log.read()

    assert [answer.status for answer in ready] == [503, 503]
    assert {answer.status for answer in answers} == {503}
    assert all(int(answer.headers["Retry-After"]) >= 1 for answer in answers)
    assert "VocabularyDiffers" in log
    assert await known[0].is_signed_in(session)


async def test_an_http_process_with_other_master_keys_is_let_in_by_no_host(
    cluster: Cluster, crowd_anyhow: Crowd
) -> None:
    front = crowd_anyhow.fronts[0]
    session = await front.session("both@x.io")
    async with cluster.served(DOORWARD_MASTER_KEY=base64url(bytes(KEY_BYTES))) as stranger:
        async with client_from(stranger.origin) as client:
            ready = await client.get("/readyz")
            answer = await Storefront(client, front.slug, front.key).me(session)
        log = stranger.log.read()

    assert (ready.status, answer.status) == (503, 503)
    assert "are its master keys others?" in log
    assert await front.is_signed_in(session)
