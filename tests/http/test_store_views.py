from hypothesis import given
from hypothesis import strategies as st

from doorward.http.surfaces.store_views import money


@given(st.integers(0, 10**15))
def test_money_always_has_two_decimals(amount: int) -> None:
    assert money(amount, "IDR") == f"{amount}.00"
    assert money(amount, "JPY") == f"{amount}.00"
    assert money(amount, "USD") == f"{amount // 100}.{amount % 100:02d}"


def test_money_of_three_decimals_is_rounded_to_two() -> None:
    assert [money(amount, "KWD") for amount in (1_234, 1_235, 9_999)] == ["1.23", "1.24", "10.00"]
