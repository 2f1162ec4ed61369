"""What lies with nobody comes back at once, and after 90 days counts are left."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from campaigns.core import clock
from campaigns.core.errors import NotFoundError, TransitionError
from campaigns.core.keys.crypto import Vault
from campaigns.inbox.conversations.models import Conversation
from campaigns.inbox.handing_over import forgetting, queries, returning, service
from campaigns.inbox.handing_over.exporting import exports
from campaigns.inbox.handing_over.exporting.exports import Format
from campaigns.inbox.handing_over.models import HandOver, OfferState
from campaigns.inbox.handing_over.service import Confirmed, Extract
from campaigns.reach.results.conversation_steps import load_steps
from campaigns.staff.models import Member, Role
from tests.factories import a_member, an_organisation
from tests.inbox.automatic.person import a_person
from tests.inbox.handing_over.test_service import Desks, desks

pytestmark = pytest.mark.one_database

__all__ = ["desks"]


@pytest.mark.parametrize("accepted", [False, True])
def test_offer_comes_back_when_nobody_of_the_receiver_answers_any_more(
    sessions: sessionmaker[Session], vault: Vault, accepted: bool
) -> None:
    with sessions.begin() as session:
        person = a_person(session, vault, occasions={})
        person.writes("Where can we sleep?")
        partner = an_organisation(session, name="Shelter", slug="shelter")
        worker = a_member(session, partner, Role.RESPONDER, email="worker@example.org")
        talk = session.scalars(select(Conversation)).one()
        made = service.offer(
            session, talk, Extract(partner.id, "A bed.", "Yes."), by=person.member.id, vault=vault
        )
        if accepted:
            service.accept(session, made, by=worker.id)
        talk.waiting_since = None
        which, worker_id, talk_id, partner_id = made.id, worker.id, talk.id, partner.id
    assert returning.return_due(sessions) == 0
    with sessions.begin() as session:
        session.get_one(Member, worker_id).active = False
    assert returning.return_due(sessions) == 1
    assert returning.return_due(sessions) == 0
    with sessions() as session:
        assert session.get_one(HandOver, which).state == OfferState.GONE
        conversation = session.get_one(Conversation, talk_id)
        assert conversation.waiting_since is not None
        assert conversation.reasons[0]["heading"] == "receiver_gone"
        assert conversation.reasons[0]["phrase"] == "Shelter"
        with pytest.raises(NotFoundError, match="nobody answers there"):
            service.offer(session, conversation, Extract(partner_id, "A bed.", "Yes."), by=worker_id, vault=vault)
        assert queries.load_receivers(session, conversation.organisation_id) == {}


def test_whoever_may_not_answer_keeps_nothing(desks: Desks) -> None:
    desks.offer()
    assert list(returning.find_gone(desks.session)) == []
    desks.worker.memberships[0].roles = [Role.ADMIN]
    desks.session.flush()
    assert list(returning.find_gone(desks.session)) == [desks.partner.id]


def test_whoever_was_helped_does_not_come_back(desks: Desks) -> None:
    made = desks.offer()
    service.accept(desks.session, made, by=desks.worker.id)
    service.confirm(desks.session, desks.partner.id, made.code, Confirmed.HELPED, by=desks.worker.id)
    desks.worker.active = False
    desks.session.flush()
    assert list(returning.find_gone(desks.session)) == []


@pytest.mark.both_databases
def test_after_90_days_counts_are_left(desks: Desks, monkeypatch: pytest.MonkeyPatch) -> None:
    made = desks.offer()
    service.accept(desks.session, made, by=desks.worker.id)
    service.confirm(desks.session, desks.partner.id, made.code, Confirmed.HELPED, by=desks.worker.id)
    last = made.helped_at
    assert last
    day = timedelta(days=1)
    assert forgetting.forget(desks.session, before=last - day) == 0
    assert queries.get_seen(desks.session, made.id, desks.partner.id)
    assert forgetting.forget(desks.session, before=last) == 1
    assert forgetting.forget(desks.session, before=last) == 0
    desks.session.expire_all()
    words = queries.open_words(made, desks.vault)
    assert (words.summary, words.consent, words.reason) == (None, None, None)
    assert (made.language, made.region_code, made.topics, made.state) == (None, None, [], OfferState.OVER)
    with pytest.raises(NotFoundError):
        queries.get_seen(desks.session, made.id, desks.partner.id)
    with pytest.raises(TransitionError, match="Only what you accepted"):
        exports.read_for_export(desks.session, made, vault=desks.vault)
    with pytest.raises(TransitionError, match="Only what you accepted"):
        exports.export(desks.session, made, b"", Format.JSON, by=desks.worker.id)
    steps = load_steps(desks.session, desks.person.organisation.id, now=clock.now())
    assert (steps.came, steps.helped) == (1, 1)
    assert desks.offer().state == OfferState.OFFERED


def test_what_still_goes_on_is_kept(desks: Desks) -> None:
    made = desks.offer()
    service.accept(desks.session, made, by=desks.worker.id)
    assert made.decided_at
    assert forgetting.forget(desks.session, before=made.decided_at - timedelta(seconds=1)) == 0
