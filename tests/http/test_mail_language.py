import pytest

from tests.http.doors import Door
from tests.http.knocking import Headers
from tests.http.shops import Shop, open_shop

pytestmark = pytest.mark.asyncio(loop_scope="session")

INDONESIAN = "kode Toko Uji Anda"
ENGLISH = "is your Toko Uji code"


async def subject_of(shop: Shop, headers: Headers) -> str:
    answer = await shop.request_code(headers=headers)
    assert answer.status == 200, answer.body
    return str((await shop.mails())[-1]["subject"])


@pytest.mark.parametrize(
    ("accept", "said"),
    [
        ("id-ID,id;q=0.9,en-US;q=0.8,en;q=0.7", INDONESIAN),
        ("en-GB,en;q=0.9,id;q=0.8", ENGLISH),
        ("de", ENGLISH),
        ("id;q=nonsense,,;;", ENGLISH),
    ],
)
async def test_a_code_is_mailed_in_the_language_it_was_asked_for_in(
    shop: Shop, accept: str, said: str
) -> None:
    assert said in await subject_of(shop, [("Accept-Language", accept)])


async def test_without_a_word_about_languages_a_code_is_mailed_in_english(shop: Shop) -> None:
    assert ENGLISH in await subject_of(shop, [])


@pytest.mark.parametrize(("locale", "said"), [("id", INDONESIAN), ("en", ENGLISH)])
async def test_a_storefronts_own_language_comes_before_the_askers(
    door: Door, locale: str, said: str
) -> None:
    shop = await open_shop(door, locale=locale)
    other = "en" if locale == "id" else "id"

    assert said in await subject_of(shop, [("Accept-Language", other)])


async def test_the_answer_to_a_request_is_the_same_in_every_language(shop: Shop) -> None:
    answers = [
        await shop.request_code(f"{language}@example.org", [("Accept-Language", language)])
        for language in ("en", "id")
    ]

    assert [answer.data for answer in answers] == [answers[0].data] * 2
