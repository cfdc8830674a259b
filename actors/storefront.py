"""The actor: routes a message to the desk that decides it, one turn at a time.

``decide`` is a plain function of message and turn (ledger, time, chance). It does no I/O and knows
neither Redis nor Ray; whoever calls it (``host``) makes it an actor by calling it for one message
at a time and letting no outcome leave before its writes are durable.
"""

from collections.abc import Callable
from typing import Any, Final

from doorward.actors.desks import (
    account_overview,
    account_sessions,
    account_sign_in,
    accounts,
    action_tokens,
    addresses,
    allowed_origins,
    audit,
    codes,
    customer_returns,
    erasures,
    exports,
    families,
    fronts,
    introspections,
    keys,
    logins,
    mails,
    merchant_customers,
    merchant_returns,
    merchant_settings,
    order_lists,
    order_pages,
    order_status,
    orders,
    password_resets,
    profiles,
    sessions,
    shopper_orders,
    shoppers,
    sign_ups,
    signings,
    store_calls,
    storefronts,
)
from doorward.actors.messages import (
    account,
    merchant,
    operator,
    sandbox,
    sign_in,
    store,
)
from doorward.actors.messages import merchant_customers as people
from doorward.actors.messages import merchant_returns as aftermath
from doorward.actors.messages import merchant_settings as settings
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
    account.RequestSignIn: account_sign_in.request_sign_in,
    account.VerifySignIn: account_sign_in.verify_sign_in,
    account.Logout: account_sessions.logout,
    account.ListSessions: account_sessions.list_sessions,
    account.EndSessions: account_sessions.end_sessions,
    account.ReadOverview: account_overview.read_overview,
    account.ReadAccount: accounts.read_account,
    account.UpdateAccount: accounts.update_account,
    account.ListOwnOrders: accounts.list_own_orders,
    account.GetOwnOrder: accounts.get_own_order,
    account.ListAddresses: addresses.list_addresses,
    account.GetAddress: addresses.get_address,
    account.AddAddress: addresses.add_address,
    account.ChangeAddress: addresses.change_address,
    account.RemoveAddress: addresses.remove_address,
    operator.PutStorefront: audit.operators(storefronts.put_storefront),
    operator.GetStorefront: storefronts.get_storefront,
    operator.DeleteStorefront: storefronts.delete_storefront,
    operator.EraseRecords: storefronts.erase_records,
    operator.AddKey: audit.operators(keys.add_key),
    operator.ListKeys: keys.list_keys,
    operator.RevokeKey: audit.operators(keys.revoke_key),
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
    account.ListReturns: customer_returns.list_returns,
    account.RequestReturn: customer_returns.request_return,
    account.CancelReturn: customer_returns.cancel_return,
    account.PreviewAction: action_tokens.preview_action,
    account.TakeAction: action_tokens.take_action,
    account.ReadOrderStatus: order_status.read_order_status,
    aftermath.ListAllReturns: merchant_returns.list_returns,
    aftermath.GetReturn: merchant_returns.get_return,
    aftermath.ChangeReturn: merchant_returns.change_return,
    aftermath.MintStatusLink: order_status.mint_status_link,
    aftermath.MintAction: action_tokens.mint_action,
    people.FindCustomer: merchant_customers.find_customer,
    people.GetCustomer: merchant_customers.get_customer,
    people.RevokeSessions: merchant_customers.revoke_sessions,
    people.ExportCustomer: exports.export_customer,
    people.EraseCustomer: erasures.erase_customer,
    people.EraseMore: erasures.erase_more,
    settings.ReadPolicy: merchant_settings.read_policy,
    settings.ChangePolicy: merchant_settings.change_policy,
    settings.ReadOwnStorefront: merchant_settings.read_own_storefront,
    settings.ChangeOwnStorefront: merchant_settings.change_own_storefront,
    settings.ReadAudit: merchant_settings.read_audit,
    store.BeginSignUp: sign_ups.begin_sign_up,
    store.FinishSignUp: sign_ups.finish_sign_up,
    store.BeginLogin: logins.begin_login,
    store.FinishLogin: logins.finish_login,
    store.ForgetPassword: password_resets.forget_password,
    store.BeginReset: password_resets.begin_reset,
    store.FinishReset: password_resets.finish_reset,
    store.ExchangeRefresh: families.exchange_refresh,
    store.EndFamily: families.end_family,
    store.ReadShopper: shoppers.read_shopper,
    store.ChangeShopper: shoppers.change_shopper,
    store.ListShopperOrders: shopper_orders.list_shopper_orders,
    store.GetShopperOrder: shopper_orders.get_shopper_order,
    store.Introspect: introspections.introspect,
    store.AdmitCall: store_calls.admit_call,
    store.FindOrigin: allowed_origins.find_origin,
    store.ReadSigning: signings.read_signing,
    sandbox.ReadMail: mails.read_mail,
    sandbox.ClearMail: mails.clear_mail,
    sandbox.AdvanceClock: storefronts.advance_clock,
}


MESSAGES: Final = tuple(_DESKS)
"""Every message that a storefront decides on."""


def decide(turn: Turn, message: Request) -> Outcome:
    """Run one turn.

    Raises:
        Miss: When a record it needs is not in memory; run it again once that is fetched.
    """
    if isinstance(message, AskWithFront):
        return fronts.with_front(turn, message, decide)
    return _DESKS[type(message)](turn, message)
