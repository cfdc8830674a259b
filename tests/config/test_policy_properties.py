import json
from itertools import pairwise

import msgspec
from hypothesis import assume, given
from hypothesis import strategies as st

from doorward.config.errors import ConfigurationError
from doorward.config.policy import (
    ASCENDING,
    TREE,
    Policy,
    apply,
    effective,
    effective_from_json,
    to_json,
)

NAMES = list(TREE.fields)


def fitting(name: str) -> st.SearchStrategy[int]:
    bounds = TREE.fields[name].bounds
    return st.booleans() if bounds is None else st.integers(*bounds)


@st.composite
def dotted_patches(draw: st.DrawFn) -> dict[str, object]:
    names = draw(st.lists(st.sampled_from(NAMES), unique=True))
    return {name: draw(st.none() | fitting(name)) for name in names}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
LEAVES = sorted({name.rpartition(".")[2] for name in NAMES})
WILD = st.dictionaries(
    st.sampled_from([*NAMES, *sorted(TREE.sections)]) | st.text(max_size=5),
    JSON | st.integers(1, 100) | st.dictionaries(st.sampled_from(LEAVES), st.integers(1, 700)),
    max_size=4,
)


def nested(dotted: dict[str, object]) -> dict[str, object]:
    result: dict[str, dict[str, object]] = {}
    for name, value in dotted.items():
        section, field = name.split(".")
        result.setdefault(section, {})[field] = value
    return dict(result)


def applied(overrides: dict[str, object], patch: dict[str, object]) -> dict[str, object] | None:
    try:
        return apply(overrides, patch)
    except ConfigurationError:
        return None


def flat(overrides: dict[str, object]) -> dict[str, object]:
    return {
        f"{section}.{field}": value
        for section, fields in overrides.items()
        if isinstance(fields, dict)
        for field, value in fields.items()
    }


@given(dotted_patches())
def test_nested_and_dotted_patches_mean_the_same(dotted: dict[str, object]) -> None:
    assert applied({}, nested(dotted)) == applied({}, dotted)


@given(dotted_patches())
def test_resetting_all_that_was_set_gives_the_defaults_back(dotted: dict[str, object]) -> None:
    overrides = applied({}, dotted)
    assume(overrides is not None)
    assert overrides is not None

    reset = apply(overrides, dict.fromkeys(flat(overrides)))

    assert reset == {}
    assert effective(reset) == Policy()


@given(dotted_patches(), dotted_patches())
def test_a_second_patch_wins_where_it_speaks_and_only_there(
    first: dict[str, object], second: dict[str, object]
) -> None:
    once = applied({}, first)
    twice = applied(once or {}, second)
    assume(once is not None and twice is not None)
    assert once is not None
    assert twice is not None

    expected = {name: value for name, value in (flat(once) | second).items() if value is not None}

    assert flat(twice) == expected


@given(WILD, WILD)
def test_whatever_is_sent_the_policy_stays_within_its_bounds(
    first: dict[str, object], second: dict[str, object]
) -> None:
    overrides = applied({}, first) or {}
    overrides = applied(overrides, second) or overrides

    shown = flat(to_json(effective(overrides)))

    assert set(shown) == set(NAMES)
    assert all(TREE.fields[name].accepts(value) for name, value in shown.items())
    for lesser, greater in (pair for chain in ASCENDING for pair in pairwise(chain)):
        assert json.dumps(shown[lesser]).isdigit()
        assert msgspec.convert(shown[lesser], int) <= msgspec.convert(shown[greater], int)


@given(st.sampled_from([name for name in NAMES if TREE.fields[name].bounds]), st.integers())
def test_a_number_out_of_bounds_is_never_accepted(name: str, value: int) -> None:
    low, high = TREE.fields[name].bounds or (0, 0)
    assume(not low <= value <= high)

    assert applied({}, {name: value}) is None
    assert applied({}, nested({name: value})) is None


@given(dotted_patches())
def test_what_is_stored_reads_back_as_what_was_set(dotted: dict[str, object]) -> None:
    overrides = applied({}, dotted)
    assume(overrides is not None)
    assert overrides is not None

    stored = msgspec.json.encode(overrides, order="sorted")

    assert effective_from_json(stored) == effective(overrides)
    assert apply({}, msgspec.json.decode(stored)) == overrides
    assert apply(overrides, {}) == overrides


@given(WILD)
def test_every_refusal_says_name_value_and_rule(patch: dict[str, object]) -> None:
    error = refusal(patch)

    assert error is None or (error.value and error.rule.startswith(("must ", "is not a policy")))
    assert error is None or len(str(error)) < 500


def refusal(patch: dict[str, object]) -> ConfigurationError | None:
    try:
        apply({}, patch)
    except ConfigurationError as error:
        return error
    return None
