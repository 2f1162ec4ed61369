"""Claims wait in a line, urgent ones in front, until they are called or taken out for a reason."""

from __future__ import annotations

from datetime import timedelta

from campaigns.core import clock
from campaigns.delivery.engine.decisions import Back
from campaigns.delivery.engine.ports import Claimed
from campaigns.delivery.engine.ready_claims import ReadyClaims
from tests.delivery.engine.in_memory import a_claim

URGENT = 7


def line() -> ReadyClaims:
    return ReadyClaims(lambda run_id: int(run_id == URGENT))


def drained(ready: ReadyClaims) -> list[int]:
    return [ready.take_first().id for _ in range(len(ready))]


def test_ordinary_claims_wait_in_their_order() -> None:
    ready = line()
    ready.line_up([a_claim(1), a_claim(2)])
    ready.line_up([a_claim(3, run_id=2)])
    ready.line_up([])
    assert drained(ready) == [1, 2, 3]


def test_urgent_claims_pass_ordinary_ones_and_not_each_other() -> None:
    ready = line()
    ready.line_up([a_claim(1), a_claim(2)])
    ready.line_up([a_claim(3, run_id=URGENT)])
    ready.line_up([a_claim(4, run_id=URGENT)])
    ready.line_up([a_claim(5)])
    assert drained(ready) == [3, 4, 1, 2, 5]


def test_what_has_a_reason_is_taken_out_and_the_rest_keeps_its_order() -> None:
    def why(claimed: Claimed) -> Back | None:
        return Back.STOPPING if claimed.id % 2 else None

    ready = line()
    ready.line_up([a_claim(number) for number in range(1, 7)])
    assert [claimed.id for claimed in ready.take_out(why)] == [1, 3, 5]
    assert drained(ready) == [2, 4, 6]


def test_oldest_claim_waits_behind_all_others() -> None:
    ready, now = line(), clock.now()
    assert not ready.has_older_than(now)
    ready.line_up([a_claim(1, intent_at=now - timedelta(seconds=20))])
    ready.line_up([a_claim(2, run_id=URGENT, intent_at=now)])
    assert ready.has_older_than(now - timedelta(seconds=15))
    assert not ready.has_older_than(now - timedelta(seconds=30))
