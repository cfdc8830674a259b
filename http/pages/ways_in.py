"""The two ways to sign in on pages: the portal's, and the account's on a storefront's own host.

They differ in what they ask and in the cookies they set; the pages are the same.
"""

import re
from typing import Final

from doorward.actors import tokens
from doorward.actors.messages.account import (
    AccountSignedIn,
    Logout,
    Requested,
    RequestSignIn,
    VerifySignIn,
)
from doorward.actors.messages.envelope import Outcome
from doorward.actors.messages.sign_in import (
    CodeSent,
    RequestCode,
    SignedIn,
    SignedOut,
    SignInRefused,
    SignOut,
    VerifyCode,
    VerifyLink,
)
from doorward.http.beats import Beat
from doorward.http.edge import cookies
from doorward.http.pages.visits import Visit
from doorward.http.surfaces import account_sign_in, portal

_OWN_NEXT: Final = re.compile(
    r"/account(?:/(?:profile|sessions|addresses|orders(?:/[A-Za-z0-9%._~-]+)?))?", re.ASCII
)


def next_of(visit: Visit, given: str | None) -> str | None:
    """Let through our own pages of this storefront, named in full, and nothing else."""
    if visit.host is None:
        return given if given in {visit.home, f"{visit.home}/profile"} else None
    return given if given is not None and _OWN_NEXT.fullmatch(given) else None


async def request(visit: Visit, email: str) -> Outcome | None:
    """Ask for the mail; None when it was sent, or would have been.

    Raises:
        Fault: When there is no such storefront.
    """
    caller, device = visit.call.guarded_caller(), visit.device
    if visit.host is None:
        outcome = await visit.ask(RequestCode(email=email, caller=caller, device=device))
    else:
        # The account's answers must not tell whose email is known, neither by words nor by time.
        with Beat() as beat:
            outcome = await visit.ask(
                RequestSignIn(email=email, caller=caller, device=device, with_link=True)
            )
            await beat.next()
    return None if isinstance(outcome, CodeSent | Requested) else outcome


async def by_code(visit: Visit, email: str, code: str) -> tuple[str, ...] | Outcome:
    """Sign in with a code; returns the cookies to set, or why not."""
    caller, device = visit.call.guarded_caller(), visit.device
    if visit.host is None:
        proof = VerifyCode(
            email=email, code=code, caller=caller, session=visit.session, device=device
        )
        return _let_in(visit, await visit.ask(proof))
    with Beat() as beat:
        tried = await visit.ask(
            VerifySignIn(
                email=email, code=code, caller=caller, presented=visit.presented, device=device
            )
        )
        if isinstance(tried, SignInRefused):
            await beat.next()
    return _let_in(visit, tried)


async def by_link(visit: Visit, token: str) -> tuple[str, ...] | Outcome:
    """Sign in with a mailed link's token; returns the cookies to set, or why not."""
    caller, device, digest = visit.call.guarded_caller(), visit.device, tokens.digest(token)
    return _let_in(
        visit,
        await visit.ask(
            VerifyLink(token_digest=digest, caller=caller, session=visit.session, device=device)
            if visit.host is None
            else VerifySignIn(
                token_digest=digest, caller=caller, presented=visit.presented, device=device
            )
        ),
    )


async def out(visit: Visit) -> str | Outcome:
    """End the session; returns the cookie that says so, or why not."""
    caller = visit.call.guarded_caller()
    outcome = await visit.ask(
        SignOut(caller=caller, session=visit.session)
        if visit.host is None
        else Logout(caller=caller, presented=visit.presented)
    )
    if not isinstance(outcome, SignedOut):
        return outcome
    if visit.host is not None:
        return account_sign_in.cleared_cookie(visit.slug, secure=outcome.secure)
    name = f"{'__Host-' if outcome.secure else ''}{portal.PORTAL_COOKIE}{visit.slug}"
    return cookies.cleared(name, secure=outcome.secure)


def _let_in(visit: Visit, outcome: Outcome) -> tuple[str, ...] | Outcome:
    if isinstance(outcome, SignedIn):
        return portal.sign_in_cookies(visit.slug, outcome)
    if isinstance(outcome, AccountSignedIn):
        return account_sign_in.sign_in_cookies(visit.slug, outcome)
    return outcome
