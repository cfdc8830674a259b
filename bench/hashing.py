"""The ceilings of logins: a comparison of passwords on every core, and nothing else.

``argon2-cffi`` is the library that most services use; ``libsodium`` is what Doorward compares with.
The parameters are the same.
"""

import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from argon2 import PasswordHasher

from bench.shoppers import PASSWORD
from doorward.http.argon2id import MEMORY_KIB, PASSES, Argon2id


def _with_argon2_cffi() -> Callable[[], bool]:
    hasher = PasswordHasher(memory_cost=MEMORY_KIB, time_cost=PASSES, parallelism=1)
    kept = hasher.hash(PASSWORD)
    return lambda: hasher.verify(kept, PASSWORD)


def _with_libsodium() -> Callable[[], bool]:
    hasher = Argon2id()
    kept = hasher.hash(PASSWORD)
    return lambda: hasher.matches(kept, PASSWORD)


_LIBRARIES: Final = {"argon2-cffi": _with_argon2_cffi, "libsodium": _with_libsodium}


def main(library: str, seconds: float) -> None:
    """Compare a password for so long, and print how often a second."""
    compare, cores = _LIBRARIES[library](), os.cpu_count() or 1
    until = time.perf_counter() + seconds

    def work() -> int:
        done = 0
        while time.perf_counter() < until:
            compare()
            done += 1
        return done

    began = time.perf_counter()
    with ThreadPoolExecutor(cores) as pool:
        done = sum(each.result() for each in [pool.submit(work) for _ in range(cores)])
    sys.stdout.write(f"{done / (time.perf_counter() - began):.3f}\n")


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
