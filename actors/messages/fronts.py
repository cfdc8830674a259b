"""What a hosted page asks: what an API call asks, and the storefront's front beside the answer.

A page has to look like its storefront whatever the answer is, and asks only once.
"""

from doorward.actors.messages.envelope import Outcome, Request
from doorward.actors.messages.orders import OrderList, Profile, ReadOrders, ReadProfile
from doorward.actors.messages.refusals import (
    Invalid,
    KeyRefused,
    OriginRefused,
    SessionRequired,
    TooMany,
)
from doorward.actors.messages.sign_in import (
    CodeSent,
    Front,
    Me,
    RequestCode,
    SignedIn,
    SignedOut,
    SignInRefused,
    SignOut,
    UpdateMe,
    VerifyCode,
    VerifyLink,
)

Asked = RequestCode | VerifyCode | VerifyLink | UpdateMe | SignOut | ReadOrders | ReadProfile
Answered = (
    CodeSent
    | SignedIn
    | SignInRefused
    | SignedOut
    | Me
    | OrderList
    | Profile
    | TooMany
    | SessionRequired
    | OriginRefused
    | KeyRefused
    | Invalid
)


class AskWithFront(Request, frozen=True, kw_only=True):
    """Decide ``request`` as if it had been asked alone."""

    request: Asked


class WithFront(Outcome, frozen=True, kw_only=True):
    """What was decided, and who says so; an unknown storefront answers ``NotFound`` alone."""

    front: Front
    outcome: Answered
