"""The actor: routes a message to the desk that decides it, one turn at a time.

``decide`` is a plain function of message and turn (ledger, time, chance). It does no I/O and knows
neither Redis nor Ray; whoever calls it (``host``) makes it an actor by calling it for one message
at a time and letting no outcome leave before its writes are durable.
"""

from collections.abc import Callable
from typing import Any, Final

from doorward.actors.desks import (
    codes,
    fronts,
    keys,
    mails,
    order_lists,
    order_pages,
    orders,
    profiles,
    sessions,
    storefronts,
)
from doorward.actors.messages import merchant, operator, sandbox, sign_in
from doorward.actors.messages import orders as buyer
from doorward.actors.messages.envelope import Outcome, Request
from doorward.actors.messages.fronts import AskWithFront
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
    buyer.ReadOrders: profiles.read_orders,
    buyer.ReadProfile: profiles.read_profile,
    buyer.ReadOrderPage: order_pages.read_order_page,
    buyer.AddBuyerRemark: order_pages.add_buyer_remark,
    buyer.ClaimPayment: order_pages.claim_payment,
    buyer.AdmitProof: order_pages.admit_proof,
    buyer.KeepProof: order_pages.keep_proof,
    merchant.PutOrder: orders.put_order,
    merchant.PutOrders: orders.put_orders,
    merchant.GetOrder: orders.get_order,
    merchant.ListOrders: order_lists.list_orders,
    merchant.ChangeOrder: orders.change_order,
    merchant.AddSellerRemark: orders.add_seller_remark,
    merchant.ConfirmPayment: orders.confirm_payment,
    merchant.RotateAccess: orders.rotate_access,
    merchant.FindProof: orders.find_proof,
    sandbox.ReadMail: mails.read_mail,
    sandbox.ClearMail: mails.clear_mail,
    sandbox.AdvanceClock: storefronts.advance_clock,
}


def decide(turn: Turn, message: Request) -> Outcome:
    """Run one turn.

    Raises:
        Miss: When a record it needs is not in memory; run it again once that is fetched.
    """
    if isinstance(message, AskWithFront):
        return fronts.with_front(turn, decide(turn, message.request))
    return _DESKS[type(message)](turn, message)
