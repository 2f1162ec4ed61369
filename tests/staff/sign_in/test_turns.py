"""A few passwords are hashed at once, a few wait, and the rest is told to come again."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from campaigns.core.errors import BusyError
from campaigns.staff.sign_in import turns
from campaigns.staff.sign_in.turns import MOST_WAITING, Turns


def test_so_many_at_once_and_so_many_waiting() -> None:
    gate, go_on, inside = Turns(2), threading.Event(), threading.Semaphore(0)
    most, now = 0, 0
    lock = threading.Lock()

    def hash_one(_: int) -> bool:
        nonlocal most, now
        try:
            with gate.place(), gate.turn():
                with lock:
                    now += 1
                    most = max(most, now)
                inside.release()
                go_on.wait(10)
                with lock:
                    now -= 1
        except BusyError:
            inside.release()
            return False
        return True

    with ThreadPoolExecutor(64) as pool:
        running = [pool.submit(hash_one, number) for number in range(64)]
        # The two inside, and those who were refused at once.
        for _ in range(64 - MOST_WAITING):
            assert inside.acquire(timeout=10)
        go_on.set()
        done = [each.result() for each in running]
    assert (most, sum(done)) == (2, 2 + MOST_WAITING)


def test_nobody_waits_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "LONGEST_WAIT", 0.05)
    gate = Turns(1)
    with gate.turn(), pytest.raises(BusyError, match="Many people"), gate.turn():
        pass
    with gate.turn():
        pass
