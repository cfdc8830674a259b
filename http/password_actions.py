"""Taking an action that may need a password: it is asked for, hashed here, and set by its hash.

A password never crosses to the storefront. It says whether one is needed at all and long enough,
then HTTP looks at the password itself and hashes it, and only then is the token spent.
"""

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from msgspec.structs import replace

from doorward.actors.finishing import finish
from doorward.actors.messages.account import NewPassword, TakeAction
from doorward.actors.messages.envelope import Outcome
from doorward.actors.messages.refusals import Invalid
from doorward.actors.messages.store import ResetBegun
from doorward.http import passwords

Ask = Callable[[TakeAction], Coroutine[Any, Any, Outcome]]
Hash = Callable[[str], Awaitable[str]]


async def taken(ask: Ask, hashed: Hash, message: TakeAction, password: str | None) -> Outcome:
    """Take an action, with the password that came along, if one did.

    Args:
        ask: Asks the storefront.
        hashed: Hashes a password in the storefront's line (``HashingGate.hash``).
        message: What is asked.
        password: As it was typed; most actions take no notice of it.

    Raises:
        Overloaded: When too many passwords are being hashed; the token lives on.
    """
    if password is None:
        return await ask(message)
    password = passwords.normalised(password)
    length = len(password)
    begun = await ask(replace(message, password=NewPassword(length)))
    if not isinstance(begun, ResetBegun):
        return begun
    for rule in passwords.faults(password):
        return Invalid(name="password", rule=rule)
    set_ = replace(message, password=NewPassword(length, await hashed(password)))
    # To its end also when the client has gone: the token is spent, whoever is there to hear it.
    return await finish(ask(set_))
