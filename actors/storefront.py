"""The actor: routes a message to the desk that decides it, one turn at a time.

``decide`` is a plain function of message and turn (ledger, time, chance). It does no I/O and knows
neither Redis nor Ray; whoever calls it (``host``) makes it an actor by calling it for one message
at a time and letting no outcome leave before its writes are durable.
"""

from collections.abc import Callable
from typing import Any, Final

from doorward.actors.desks import codes, keys, mails, sessions, storefronts
from doorward.actors.messages import operator, sandbox, sign_in
from doorward.actors.messages.envelope import Outcome, Request
from doorward.actors.turns import Turn

_DESKS: Final[dict[type[Request], Callable[[Turn, Any], Outcome]]] = {
    sign_in.RequestCode: codes.request_code,
    sign_in.VerifyCode: codes.verify_code,
    sign_in.VerifyLink: codes.verify_link,
    sign_in.ReadMe: sessions.read_me,
    sign_in.UpdateMe: sessions.update_me,
    sign_in.SignOut: sessions.sign_out,
    sign_in.ReadFront: storefronts.read_front,
    operator.PutStorefront: storefronts.put_storefront,
    operator.GetStorefront: storefronts.get_storefront,
    operator.DeleteStorefront: storefronts.delete_storefront,
    operator.EraseRecords: storefronts.erase_records,
    operator.AddKey: keys.add_key,
    operator.ListKeys: keys.list_keys,
    operator.RevokeKey: keys.revoke_key,
    operator.FindKey: keys.find_key,
    sandbox.ReadMail: mails.read_mail,
    sandbox.ClearMail: mails.clear_mail,
    sandbox.AdvanceClock: storefronts.advance_clock,
}


def decide(turn: Turn, message: Request) -> Outcome:
    """Run one turn.

    Raises:
        Miss: When a record it needs is not in memory; run it again once that is fetched.
    """
    return _DESKS[type(message)](turn, message)
