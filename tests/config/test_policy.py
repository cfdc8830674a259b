import math
from typing import Annotated

import msgspec
import pytest

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
from doorward.config.policy_fields import number, tree_of

# The contract's numbers (§1, §2, §3, §7), written out a second time on purpose.
CONTRACT: dict[str, dict[str, int]] = {
    "codes": {
        "ttl": 600,
        "perEmailPerMinute": 3,
        "perEmailPerHour": 10,
        "perEmailPerDay": 20,
        "perAddressPerMinute": 60,
        "perStorefrontPerMinute": 600,
        "wrongPerCode": 5,
        "resendMinimumLeft": 300,
    },
    "verifications": {"perAddressPerMinute": 120, "perStorefrontPerMinute": 1_200},
    "guesses": {
        "perEmailPerHour": 10,
        "perEmailPerDay": 30,
        "perStorefrontPerHour": 300,
        "linkOnly": 86_400,
    },
    "sessions": {"ttl": 2_592_000, "perCustomer": 50},
    "devices": {"ttl": 15_552_000, "perCustomer": 20},
    "signIn": {"open": False},
    "orders": {
        "messagesPerAddressPerHour": 30,
        "claimsPerAddressPerHour": 30,
        "proofsPerAddressPerHour": 30,
    },
    "tokens": {"missesPerAddressPerMinute": 60},
    "keys": {"secretPerMinute": 1_000, "publishablePerMinute": 600},
    "passwords": {
        "lengthMinimum": 8,
        "wrongPerLock": 5,
        "window": 900,
        "lock": 900,
        "wrongInARow": 100,
        "loginsPerAddressPerMinute": 10,
        "signUpsPerAddressPerMinute": 5,
    },
    "refresh": {"ttl": 2_592_000, "family": 15_552_000, "graceSeconds": 0},
    "access": {"ttl": 3_600, "publicKeys": False},
}
BOUNDS = {
    "codes.ttl": (60, 600),
    "codes.perEmailPerMinute": (1, 100),
    "codes.perEmailPerHour": (1, 1_000),
    "codes.perEmailPerDay": (1, 1_000),
    "codes.perAddressPerMinute": (1, 10_000_000),
    "codes.perStorefrontPerMinute": (1, 10_000_000),
    "codes.wrongPerCode": (1, 10),
    "codes.resendMinimumLeft": (0, 600),
    "verifications.perAddressPerMinute": (1, 10_000_000),
    "verifications.perStorefrontPerMinute": (1, 10_000_000),
    "guesses.perEmailPerHour": (1, 1_000),
    "guesses.perEmailPerDay": (1, 1_000),
    "guesses.perStorefrontPerHour": (1, 10_000_000),
    "guesses.linkOnly": (86_400, 2_592_000),
    "sessions.ttl": (300, 2_592_000),
    "sessions.perCustomer": (1, 50),
    "devices.ttl": (3_600, 15_552_000),
    "devices.perCustomer": (1, 50),
    "orders.messagesPerAddressPerHour": (1, 10_000_000),
    "orders.claimsPerAddressPerHour": (1, 10_000_000),
    "orders.proofsPerAddressPerHour": (1, 10_000_000),
    "tokens.missesPerAddressPerMinute": (1, 10_000_000),
    "keys.secretPerMinute": (1, 10_000_000),
    "keys.publishablePerMinute": (1, 10_000_000),
    "passwords.lengthMinimum": (8, 15),
    "passwords.wrongPerLock": (1, 100),
    "passwords.window": (60, 86_400),
    "passwords.lock": (60, 86_400),
    "passwords.wrongInARow": (10, 10_000),
    "passwords.loginsPerAddressPerMinute": (1, 10_000_000),
    "passwords.signUpsPerAddressPerMinute": (1, 10_000_000),
    "refresh.ttl": (3_600, 7_776_000),
    "refresh.family": (3_600, 31_536_000),
    "refresh.graceSeconds": (0, 60),
    "access.ttl": (60, 86_400),
}


def refusal(
    patch: dict[str, object], overrides: dict[str, object] | None = None
) -> tuple[str, ...]:
    with pytest.raises(ConfigurationError) as raised:
        apply(overrides or {}, patch)
    error = raised.value
    assert str(error) == f"{error.name}={error.value!r}: {error.rule}"
    return error.name, error.value, error.rule


def test_without_overrides_a_policy_is_the_contract() -> None:
    assert effective({}) == Policy()
    assert to_json(Policy()) == CONTRACT


def test_every_field_is_shown_beside_an_override() -> None:
    policy = effective({"codes": {"perEmailPerMinute": 5}, "signIn": {"open": True}})

    assert policy.codes.per_email_per_minute == 5
    assert policy.sign_in.open
    assert to_json(policy) == CONTRACT | {
        "codes": {**CONTRACT["codes"], "perEmailPerMinute": 5},
        "signIn": {"open": True},
    }


