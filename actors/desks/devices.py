"""Known devices: what a customer has signed in with before, known by a secret of its own."""

from msgspec.structs import replace

from doorward.actors import tokens
from doorward.actors.records.sign_in import Customer, Device
from doorward.actors.turns import Turn
from doorward.config.policy import Policy


def is_known(turn: Turn, customer: Customer | None, presented: str | None) -> bool:
    """Tell whether a device, by its secret's SHA-256, is one of a customer's and not too old."""
    return customer is not None and any(
        known.digest == presented and turn.now_ms < known.expires_at_ms
        for known in customer.devices
    )


def kept_or_minted(
    turn: Turn, customer: Customer, presented: str | None, policy: Policy
) -> tuple[Customer, str | None]:
    """Keep a good device, or mint one; past the bound the oldest are forgotten.

    Returns:
        The customer as it must be kept now, not staged here; and the new device's secret, None
        where the one that was presented is good.
    """
    if is_known(turn, customer, presented):
        return customer, None
    live = [known for known in customer.devices if turn.now_ms < known.expires_at_ms]
    secret = tokens.secret(turn.random)
    expires_at_ms = turn.now_ms + policy.devices.ttl * 1000
    kept = live[max(0, len(live) + 1 - policy.devices.per_customer) :]
    devices = (*kept, Device(tokens.digest(secret), expires_at_ms))
    return replace(customer, devices=devices), secret
