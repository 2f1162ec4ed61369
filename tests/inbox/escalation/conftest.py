"""Who keeps watch in the tests of this folder."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker

from campaigns.inbox.duty.service import PlannedDuty, add_duty
from campaigns.inbox.escalation.models import EscalationSwitch
from campaigns.staff.models import Role
from tests.factories import a_member, an_organisation
from tests.inbox.escalation.watch import Post, Watch
from tests.web.pages import page_settings


@pytest.fixture
def watch(engine: Engine, sessions: sessionmaker[Session]) -> Watch:
    with sessions.begin() as session:
        ours = an_organisation(session)
        who = {
            name: a_member(session, ours, Role.RESPONDER, email=f"{name}@example.org", name=name)
            for name in ("duty", "lead", "reserve", "other")
        }
        by = a_member(session, ours, Role.ADMIN).id
        planned = PlannedDuty("Day", range(7), 0, 0, (), [who["duty"].id], who["lead"].id, [who["reserve"].id])
        add_duty(session, ours.id, planned, by=by)
        session.add(EscalationSwitch(organisation_id=ours.id, is_on=True, wrong_codes=0))
    return Watch(sessions, page_settings(engine, smtp_url="smtp://localhost"), Post(), ours)
