"""Budgets hold for a number, its neighbours, an organisation's money, and where hardly anybody types a code."""

from __future__ import annotations

from collections import Counter

from campaigns.leaving.budgets import LOOKED_BACK, PER_NUMBER, PER_PREFIX, Budgets

PLENTY = 10_000_000


def taken(budgets: Budgets, *, numbers: int, times: int = 1, prefix: bytes = b"+4850010") -> int:
    """Try each of so many numbers that begin alike, some times; return how many codes may be sent."""
    return sum(budgets.take(b"%d" % number, prefix, 1, 5) for _ in range(times) for number in range(numbers))


def test_number_gets_three_a_day() -> None:
    assert taken(Budgets(PLENTY), numbers=1, times=9) == PER_NUMBER


def test_neighbours_share_an_hour() -> None:
    budgets = Budgets(PLENTY)
    assert taken(budgets, numbers=500) == PER_PREFIX
    assert taken(budgets, numbers=500, prefix=b"+4850011") == PER_PREFIX


def test_money_of_a_day_ends() -> None:
    assert taken(Budgets(cents_a_day=24), numbers=9) == 4
    assert taken(Budgets(cents_a_day=0), numbers=9) == 0


def test_breaker_opens_where_hardly_anybody_types_a_code() -> None:
    prefix, few, enough = b"+4850010", LOOKED_BACK // 5 - 1, LOOKED_BACK // 5
    for last, typed, sent in ((LOOKED_BACK, few, 0), (LOOKED_BACK, enough, 9), (LOOKED_BACK - 1, 0, 1)):
        budgets = Budgets(PLENTY, last=Counter({prefix: last}), typed=Counter({prefix: typed}))
        assert taken(budgets, numbers=9) == sent
