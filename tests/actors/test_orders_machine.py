"""Orders against a model of a few lines: states only along legal paths, lists that agree with it.

Whatever is put, patched, said, claimed and erased in whatever order: every index holds exactly what
the model holds, in its order, and an erased storefront leaves nothing.
"""

from collections.abc import Callable, Iterable
from functools import partial
from typing import NamedTuple

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from doorward.actors.desks import order_index, order_lists
from doorward.actors.desks.order_documents import order_id
from doorward.actors.desks.order_states import PAYMENT_STATUSES, STATUSES
from doorward.actors.desks.sorted_index import SortedIndex
from doorward.actors.messages.envelope import Outcome, Request
from doorward.actors.messages.merchant import (
    ChangeOrder,
    ConfirmPayment,
    OrderChanges,
    OrderFound,
    OrdersPut,
    PutOrder,
    PutOrders,
    RotateAccess,
)
from doorward.actors.messages.operator import DeleteStorefront, EraseRecords
from doorward.actors.messages.orders import PaymentClaimed, RemarkAdded
from doorward.actors.messages.refusals import InvalidTransition, NotFound, TooMany
from tests.actors.harness import Runner, World
from tests.actors.ordering import by_token, claim, document, get, listed, listed_numbers, say, write
from tests.actors.test_order_states import PAYMENT_STEPS, STEPS

NUMBERS = st.sampled_from([f"A-{number}" for number in range(12)])
EMAILS = st.sampled_from(["ann@example.org", "bea@example.org", "cid@example.org"])
WORDS = st.none() | st.sampled_from(STATUSES)
PAID = st.none() | st.sampled_from(PAYMENT_STATUSES)
LOOSE = b'{"orders":{"messagesPerAddressPerHour":100000,"claimsPerAddressPerHour":100000}}'
DAYS = [f"2023-01-0{number}T00:00:00Z" for number in range(1, 8)]


class Model(NamedTuple):
    """What is remembered of an order."""

    email: str
    status: str
    payment: str
    token: str
    created_ms: int
    activity_ms: int
    remarks: int


def reachable(before: str, steps: set[tuple[str, str]]) -> set[str]:
    reached = {before}
    for _ in range(7):
        reached |= {after for at, after in steps if at in reached}
    return reached


