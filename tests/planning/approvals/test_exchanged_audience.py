"""A run that would go to others than those approved waits, says why, and an approver starts it."""

from __future__ import annotations

import pytest
from sqlalchemy import select, update

from campaigns.audience.models import Address, AddressState
from campaigns.core.keys.crypto import Vault
from campaigns.delivery.fanout.fanout import fan_out
from campaigns.delivery.models import Delivery
from campaigns.planning.models import Run, RunState
from campaigns.planning.policy import USUAL
from campaigns.planning.service import fire_due
from campaigns.staff.models import Role
from tests.planning.story import DUE, Story, a_story, more_people
from tests.web.pages import Pages, pages

__all__ = ["pages"]


pytestmark = pytest.mark.usefixtures("at_the_start")


def exchange(pages: Pages, story: Story, vault: Vault, count: int) -> None:
    """Let the first people withdraw their consent, and as many others join."""
    with pages.sessions.begin() as session:
        first = session.scalars(select(Address.id).order_by(Address.id).limit(count)).all()
        session.execute(update(Address).where(Address.id.in_(first)).values(state=AddressState.OPTED_OUT))
        more_people(story.in_session(session), vault, count)


def test_exchanged_audience_waits_until_an_approver_starts_it(pages: Pages, vault: Vault) -> None:
    with pages.sessions.begin() as session:
        story = a_story(session, vault, people=40, organisation=pages.ours)
        story.approved()
    exchange(pages, story, vault, 30)
    with pages.sessions.begin() as session:
        (run,) = fire_due(session, now=DUE)
        run_id = run.id
    author, approver = pages.client(story.author), pages.client(pages.member(Role.APPROVER))
    why = "30 of 40 people were not in it."
    assert why in approver.get("/").text
    assert why in author.get(f"/delivery/runs/{run_id}").text
    author.post(f"/delivery/runs/{run_id}/let-start")
    assert state_of(pages, run_id) == RunState.HELD
    assert approver.post(f"/delivery/runs/{run_id}/let-start").status_code == 302
    assert state_of(pages, run_id) == RunState.PLANNING
    fan_out(pages.sessions, run_id, policy=USUAL)
    with pages.sessions() as session:
        assert len(session.scalars(select(Delivery.id).where(Delivery.run_id == run_id)).all()) == 40


def state_of(pages: Pages, run_id: int) -> RunState:
    with pages.sessions() as session:
        return session.get_one(Run, run_id).state