def test_a_patch_may_be_nested_or_dotted_or_both() -> None:
    patch = {"codes": {"ttl": 300}, "guesses.perEmailPerDay": 40, "signIn": {}}

    assert apply({}, patch) == {"codes": {"ttl": 300}, "guesses": {"perEmailPerDay": 40}}


def test_a_patch_changes_only_what_it_names_and_neither_argument() -> None:
    overrides: dict[str, object] = {"codes": {"ttl": 300, "wrongPerCode": 3}}
    patch: dict[str, object] = {"codes": {"ttl": 120}}

    changed = apply(overrides, patch)

    assert changed == {"codes": {"ttl": 120, "wrongPerCode": 3}}
    assert overrides == {"codes": {"ttl": 300, "wrongPerCode": 3}}
    assert patch == {"codes": {"ttl": 120}}


def test_null_gives_a_field_its_default_back_and_leaves_no_empty_section() -> None:
    overrides: dict[str, object] = {"codes": {"ttl": 300}, "sessions": {"ttl": 300}}

    assert apply(overrides, {"codes.ttl": None}) == {"sessions": {"ttl": 300}}


def test_null_gives_a_whole_section_its_defaults_back() -> None:
    overrides: dict[str, object] = {
        "codes": {"ttl": 300, "wrongPerCode": 3},
        "signIn": {"open": True},
    }

    assert apply(overrides, {"codes": None}) == {"signIn": {"open": True}}


def test_an_override_equal_to_its_default_is_kept_as_the_operators_word() -> None:
    assert apply({}, {"codes.ttl": 600}) == {"codes": {"ttl": 600}}


def test_overrides_are_stored_in_the_order_of_declaration_whatever_the_patch() -> None:
    changed = apply({}, {"sessions.ttl": 300, "codes.wrongPerCode": 3, "codes.ttl": 60})

    assert list(changed) == ["codes", "sessions"]
    assert msgspec.json.encode(changed["codes"]) == b'{"ttl":60,"wrongPerCode":3}'


@pytest.mark.parametrize("name", BOUNDS)
def test_a_number_is_accepted_up_to_its_bounds_and_not_past_them(name: str) -> None:
    low, high = BOUNDS[name]
    section, field = name.split(".")

    for value in (low, high):
        stored = apply({}, out_of_the_way(name) | {name: value})
        assert to_json(effective(stored))[section][field] == value
    for value in (low - 1, high + 1, -high):
        told = refusal({name: value})
        assert told[:2] == (name, str(value))
        assert told[2].startswith(f"must be a whole number from {low} to {high} (")


def out_of_the_way(name: str) -> dict[str, object]:
    for chain in ASCENDING:
        if name in chain:
            at = chain.index(name)
            lesser, greater = chain[:at], chain[at + 1 :]
            return {**dict.fromkeys(lesser, 1), **dict.fromkeys(greater, 1_000)}
    return {}


def test_the_bounds_cover_every_number() -> None:
    numbers = {name for name, field in TREE.fields.items() if field.bounds is not None}

    assert numbers == set(BOUNDS)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (True, "true"),
        (300.0, "300.0"),
        ("300", '"300"'),
        ([300], "an array"),
        ({"value": 300}, "an object"),
        (math.nan, "NaN"),
        pytest.param(10**5_000, "a value of type int", id="a number too long to write"),
        ("x" * 500, f'"{"x" * 79}…'),
    ],
)
def test_what_is_not_a_whole_number_is_refused_where_one_is_asked(
    value: object, shown: str
) -> None:
    assert refusal({"codes": {"ttl": value}}) == (
        "codes.ttl",
        shown,
        "must be a whole number from 60 to 600 (seconds)",
    )


@pytest.mark.parametrize("name", [name for name, (low, _) in BOUNDS.items() if low <= 1])
def test_true_is_not_taken_for_one(name: str) -> None:
    assert refusal({name: True})[:2] == (name, "true")


@pytest.mark.parametrize(("value", "shown"), [(1, "1"), (0, "0"), ("true", '"true"')])
def test_what_is_not_true_or_false_is_refused_where_that_is_asked(
    value: object, shown: str
) -> None:
    assert refusal({"signIn.open": value}) == ("signIn.open", shown, "must be true or false")


