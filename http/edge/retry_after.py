"""``Retry-After``: whole seconds, never too early."""


def whole_seconds(wait_ms: int) -> str:
    """Say a wait as ``Retry-After`` does (RFC 9110 §10.2.3).

    Args:
        wait_ms: How long to wait, in milliseconds; zero and less are allowed.

    Returns:
        Whole seconds, rounded up so that who obeys is never refused for coming early; at least 1,
        because 0 invites to ask again at once.
    """
    return str(max(1, -(-wait_ms // 1000)))
