"""What a hosted page asks: what an API call asks, and the storefront's front beside the answer.

A page has to look like its storefront whatever the answer is, and asks only once.
"""

from doorward.actors.messages.account import (
    Account,
    AccountSignedIn,
    ActionPreview,
    ActionTaken,
    AddAddress,
    AddressFound,
    AddressList,
    CancelReturn,
    ChangeAddress,
    EndSessions,
    GetAddress,
    GetOwnOrder,
    LimitReached,
    ListAddresses,
    ListOwnOrders,
    ListSessions,
    Logout,
    NotReturnable,
    OrderStatus,
    Overview,
    OwnOrder,
    OwnOrders,
    PreviewAction,
    ReadAccount,
    ReadOrderStatus,
    ReadOverview,
    RemoveAddress,
    Requested,
    RequestReturn,
    RequestSignIn,
    ReturnFound,
    SessionList,
    TakeAction,
    UpdateAccount,
    VerifySignIn,
)
from doorward.actors.messages.envelope import Outcome, Request
from doorward.actors.messages.orders import OrderList, Profile, ReadOrders, ReadProfile
from doorward.actors.messages.refusals import (
    Deleted,
    Invalid,
    InvalidTransition,
    KeyRefused,
    NotFound,
    OriginRefused,
    SessionRequired,
    TooMany,
)
from doorward.actors.messages.sign_in import (
    CodeSent,
    Front,
    Me,
    ReadFront,
    RequestCode,
    SignedIn,
    SignedOut,
    SignInRefused,
    SignOut,
    UpdateMe,
    VerifyCode,
    VerifyLink,
)
from doorward.actors.messages.store import ResetBegun

_AskedOfAccount = (
    RequestSignIn
    | VerifySignIn
    | Logout
    | ReadOverview
    | ReadAccount
    | UpdateAccount
    | ListAddresses
    | GetAddress
    | AddAddress
    | ChangeAddress
    | RemoveAddress
    | ListOwnOrders
    | GetOwnOrder
    | RequestReturn
    | CancelReturn
    | ListSessions
    | EndSessions
    | PreviewAction
    | TakeAction
    | ReadOrderStatus
)
_AnsweredByAccount = (
    Requested
    | AccountSignedIn
    | Overview
    | Account
    | AddressList
    | AddressFound
    | OwnOrders
    | OwnOrder
    | ReturnFound
    | SessionList
    | ActionPreview
    | ActionTaken
    | OrderStatus
    | LimitReached
    | NotReturnable
    | InvalidTransition
    | Deleted
    | NotFound
    | ResetBegun
)
Asked = (
    RequestCode
    | VerifyCode
    | VerifyLink
    | UpdateMe
    | SignOut
    | ReadOrders
    | ReadProfile
    | ReadFront
    | _AskedOfAccount
)
Answered = (
    CodeSent
    | SignedIn
    | SignInRefused
    | SignedOut
    | Me
    | OrderList
    | Profile
    | Front
    | TooMany
    | SessionRequired
    | OriginRefused
    | KeyRefused
    | Invalid
    | _AnsweredByAccount
)


class AskWithFront(Request, frozen=True, kw_only=True):
    """Decide ``request`` as if it had been asked alone.

    ``host`` is the name (without port) of the host that a page of the storefront's own host was
    asked of; nothing is decided unless the storefront has its pages there. None for other pages.
    """

    request: Asked
    host: str | None = None


class WithFront(Outcome, frozen=True, kw_only=True):
    """What was decided, and who says so; an unknown storefront answers ``NotFound`` alone."""

    front: Front
    outcome: Answered
