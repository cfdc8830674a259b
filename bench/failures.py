"""What ends a benchmark early."""


class BenchFailed(Exception):
    """The benchmark cannot go on; says why in one sentence."""
