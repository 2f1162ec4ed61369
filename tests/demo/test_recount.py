"""The demo as a newcomer runs it, counted anew in plain SQL: every figure of its pages."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from campaigns.core.database import make_engine
from campaigns.planning.models import Campaign, Run
from campaigns.reach.counting.run_counts import recount_due
from campaigns.reach.counting.unique_counts import recount_crowds
from campaigns.staff.models import Member, Membership
from tests.reach.recounting import CHECKS, Books, check_ladder
from tests.web.pages import make_pages

#: Enough for every channel, language and most stops.
PEOPLE = 1_500


@pytest.mark.slow
def test_figures_of_the_demo_are_those_of_its_rows(tmp_path: Path) -> None:
    demo = [sys.executable, "-m", "campaigns.cli", "demo", "--exit"]
    command = [*demo, "--people", str(PEOPLE), "--folder", str(tmp_path)]
    story = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    check_night(story)
    assert re.search(r"reads the answer by the code \d{4} \d{4} \d{4} \d{4}:\n    Thank you\.", story)
    check_demo(tmp_path)


def check_night(story: str) -> None:
    """Hold what the story says of the night against what somebody needs then: soon, and both numbers."""
    _day, _line, told = story.partition("has the night's answer after ")
    seconds, answer = told.splitlines()[:2]
    assert float(seconds.removesuffix(" s:")) < 10
    assert "Зараз нас немає; читаємо знову: " in answer
    # The emergency number, and a helpline whether or not one is open now.
    assert len(re.findall(r"\d{3,}", answer)) >= 1, answer


def check_demo(folder: Path) -> None:
    """Hold the pages of a finished demo against its database."""
    engine = make_engine(f"sqlite:///{folder / 'fingerpost.db'}")
    with make_pages(engine) as pages:
        with pages.sessions() as session:
            # One run of it went to people; another one was a rehearsal.
            to_people = select(Campaign).join(Run, Run.campaign_id == Campaign.id).where(~Run.is_rehearsal)
            campaign = session.scalars(to_people).one()
            colleagues = Membership.organisation_id == campaign.organisation_id
            member = session.scalars(select(Member).join(Membership).where(colleagues).order_by(Member.id)).first()
        assert member is not None
        books = Books(pages.sessions, pages.client(member), campaign.id)
        # Whoever opens the console at the end of the run sees all of it.
        check_ladder(books)
        # Answers come later; a worker counts them within a minute.
        recount_due(pages.sessions, fresh_for=timedelta(0))
        recount_crowds(pages.sessions, fresh_for=timedelta(0))
        for check in CHECKS:
            check(books)
    engine.dispose()
