import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.actors import partitions
from doorward.actors.partitions import PARTITIONS, SLUG, is_slug, partition_of

SLUGS = st.from_regex(SLUG, fullmatch=True)


@pytest.mark.parametrize("slug", ["abc", "a-1", "0shop9", "a" * 40, "a--b"])
def test_slugs_are_lower_case_letters_digits_and_dashes(slug: str) -> None:
    assert is_slug(slug)


@pytest.mark.parametrize(
    "slug",
    [
        *("", "a", "ab", "-ab", "ab-", "a" * 41, "Abc", "a_b", "a.b", "a b", "abc\n", "~12"),
        *("{x}c", "a*c", "a\r\nc", "..", "\uff21lpha", "\uff41lpha", "a\x00c", "añb", "a" * 10_000),
    ],
)
def test_nothing_else_is_a_slug(slug: str) -> None:
    assert not is_slug(slug)


def test_a_slugs_partition_never_changes() -> None:
    # These lie in stores already: another hash would look for them elsewhere.
    assert [partition_of(slug) for slug in ("alpha", "bravo", "shop-3")] == [180, 6, 180]


def test_slugs_are_spread_over_all_partitions() -> None:
    counts = [0] * PARTITIONS
    for number in range(25_600):
        counts[partition_of(f"storefront-{number}")] += 1

    assert min(counts) > 50
    assert max(counts) < 160


@given(SLUGS)
def test_keys_of_a_slug_lie_in_its_partitions_slot(slug: str) -> None:
    index = partition_of(slug)

    assert 0 <= index < PARTITIONS
    for key in (
        f"{partitions.record_prefix(slug)}email:1",
        f"{partitions.shared_prefix(index)}key-owner:1",
        partitions.partition_key(index),
        partitions.outbox_key(index),
        partitions.roster_key(index),
    ):
        assert key.startswith(partitions.partition_prefix(index))
        assert key[key.index("{") + 1 : key.index("}")] == str(index)


@given(SLUGS)
def test_a_records_kind_is_read_from_its_key(slug: str) -> None:
    assert partitions.kind_of(f"{partitions.record_prefix(slug)}mail-page:a:b") == "mail-page"
    assert partitions.kind_of(f"{partitions.shared_prefix(3)}key-owner:1") == "key-owner"


@given(SLUGS, SLUGS)
def test_no_storefronts_keys_begin_like_anothers(one: str, other: str) -> None:
    first, second = partitions.record_prefix(one), partitions.record_prefix(other)

    assert (one == other) == second.startswith(first)


@pytest.mark.parametrize("partition", [0, 7, PARTITIONS - 1])
def test_a_partitions_shared_records_have_an_actor_of_their_own(partition: int) -> None:
    name = partitions.shared_name(partition)

    assert partition_of(name) == partition
    assert not is_slug(name)


@pytest.mark.parametrize(
    ("secret", "shard"),
    [
        ("pk_live_0000b4_" + "x" * 43, 0xB4),
        ("sk_live_ffff07_" + "-" * 43, 7),
        ("sk_live_0000B4_" + "x" * 43, None),
        ("sk_live_0000b4_" + "x" * 42, None),
        ("sk_live_0000b4_" + "x" * 44, None),
        ("sk_test_0000b4_" + "x" * 43, None),
        ("xk_live_0000b4_" + "x" * 43, None),
        ("sk_live_0000b4_" + "x" * 42 + "\n", None),
        ("", None),
    ],
)
def test_only_what_is_shaped_like_a_key_leads_somewhere(secret: str, shard: int | None) -> None:
    assert partitions.shard_of_key(secret) == shard
