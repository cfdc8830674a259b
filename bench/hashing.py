"""The ceiling of logins: argon2-cffi with Doorward's parameters on every core, and nothing else."""

import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from argon2 import PasswordHasher

from bench.shoppers import PASSWORD


def main(seconds: float) -> None:
    """Compare a password for so long, and print how often a second."""
    hasher = PasswordHasher(memory_cost=19_456, time_cost=2, parallelism=1)
    kept, cores = hasher.hash(PASSWORD), os.cpu_count() or 1
    until = time.perf_counter() + seconds

    def compare() -> int:
        done = 0
        while time.perf_counter() < until:
            hasher.verify(kept, PASSWORD)
            done += 1
        return done

    began = time.perf_counter()
    with ThreadPoolExecutor(cores) as pool:
        done = sum(each.result() for each in [pool.submit(compare) for _ in range(cores)])
    sys.stdout.write(f"{done / (time.perf_counter() - began):.3f}\n")


if __name__ == "__main__":
    main(float(sys.argv[1]))
