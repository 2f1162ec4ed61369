"""Somebody in danger who was handed over, and of whom nobody takes care after all, is in danger as before."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from campaigns.core import clock
from campaigns.core.keys.crypto import Vault
from campaigns.inbox.conversations import service as conversations
from campaigns.inbox.conversations.models import Conversation, Outcome
from campaigns.inbox.handing_over import returning, service
from campaigns.inbox.handing_over.models import HandOver
from campaigns.inbox.handing_over.service import Extract
from campaigns.inbox.urgency.levels import Urgency
from campaigns.staff.models import Member, Role
from tests.factories import a_member, an_organisation
from tests.inbox.escalation.watch import Watch

pytestmark = pytest.mark.one_database


def hand_over(watch: Watch, vault: Vault) -> tuple[int, int, int, int]:
    """Let a partner accept somebody in danger, and close it; return conversation, offer and both members."""
    which = watch.wait(Urgency.DANGER)
    watch.pass_on()
    with watch.sessions.begin() as session, clock.running_on(lambda: watch.now):
        partner = an_organisation(session, slug="partner", name="Partner")
        worker = a_member(session, partner, Role.RESPONDER, email="partner@example.org").id
        by = session.scalars(select(Member.id).where(Member.name == "duty")).one()
        conversation = session.get_one(Conversation, which)
        extract = Extract(partner.id, "Two people need a bed.", "Yes")
        made = service.offer(session, conversation, extract, by=by, vault=vault)
        service.accept(session, made, by=worker)
        seen = conversations.seen_now(session, conversation)
        conversations.close(session, conversation, Outcome.HANDED_OVER, by=by, seen=seen)
        return which, made.id, worker, by


@pytest.mark.parametrize("is_gone", [True, False], ids=["gone", "taken back"])
def test_danger_comes_back_as_danger(watch: Watch, vault: Vault, is_gone: bool) -> None:
    which, made, worker, by = hand_over(watch, vault)
    watch.now += timedelta(minutes=10)
    with clock.running_on(lambda: watch.now):
        with watch.sessions.begin() as session:
            if is_gone:
                session.get_one(Member, worker).active = False
            else:
                service.take_back(session, session.get_one(HandOver, made), by=by)
        assert returning.return_due(watch.sessions) == int(is_gone)
    before = len(watch.steps())
    for _ in range(12):
        watch.pass_on(10)
    with watch.sessions() as session:
        assert session.get_one(Conversation, which).urgency == Urgency.DANGER
    assert watch.is_red()
    assert len(watch.steps()) > before + 1
