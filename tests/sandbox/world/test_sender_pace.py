"""Senders go at their pace in parts, accounts at theirs in calls."""

from campaigns.sandbox.world.fixture import Sender
from campaigns.sandbox.world.sender_pace import AccountBucket, SenderQueue


def test_slots_follow_each_other_by_parts() -> None:
    queue = SenderQueue(Sender("+447700900100"), pace=2.0)
    slots = [queue.book(parts, now=100.0, deadline=1e9) for parts in (1, 3, 2)]
    assert slots == [100.0, 100.5, 102.0]
    assert queue.waiting_s(100.0) == 3.0


def test_slot_after_the_deadline_is_not_taken() -> None:
    queue = SenderQueue(Sender("+447700900100"), pace=1.0)
    queue.book(10, now=0.0, deadline=1.0)
    assert queue.book(1, now=0.0, deadline=9.0) is None
    assert queue.waiting_s(0.0) == 10.0


def test_unlimited_sender_never_waits() -> None:
    queue = SenderQueue(Sender("+447700900100"), pace=None)
    assert [queue.book(9, now=5.0, deadline=6.0) for _ in range(3)] == [5.0, 5.0, 5.0]


def test_bucket_gives_out_its_rate_and_no_more() -> None:
    bucket = AccountBucket(rate=5.0)
    assert [bucket.take() for _ in range(6)] == [True] * 5 + [False]


def test_bucket_without_rate_is_endless() -> None:
    assert all(AccountBucket(rate=None).take() for _ in range(1000))
