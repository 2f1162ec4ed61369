"""Whoever may be in danger is answered within the hour, or every page is red by then: all of them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Engine

from tests.inbox.escalation.week import DEAD_MAIL, WEEK, Outcome, Week


def check(outcome: Outcome, *, danger: int) -> None:
    assert outcome.unseen == outcome.late == []
    assert outcome.answered_in_time + outcome.red_in_time == outcome.danger >= danger
    assert outcome.red_in_time > 0
    assert outcome.slowest_alert <= timedelta(minutes=1)
    assert outcome.most_in_an_hour <= 6


@pytest.mark.long
def test_nobody_waits_unseen_in_a_night_without_mail(sqlite_engine: Engine) -> None:
    outcome = Week(sqlite_engine, 120, seed=6, start=DEAD_MAIL[0], span=timedelta(minutes=90)).play()
    check(outcome, danger=1)
    assert outcome.mails.total() == 0


@pytest.mark.slow
def test_nobody_waits_unseen_in_a_week(engine: Engine) -> None:
    outcome = Week(engine, 10_000, seed=1, span=WEEK).play()
    check(outcome, danger=400)
    assert outcome.came_back > 10
    assert {"anna", "omar", "eva", "lead", "reserve", "partner"} == {name for name, _day in outcome.mails}