class Orders(RuleBasedStateMachine):
    """One storefront's orders, on small index nodes so that they part and join."""

    def __init__(self) -> None:
        super().__init__()
        self.run = Runner()
        self.small_nodes = pytest.MonkeyPatch()
        for module in (order_index, order_lists):
            self.small_nodes.setattr(module, "SortedIndex", partial(SortedIndex, fanout=4))
        self.model: dict[str, Model] = {}
        self.dead: list[str] = []

    @initialize()
    def open(self) -> None:
        self.world = self.run(self._open())

    @staticmethod
    async def _open() -> World:
        return await (await World().open()).furnish("alpha", policy=LOOSE)

    def ask(self, message: Request) -> Outcome:
        return self.run(self.world.ask("alpha", message))

    def remember(self, found: OrderFound) -> None:
        order = found.order
        self.model[order.order_number] = Model(
            order.email,
            order.status,
            order.payment_status,
            found.access_token,
            order.created_at_ms,
            order.activity_at_ms,
            order.remarks,
        )

    @rule(number=NUMBERS, email=EMAILS, status=WORDS, paid=PAID, at=st.sampled_from(DAYS))
    def put(self, number: str, email: str, status: str | None, paid: str | None, at: str) -> None:
        made = document(number, email=email, status=status, payment_status=paid, created_at=at)
        outcome = self.ask(PutOrder(key_digest=None, document=made))

        before = self.model.get(number)
        if before is not None and paid == "unpaid" and before.payment == "payment_claimed":
            paid = "payment_claimed"
        legal = before is None or (
            (status or before.status) in reachable(before.status, STEPS)
            and (paid or before.payment) in reachable(before.payment, PAYMENT_STEPS)
        )
        assert isinstance(outcome, OrderFound if legal else InvalidTransition)
        if isinstance(outcome, OrderFound):
            assert outcome.created == (before is None)
            known = before or Model("", "requested", "unpaid", "", 0, 0, 0)
            assert outcome.order.email == email
            assert outcome.order.status == (status or known.status)
            assert outcome.order.payment_status == (paid or known.payment)
            assert before is None or outcome.access_token == before.token
            self.remember(outcome)

    @rule(numbers=st.lists(NUMBERS, max_size=20), email=EMAILS, status=WORDS)
    def put_many(self, numbers: list[str], email: str, status: str | None) -> None:
        documents = tuple(document(number, email=email, status=status) for number in numbers)
        outcome = self.ask(PutOrders(key_digest=None, documents=documents))

        assert isinstance(outcome, OrdersPut)
        taken = outcome.created + outcome.changed + outcome.unchanged
        assert taken + len(outcome.refused) == len(numbers)
        assert outcome.created == len(set(numbers) - set(self.model))
        refused = {numbers[refusal.place] for refusal in outcome.refused}
        for number in set(numbers):
            known = self.model.get(number)
            if known is not None:
                legal = (status or known.status) in reachable(known.status, STEPS)
                assert (number not in refused) == legal
            self.remember(self.run(get(self.world, number)))

    @precondition(lambda self: self.model)
    @rule(data=st.data(), status=st.sampled_from(STATUSES))
    def patch(self, data: st.DataObject, status: str) -> None:
        number = data.draw(st.sampled_from(sorted(self.model)))
        changes = OrderChanges(status=status)
        message = ChangeOrder(key_digest=None, order_number=number, changes=changes)
        outcome = self.ask(message)

        legal = (self.model[number].status, status) in STEPS
        assert isinstance(outcome, OrderFound if legal else InvalidTransition)
        if isinstance(outcome, OrderFound):
            assert outcome.order.status == status
            assert outcome.order.activity_at_ms == self.world.now_ms
            self.remember(outcome)

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def claim(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(sorted(self.model)))
        known = self.model[number]
        outcome = self.run(claim(self.world, known.token))

        if known.payment == "payment_confirmed":
            assert isinstance(outcome, InvalidTransition)
        else:
            assert isinstance(outcome, PaymentClaimed)
            assert outcome.again == (known.payment == "payment_claimed")
            self.remember(self.run(get(self.world, number)))
            assert self.model[number].payment == "payment_claimed"

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def confirm(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(sorted(self.model)))
        outcome = self.ask(ConfirmPayment(key_digest=None, order_number=number))

        legal = self.model[number].payment != "payment_confirmed"
        assert isinstance(outcome, OrderFound if legal else InvalidTransition)
        if isinstance(outcome, OrderFound):
            self.remember(outcome)

    @precondition(lambda self: self.model)
    @rule(data=st.data(), internal=st.booleans(), buyer=st.booleans())
    def speak(self, data: st.DataObject, *, internal: bool, buyer: bool) -> None:
        number = data.draw(st.sampled_from(sorted(self.model)))
        before = self.model[number]
        if buyer:
            outcome = self.run(write(self.world, before.token))
        else:
            outcome = self.run(say(self.world, number=number, internal=internal))

        assert isinstance(outcome, RemarkAdded)
        self.remember(self.run(get(self.world, number)))
        after = self.model[number]
        assert after.remarks == before.remarks + 1
        hidden = internal and not buyer
        assert after.activity_ms == (before.activity_ms if hidden else self.world.now_ms)

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def rotate(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(sorted(self.model)))
        outcome = self.ask(RotateAccess(key_digest=None, order_number=number))

        assert isinstance(outcome, OrderFound)
        self.dead.append(self.model[number].token)
        self.remember(outcome)

    @rule(seconds=st.sampled_from([0.001, 1, 86_400]))
    def wait(self, seconds: float) -> None:
        self.run(self.world.advance(seconds))

    @rule()
    def go_on_with_another_host(self) -> None:
        self.world = self.run(self.world.successor())

    @precondition(lambda self: len(self.model) > 8)
    @rule()
    def erase(self) -> None:
        self.ask(DeleteStorefront())
        names, _ = self.world.site.store.names("alpha", 10_000)
        self.ask(EraseRecords(names=tuple(names), last=False))
        self.ask(EraseRecords(names=(), last=True))
        left = [name for name in self.world.site.store.image.records if ":misses:" not in name]
        assert left == []
        self.dead += [known.token for known in self.model.values()]
        self.model.clear()
        self.run(self.world.furnish("alpha", policy=LOOSE))

    @invariant()
    def lists_hold_what_the_model_holds(self) -> None:
        if not hasattr(self, "world"):
            return
        by_creation = self.in_order(lambda known: known.created_ms, self.model)
        assert self.run(listed_numbers(self.world, page=5)) == by_creation
        for status in STATUSES:
            mine = [n for n in by_creation if self.model[n].status == status]
            assert self.run(listed_numbers(self.world, status=status)) == mine
        for email in ("ann@example.org", "bea@example.org", "cid@example.org"):
            theirs = [n for n in self.model if self.model[n].email == email]
            by_activity = self.in_order(lambda known: known.activity_ms, theirs)
            assert self.run(listed_numbers(self.world, page=3, email=email)) == by_activity

    @invariant()
    def listed_orders_are_as_remembered_and_replaced_tokens_are_dead(self) -> None:
        if not hasattr(self, "world"):
            return
        for item in self.run(listed(self.world, limit=100)).items:
            known = self.model[item.order.order_number]
            assert (item.order.status, item.order.payment_status) == known[1:3]
            assert item.access_token == known.token
        for token in self.dead[-2:]:
            outcome = self.run(by_token(self.world, token))
            assert isinstance(outcome, NotFound | TooMany)

    def in_order(self, at: Callable[[Model], int], numbers: Iterable[str]) -> list[str]:
        return sorted(numbers, key=lambda n: (at(self.model[n]), order_id(n)), reverse=True)

    def teardown(self) -> None:
        self.small_nodes.undo()
        self.run.close()


Orders.TestCase.settings = settings(max_examples=30, stateful_step_count=25)
test_orders_behave_as_the_model_says = Orders.TestCase
