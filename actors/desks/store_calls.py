"""Calls on the store surface that come to nothing, which are counted all the same (contract §4)."""

from doorward.actors.desks.store_keys import store_keyed
from doorward.actors.messages.envelope import Outcome
from doorward.actors.messages.store import AdmitCall, Admitted
from doorward.actors.records.storefronts import Storefront
from doorward.actors.turns import Turn


@store_keyed
def admit_call(_turn: Turn, _storefront: Storefront, _message: AdmitCall) -> Outcome:
    """Let a call in that asks for nothing which can be decided."""
    return Admitted()
