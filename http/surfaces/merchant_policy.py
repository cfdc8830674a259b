"""The merchant surface's policy: what holds now, and changing some of it (contract §5, §7)."""

from typing import Final

import orjson

from doorward.actors.messages.envelope import Outcome
from doorward.actors.messages.merchant_settings import ChangePolicy, PolicyFound, ReadPolicy
from doorward.http.calls import Call
from doorward.http.edge import json_body
from doorward.http.replies import Failure, Reply
from doorward.http.surface import Handler
from doorward.http.surfaces.merchant_keys import Holder, keyed, refused, standing_of

PREFIX: Final = "/api/v1/merchant/policy"


async def read_policy(_call: Call, holder: Holder) -> Reply | Failure:
    """Read the policy: every field with the value it has."""
    return _found(await holder.ask(ReadPolicy(key_digest=holder.key_digest)))


async def change_policy(call: Call, holder: Holder) -> Reply | Failure:
    """Change what the body names, nested or dotted; all of it or nothing."""
    patch = orjson.dumps(await json_body.read(call.request))
    return _found(await holder.ask(ChangePolicy(key_digest=holder.key_digest, patch=patch)))


def _found(outcome: Outcome) -> Reply | Failure:
    if isinstance(outcome, PolicyFound):
        return Reply(200, orjson.Fragment(outcome.policy), standing_of(outcome))
    return refused(outcome)


ROUTES: Final[tuple[tuple[str, str, Handler], ...]] = (
    ("GET", PREFIX, keyed(read_policy)),
    ("PATCH", PREFIX, keyed(change_policy)),
)
