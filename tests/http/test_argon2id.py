"""What is kept of a password; argon2-cffi, another implementation, is asked to agree."""

import subprocess
import sys

import pytest
from argon2 import PasswordHasher, Type, extract_parameters
from argon2.exceptions import VerifyMismatchError
from hypothesis import given, settings
from hypothesis import strategies as st

from doorward.http.argon2id import MEMORY_KIB, PASSES, Argon2id, UnreadableHash

PASSWORD = "correct horse battery staple"
CHEAP = Argon2id(memory_kib=8, passes=1)
OTHERS = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
NUL_AND_MORE = "a\0b ß 界 " * 60


def test_a_hash_has_the_contracts_parameters() -> None:
    made = extract_parameters(Argon2id().hash(PASSWORD))

    assert made.type is Type.ID
    assert (made.memory_cost, made.time_cost, made.parallelism) == (19_456, 2, 1)
    assert (made.version, made.salt_len, made.hash_len) == (19, 16, 32)
    assert (MEMORY_KIB, PASSES) == (19_456, 2)


def test_a_known_hash_is_matched() -> None:
    # Made by argon2-cffi 25.1, as Doorward did before.
    known = (
        "$argon2id$v=19$m=19456,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg"
        "$rk2Mi3E4dgRMg0fHaYaptWVZRKqs//6b6k3/nntqGJk"
    )

    assert Argon2id().matches(known, "correct horse")
    assert not Argon2id().matches(known, "correct horsf")


@settings(max_examples=50, deadline=None)
@given(
    password=st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=256)
    | st.just(NUL_AND_MORE),
    memory_kib=st.integers(8, 64),
    passes=st.integers(1, 3),
)
def test_both_implementations_agree(password: str, memory_kib: int, passes: int) -> None:
    ours = Argon2id(memory_kib=memory_kib, passes=passes)
    theirs = PasswordHasher(time_cost=passes, memory_cost=memory_kib, parallelism=1)

    assert theirs.verify(ours.hash(password), password)
    assert CHEAP.matches(theirs.hash(password), password)
    with pytest.raises(VerifyMismatchError):
        theirs.verify(ours.hash(password), f"{password}.")
    assert not CHEAP.matches(theirs.hash(password), f"{password}.")


def test_two_hashes_of_one_password_differ() -> None:
    assert CHEAP.hash(PASSWORD) != CHEAP.hash(PASSWORD)


@pytest.mark.parametrize(
    "stored",
    [
        "",
        "plain",
        "$argon2id$v=19$m=1",
        "$2b$12$" + "x" * 53,
        PasswordHasher(time_cost=1, memory_cost=8, parallelism=1, type=Type.I).hash(PASSWORD),
        PasswordHasher(time_cost=1, memory_cost=16, parallelism=2).hash(PASSWORD),
        PasswordHasher(time_cost=1, memory_cost=8, parallelism=1, salt_len=8).hash(PASSWORD),
        PasswordHasher(time_cost=1, memory_cost=8, parallelism=1, hash_len=16).hash(PASSWORD),
        OTHERS.hash(PASSWORD).replace("v=19", "v=16"),
        OTHERS.hash(PASSWORD).replace("m=8", "m=7"),
        OTHERS.hash(PASSWORD).replace("m=8", "m=9999999999"),
        OTHERS.hash(PASSWORD).replace("t=1", "t=9999999999"),
        OTHERS.hash(PASSWORD).replace("t=1", "t=0"),
        OTHERS.hash(PASSWORD) + "\n",
        OTHERS.hash(PASSWORD) + "=",
    ],
)
def test_what_was_not_made_here_cannot_be_read(stored: str) -> None:
    with pytest.raises(UnreadableHash) as raised:
        CHEAP.matches(stored, PASSWORD)

    assert PASSWORD not in str(raised.value)


@pytest.mark.parametrize(
    ("memory_kib", "passes", "is_lesser"),
    [(64, 2, False), (63, 2, True), (64, 1, True), (65, 2, False), (64, 3, False), (65, 1, True)],
)
def test_less_memory_or_fewer_passes_are_lesser(
    memory_kib: int,
    passes: int,
    is_lesser: bool,  # noqa: FBT001 - what is expected
) -> None:
    stored = Argon2id(memory_kib=memory_kib, passes=passes).hash(PASSWORD)

    assert Argon2id(memory_kib=64, passes=2).is_lesser(stored) is is_lesser


OUT_OF_MEMORY = """
import resource
from doorward.http.argon2id import Argon2id
Argon2id(memory_kib=8).hash("warm")
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 2**20, used + 2**20))
try:
    Argon2id().hash("x")
except MemoryError:
    print("said so")
"""


def test_where_there_is_no_memory_it_says_so() -> None:
    told = subprocess.run(
        [sys.executable, "-P", "-c", OUT_OF_MEMORY], capture_output=True, text=True, check=True
    )

    assert told.stdout == "said so\n"
