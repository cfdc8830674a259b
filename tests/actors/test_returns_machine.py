"""Returns against a dictionary: never more comes back than was bought, and every list agrees."""

from functools import partial
from typing import NamedTuple

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from doorward.actors.desks import merchant_returns, return_index
from doorward.actors.desks.return_states import STATUSES
from doorward.actors.desks.sorted_index import SortedIndex
from doorward.actors.messages.account import AccountSignedIn, NotReturnable, ReturnFound
from doorward.actors.messages.merchant import ItemDocument
from doorward.actors.messages.merchant_returns import ReturnRead
from doorward.actors.messages.refusals import InvalidTransition
from tests.actors.aftermath import call_off, delivered, listed_returns, move, own, send_back
from tests.actors.harness import Runner, World
from tests.actors.ordering import change, get
from tests.actors.visiting import ROOMY, enter

NUMBERS = ("A-1", "A-2", "A-3")
BOUGHT = {"1": 3, "2": 2}
LINES = tuple(
    ItemDocument(id=name, name=name, quantity=quantity, unit_price=1)
    for name, quantity in BOUGHT.items()
)
STEPS = {
    "REQUESTED": {"APPROVED", "REJECTED", "CANCELLED"},
    "APPROVED": {"IN_TRANSIT", "CANCELLED"},
    "IN_TRANSIT": {"RECEIVED", "CANCELLED"},
    "RECEIVED": {"COMPLETED"},
}


class Known(NamedTuple):
    """What is remembered of a return."""

    number: str
    items: dict[str, int]
    status: str


class Aftermath(RuleBasedStateMachine):
    """One customer's orders and their returns, on small index nodes so that they part and join."""

    def __init__(self) -> None:
        super().__init__()
        self.run = Runner()
        self.small_nodes = pytest.MonkeyPatch()
        for module in (return_index, merchant_returns):
            self.small_nodes.setattr(module, "SortedIndex", partial(SortedIndex, fanout=4))
        self.model: dict[str, Known] = {}
        self.fulfilled = dict.fromkeys(NUMBERS, False)

    @initialize()
    def open(self) -> None:
        self.world, self.ann = self.run(self._open())

    @staticmethod
    async def _open() -> tuple[World, AccountSignedIn]:
        world = await (await World().open()).furnish("alpha", policy=ROOMY)
        for number in NUMBERS:
            await delivered(
                world,
                number,
                items=LINES,
                subtotal=5,
                total=5,
                fulfillment_status="UNFULFILLED",
            )
        return world, await enter(world)

    def left(self, number: str) -> dict[str, int]:
        if not self.fulfilled[number]:
            return dict.fromkeys(BOUGHT, 0)
        held = [
            known.items
            for known in self.model.values()
            if known.number == number and known.status not in {"REJECTED", "CANCELLED"}
        ]
        return {name: bought - sum(h.get(name, 0) for h in held) for name, bought in BOUGHT.items()}

    @rule(number=st.sampled_from(NUMBERS))
    def fulfil(self, number: str) -> None:
        if not self.fulfilled[number]:
            self.run(change(self.world, number, fulfillment_status="FULFILLED"))
            self.fulfilled[number] = True

    @rule(
        number=st.sampled_from(NUMBERS),
        wanted=st.dictionaries(st.sampled_from(sorted(BOUGHT)), st.integers(1, 4)),
    )
    def request(self, number: str, wanted: dict[str, int]) -> None:
        quantities = {f"_{name}": quantity for name, quantity in wanted.items()}
        outcome = self.run(send_back(self.world, self.ann, number, **quantities))

        left = self.left(number)
        fits = any(left.values()) and all(left[name] >= wanted[name] for name in wanted)
        assert isinstance(outcome, ReturnFound if fits else NotReturnable)
        if isinstance(outcome, ReturnFound):
            items = {item.order_item_id: item.quantity for item in outcome.returned.items}
            assert items == (wanted or {name: some for name, some in left.items() if some})
            assert outcome.returned.id not in self.model
            self.model[outcome.returned.id] = Known(number, items, "REQUESTED")

    @precondition(lambda self: self.model)
    @rule(data=st.data(), status=st.sampled_from(STATUSES))
    def step(self, data: st.DataObject, status: str) -> None:
        return_id = data.draw(st.sampled_from(sorted(self.model)))
        known = self.model[return_id]
        outcome = self.run(move(self.world, return_id, status))

        legal = status in STEPS.get(known.status, set())
        assert isinstance(outcome, ReturnRead if legal else InvalidTransition)
        if legal:
            self.model[return_id] = known._replace(status=status)

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def call_off(self, data: st.DataObject) -> None:
        return_id = data.draw(st.sampled_from(sorted(self.model)))
        known = self.model[return_id]
        outcome = self.run(call_off(self.world, self.ann, return_id, known.number))

        legal = known.status in {"REQUESTED", "APPROVED"}
        assert isinstance(outcome, ReturnFound if legal else InvalidTransition)
        if legal:
            self.model[return_id] = known._replace(status="CANCELLED")

    @rule(seconds=st.integers(1, 100))
    def wait(self, seconds: int) -> None:
        self.run(self.world.advance(seconds))

    @invariant()
    def agrees(self) -> None:
        if not hasattr(self, "world"):
            return
        for number in NUMBERS:
            found = self.run(own(self.world, self.ann, number))
            mine = {i: known for i, known in self.model.items() if known.number == number}
            assert {each.id: each.status for each in found.returns} == {
                return_id: known.status for return_id, known in mine.items()
            }
            assert found.returnable == self.left(number)
            assert all(some >= 0 for some in found.returnable.values())
            completed = [known.items for known in mine.values() if known.status == "COMPLETED"]
            whole = all(
                sum(items.get(name, 0) for items in completed) == bought
                for name, bought in BOUGHT.items()
            )
            assert self.run(get(self.world, number)).order.fully_returned == whole

    @invariant()
    def lists_agree(self) -> None:
        if not hasattr(self, "world"):
            return
        listed = self.run(listed_returns(self.world, page=3))
        assert sorted(listed) == sorted(self.model)
        for status in STATUSES:
            of_status = self.run(listed_returns(self.world, page=3, status=status))
            wanted = {i for i, known in self.model.items() if known.status == status}
            assert of_status == [return_id for return_id in listed if return_id in wanted]

    def teardown(self) -> None:
        self.small_nodes.undo()
        self.run.close()


Aftermath.TestCase.settings = settings(max_examples=30, stateful_step_count=30)
test_returns_behave_as_the_model_says = Aftermath.TestCase
