"""The actor: routes a message to the desk that decides it, one turn at a time.

``decide`` is a plain function of message and turn (ledger, time, chance). It does no I/O and knows
neither Redis nor Ray; whoever calls it (``host``) makes it an actor by calling it for one message
at a time and letting no outcome leave before its writes are durable.
"""

from collections.abc import Callable
from typing import Any, Final

from doorward.actors import messages
from doorward.actors.desks import codes, keys, mails, sessions, storefronts
from doorward.actors.messages import Outcome, Request
from doorward.actors.turns import Turn

_DESKS: Final[dict[type[Request], Callable[[Turn, Any], Outcome]]] = {
    messages.RequestCode: codes.request_code,
    messages.VerifyCode: codes.verify_code,
    messages.VerifyLink: codes.verify_link,
    messages.ReadMe: sessions.read_me,
    messages.UpdateMe: sessions.update_me,
    messages.SignOut: sessions.sign_out,
    messages.ReadFront: storefronts.read_front,
    messages.PutStorefront: storefronts.put_storefront,
    messages.GetStorefront: storefronts.get_storefront,
    messages.DeleteStorefront: storefronts.delete_storefront,
    messages.EraseRecords: storefronts.erase_records,
    messages.AddKey: keys.add_key,
    messages.ListKeys: keys.list_keys,
    messages.RevokeKey: keys.revoke_key,
    messages.FindKey: keys.find_key,
    messages.ReadMail: mails.read_mail,
    messages.ClearMail: mails.clear_mail,
    messages.AdvanceClock: storefronts.advance_clock,
}


def decide(turn: Turn, message: Request) -> Outcome:
    """Run one turn.

    Raises:
        Miss: When a record it needs is not in memory; run it again once that is fetched.
    """
    return _DESKS[type(message)](turn, message)
