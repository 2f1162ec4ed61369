"""Somebody who could not be asked is passed on by two members with a reason, and it is looked at the next day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from campaigns.core import clock
from campaigns.core.errors import InputError, NotFoundError, RefusedError, TransitionError
from campaigns.inbox.complaints.service import ReadBy, complain
from campaigns.inbox.handing_over import overriding, queries, returning, service
from campaigns.inbox.handing_over.models import HandOver, OfferState, Override
from campaigns.inbox.urgency.levels import Urgency
from campaigns.staff.models import AuditEntry, Member, Role
from tests.factories import a_member
from tests.inbox.handing_over.test_service import Desks, desks

pytestmark = pytest.mark.one_database

__all__ = ["desks"]
UNASKED = {"consent": "", "override": Override.CHILD}


@pytest.fixture
def second(desks: Desks) -> Member:
    return a_member(desks.session, desks.person.organisation, Role.RESPONDER, email="second@example.org")


def test_it_is_offered_once_a_second_member_agreed(desks: Desks, second: Member) -> None:
    made = desks.offer(**UNASKED)
    assert made.state == OfferState.PROPOSED
    assert queries.load_received(desks.session, desks.partner.id, desks.worker.id) == []
    with pytest.raises(NotFoundError):
        queries.get_seen(desks.session, made.id, desks.partner.id)
    with pytest.raises(TransitionError):
        service.accept(desks.session, made, by=desks.worker.id)
    with pytest.raises(RefusedError, match="Another member has to agree"):
        overriding.agree(desks.session, made, by=desks.person.member.id)
    overriding.agree(desks.session, made, by=second.id)
    assert (made.state, made.agreed_by_id, made.override) == (OfferState.OFFERED, second.id, Override.CHILD)
    with pytest.raises(TransitionError):
        overriding.agree(desks.session, made, by=second.id)
    service.accept(desks.session, made, by=desks.worker.id)
    lines = select(AuditEntry.action).where(AuditEntry.action.like("hand_over.%")).order_by(AuditEntry.id)
    assert desks.session.scalars(lines).all() == ["hand_over.propose", "hand_over.agree", "hand_over.accept"]


def test_receivers_time_begins_when_the_second_member_agrees(
    desks: Desks, second: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    desks.conversation.urgency = Urgency.DANGER
    made = desks.offer(**UNASKED)
    later = made.offered_at + timedelta(minutes=50)
    monkeypatch.setattr(clock, "now", lambda: later)
    overriding.agree(desks.session, made, by=second.id)
    assert made.due_at == later + timedelta(hours=1)


def test_nobody_agrees_in_time(desks: Desks, second: Member, monkeypatch: pytest.MonkeyPatch) -> None:
    desks.answer()
    made = desks.offer(**UNASKED)
    due = made.due_at
    monkeypatch.setattr(clock, "now", lambda: due)
    with pytest.raises(TransitionError, match="too late"):
        overriding.agree(desks.session, made, by=second.id)
    assert returning.lapse(desks.session, now=due) == 1
    desks.session.expire_all()
    assert (made.state, desks.conversation.reasons[0]["heading"]) == (OfferState.LAPSED, "not_taken")


@pytest.mark.parametrize("changes", [{"consent": ""}, {"consent": "Yes.", "override": Override.LIFE}])
def test_offer_has_either_a_yes_or_a_reason(desks: Desks, changes: dict[str, object]) -> None:
    with pytest.raises(InputError, match="Without their yes nothing is passed on"):
        desks.offer(**changes)
    assert desks.session.scalars(select(HandOver)).all() == []


@pytest.fixture
def third(desks: Desks) -> Member:
    return a_member(desks.session, desks.person.organisation, Role.RESPONDER, email="third@example.org")


def review(desks: Desks, made: HandOver, by: Member, *, at: datetime) -> None:
    with clock.running_on(lambda: at):
        may = overriding.may_review(desks.session, made, by=by.id)
        try:
            overriding.review(desks.session, made, by=by.id)
        except RefusedError:
            assert not may
            raise
        assert may


def test_it_is_reviewed_once_the_organisations_next_day_began(desks: Desks, second: Member, third: Member) -> None:
    desks.person.organisation.time_zone = "Europe/Kyiv"
    evening = datetime(2026, 3, 2, 18, 30, tzinfo=UTC)
    with clock.running_on(lambda: evening):
        made = desks.offer(**UNASKED)
        overriding.agree(desks.session, made, by=second.id)
    midnight = datetime(2026, 3, 2, 22, tzinfo=UTC)
    for at in (evening + timedelta(seconds=1), midnight - timedelta(seconds=1)):
        with pytest.raises(TransitionError, match="from tomorrow on"):
            review(desks, made, third, at=at)
    for by in (second, desks.person.member):
        with pytest.raises(RefusedError, match="Another member has to review"):
            review(desks, made, by, at=midnight)
    review(desks, made, third, at=midnight)
    assert made.reviewed_by_id == third.id


@pytest.mark.both_databases
def test_who_agreed_reviews_it_only_where_nobody_else_is_left(desks: Desks, second: Member, third: Member) -> None:
    made = desks.offer(**UNASKED)
    overriding.agree(desks.session, made, by=second.id)
    assert made.agreed_at
    later = made.agreed_at + timedelta(days=1)
    with pytest.raises(RefusedError, match="Another member has to review"):
        review(desks, made, second, at=later)
    third.active = False
    review(desks, made, second, at=later)


def test_what_was_reviewed_waits_no_more(desks: Desks, second: Member) -> None:
    made, asked = desks.offer(**UNASKED), desks.person.organisation.id
    overriding.agree(desks.session, made, by=second.id)
    assert made.agreed_at
    day = timedelta(days=1)
    assert overriding.load_unreviewed(desks.session, asked, before=made.agreed_at) == []
    assert overriding.load_unreviewed(desks.session, asked, before=made.agreed_at + day) == [made]
    assert overriding.load_unreviewed(desks.session, desks.partner.id, before=made.agreed_at + day) == []
    with pytest.raises(RefusedError, match="Another member has to review"):
        review(desks, made, desks.person.member, at=made.agreed_at + day)
    review(desks, made, second, at=made.agreed_at + day)
    assert overriding.load_unreviewed(desks.session, asked, before=made.agreed_at + day) == []
    with pytest.raises(TransitionError, match="nothing to review"):
        review(desks, made, second, at=made.agreed_at + day)


def test_nobody_of_the_team_reviews_what_was_passed_on_of_a_complaint(desks: Desks, second: Member) -> None:
    made, asked = desks.offer(**UNASKED), desks.person.organisation.id
    overriding.agree(desks.session, made, by=second.id)
    service.accept(desks.session, made, by=desks.worker.id)
    complain(desks.session, desks.conversation, chosen=ReadBy())
    tomorrow = clock.now() + timedelta(days=1)
    assert overriding.load_unreviewed(desks.session, asked, before=tomorrow) == []
    assert queries.load_offered(desks.session, asked) == []
    assert made.state == OfferState.ACCEPTED


def test_what_was_not_agreed_on_is_taken_back(desks: Desks) -> None:
    made = desks.offer(**UNASKED)
    with pytest.raises(TransitionError, match="offered to somebody already"):
        desks.offer()
    service.take_back(desks.session, made, by=desks.person.member.id)
    assert desks.offer().state == OfferState.OFFERED