@pytest.mark.parametrize(
    ("patch", "name", "meant"),
    [
        ({"codes": {"tll": 60}}, "codes.tll", ", did you mean codes.ttl?"),
        (
            {"codes.per_email_per_minute": 5},
            "codes.per_email_per_minute",
            "codes.perEmailPerMinute?",
        ),
        ({"signin": {"open": True}}, "signin", ", did you mean signIn?"),
        ({"Codes.TTL": 60}, "Codes.TTL", ", did you mean codes.ttl?"),
        ({"codes": {"ttl.x": 60}}, "codes.ttl.x", ", did you mean codes.ttl?"),
        ({"codes": {"codes.ttl": 60}}, "codes.codes.ttl", ", did you mean codes.ttl?"),
        ({"": 1}, "", ""),
        ({"\ud800": 1}, "\ud800", ""),
        ({"z" * 100_000: 1}, "z" * 80 + "…", ""),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest_known_one(
    patch: dict[str, object], name: str, meant: str
) -> None:
    told = refusal(patch)

    assert told[0] == name
    assert told[2].startswith("is not a policy of Doorward")
    assert told[2].endswith(meant)


@pytest.mark.parametrize("value", [5, True, "ttl", ["ttl"]])
def test_a_section_that_is_no_object_is_refused(value: object) -> None:
    assert refusal({"codes": value})[0::2] == ("codes", "must be an object, or null to reset it")


@pytest.mark.parametrize(
    "patch",
    [
        {"codes": {"ttl": 60}, "codes.ttl": 60},
        {"codes.ttl": None, "codes": {"ttl": 60}},
        {"codes": None, "codes.ttl": 60},
        {"codes.ttl": 60, "codes": None},
    ],
)
def test_a_field_that_a_patch_sets_twice_is_refused(patch: dict[str, object]) -> None:
    assert refusal(patch)[0::2] == ("codes.ttl", "must be set once in a patch")


def test_a_shorter_window_cannot_hold_more_than_a_longer_one() -> None:
    told = refusal({"codes.perEmailPerMinute": 11})

    assert told == (
        "codes.perEmailPerMinute",
        "11",
        "must be at most codes.perEmailPerHour, which is 10",
    )


def test_the_refusal_names_the_field_that_the_patch_touched() -> None:
    told = refusal({"codes.perEmailPerDay": 9})

    assert told == (
        "codes.perEmailPerDay",
        "9",
        "must be at least codes.perEmailPerHour, which is 10",
    )


def test_a_reset_that_would_put_the_windows_out_of_order_is_refused() -> None:
    overrides: dict[str, object] = {"guesses": {"perEmailPerHour": 50, "perEmailPerDay": 60}}

    told = refusal({"guesses.perEmailPerDay": None}, overrides)

    assert told[0::2] == (
        "guesses.perEmailPerDay",
        "must be at least guesses.perEmailPerHour, which is 50",
    )


def test_windows_may_be_raised_together() -> None:
    codes = {"perEmailPerMinute": 100, "perEmailPerHour": 100, "perEmailPerDay": 100}

    assert apply({}, {"codes": codes}) == {"codes": codes}


def test_limits_of_one_kind_can_be_raised_alone_for_a_load_test() -> None:
    raised = {
        "codes.perAddressPerMinute": 10_000_000,
        "verifications.perAddressPerMinute": 10_000_000,
        "guesses.perStorefrontPerHour": 10_000_000,
    }

    for name, value in raised.items():
        assert apply({}, {name: value})


def test_stored_overrides_are_read_once_and_remembered() -> None:
    stored = b'{"codes":{"ttl":120}}'

    first, second = effective_from_json(stored), effective_from_json(bytes(bytearray(stored)))

    assert first.codes.ttl == 120
    assert second is first


@pytest.mark.parametrize("stored", [b"", b"{", b"[]", b"null", b"\xff"])
def test_stored_overrides_that_cannot_be_read_are_refused(stored: bytes) -> None:
    with pytest.raises(ConfigurationError, match="must be a JSON object"):
        effective_from_json(stored)


def test_stored_overrides_that_break_a_rule_are_refused_not_ignored() -> None:
    with pytest.raises(ConfigurationError, match=r"codes\.wrongPerCode"):
        effective({"codes": {"wrongPerCode": 11}})


def test_a_policy_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        Policy().codes.ttl = 1  # type: ignore[misc]


def test_every_field_says_what_it_means_its_unit_its_source_and_a_default_in_bounds() -> None:
    for name, field in TREE.fields.items():
        assert field.meaning.endswith("."), name
        assert all([field.unit, field.source]), name
        assert field.accepts(field.default), name


def test_a_field_without_a_declaration_cannot_even_be_imported() -> None:
    class Section(msgspec.Struct):
        count: int = 1

    with pytest.raises(TypeError, match="count declares no meaning"):
        tree_of(Section)


def test_a_field_without_a_default_or_bounds_cannot_even_be_imported() -> None:
    declared = number("things", low=1, high=2, meaning="Things.", source="ours")

    class Needed(msgspec.Struct):
        count: Annotated[int, declared]

    class Endless(msgspec.Struct):
        count: Annotated[int, msgspec.Meta(description="Things.")] = 1

    with pytest.raises(TypeError, match="count has no default"):
        tree_of(Needed)
    with pytest.raises(TypeError, match="count is neither a bounded number nor a choice"):
        tree_of(Endless)


def test_the_json_schema_of_a_policy_states_its_bounds() -> None:
    schema = msgspec.json.schema(Policy)["$defs"]["Codes"]["properties"]["ttl"]

    assert (schema["minimum"], schema["maximum"], schema["default"]) == (60, 600, 600)
