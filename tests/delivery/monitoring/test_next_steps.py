"""What lies before a message in doubt follows from the settings and the policy of its run."""

from __future__ import annotations

from datetime import timedelta

import pytest

from campaigns.delivery.monitoring.next_steps import Outlook, outlook_of
from campaigns.delivery.timeouts import Patience
from tests.factories import NOON

PATIENCE = Patience(
    reap_after=timedelta(minutes=5),
    grace=timedelta(hours=1),
    interval=timedelta(minutes=10),
    unconfirmed_after=timedelta(hours=24),
)


def look(hours: float, *, resends: bool = False) -> Outlook:
    found = outlook_of(NOON, PATIENCE, resends=resends, now=NOON + timedelta(hours=hours))
    assert found is not None
    return found


def test_nothing_in_doubt_has_no_outlook() -> None:
    assert outlook_of(None, PATIENCE, resends=True, now=NOON) is None


@pytest.mark.parametrize(("hours", "is_asked"), [(0.5, False), (1, True), (2, True)])
def test_list_is_asked_after_the_grace(hours: float, is_asked: bool) -> None:
    assert (look(hours).asked_at, look(hours).is_asked) == (NOON + timedelta(hours=1), is_asked)


def test_second_absence_sends_again_by_policy() -> None:
    assert look(0.5, resends=True).resent_at == NOON + timedelta(minutes=70)
    assert look(0.5).resent_at is None


def test_nobody_waits_for_ever() -> None:
    assert look(2).unconfirmed_at == NOON + timedelta(hours=24)
