"""Reads on who was given a service's number: by which runs of campaigns, and in which conversations."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, String, and_, case, cast, func, or_, select
from sqlalchemy.orm import Session, aliased

from campaigns.delivery.fanout.correction_recipients import GOT
from campaigns.delivery.models import AnswerService, Delivery, FormerText, RunText
from campaigns.directory.models import Service
from campaigns.inbox.conversations.models import Answer, Conversation, LeftAnswerService
from campaigns.planning.models import Campaign, Run
from campaigns.staff.queries import owned

#: Runs that are looked through, the latest that named the service.
MOST_RUNS = 50
#: A run with more messages is not gone through while a page is opened, nor are more in all: the latest runs are.
MOST_MESSAGES, MOST_IN_ALL = 10_000, 50_000


@dataclass(frozen=True, slots=True)
class GivenByRun:
    """A run whose messages named the number, and how many people got it."""

    run_id: int
    campaign: str
    created_at: datetime
    #: None: it has too many messages to go through them while a page is opened.
    people: int | None
    #: Its messages, whatever they said.
    planned: int
    #: The run that corrects what it said; None: nothing does.
    correction_id: int | None


def find_runs(session: Session, service: Service) -> list[GivenByRun]:
    """Return the runs to people that named a service to anybody, the latest first; large ones if a text did."""
    runs = _select_runs(service)
    few = and_(runs.c.planned <= MOST_MESSAGES, runs.c.through <= MOST_IN_ALL)
    named = Delivery.run_id.in_(select(runs.c.id).where(few))
    people = _got_in(select(Delivery.run_id, func.count().label("people")).where(named), service)
    got = people.group_by(Delivery.run_id).subquery()
    correction = aliased(Run)
    fixed = select(func.max(correction.id)).where(correction.corrects_id == Run.id).scalar_subquery()
    rows = (
        select(Run.id, Campaign.name, Run.created_at, got.c.people, Run.planned, fixed)
        .join(runs, runs.c.id == Run.id)
        .outerjoin(got, got.c.run_id == Run.id)
        .join(Campaign, Campaign.id == Run.campaign_id)
        .where(or_(got.c.people.is_not(None), ~few))
        .order_by(Run.id.desc())
    )
    return [GivenByRun(*row) for row in session.execute(rows)]


def select_conversations(service: Service) -> Select[Conversation]:
    """Select the conversations in which a service was named to somebody who got it, the latest first.

    An answer to a report without a name is got where it was left: whether its writer came back is not stored.
    """
    got = select(Answer.conversation_id).join(AnswerService, AnswerService.run_id == Answer.run_id)
    # Asked of each answer: joined, the deliveries of all runs might be read to find those of a few answers.
    sent = select(Delivery.id).where(Delivery.run_id == Answer.run_id, Delivery.send_state.in_(GOT)).exists()
    got = got.where(AnswerService.service_id == service.id, sent)
    left = select(Answer.conversation_id).join(LeftAnswerService, LeftAnswerService.answer_id == Answer.id)
    left = left.where(LeftAnswerService.service_id == service.id)
    found = owned(select(Conversation), Conversation, service.organisation_id)
    found = found.where(Conversation.id.in_(got.union_all(left)))
    return found.order_by(Conversation.last_at.desc(), Conversation.id.desc())


def count_people(session: Session, service: Service) -> int:
    """Return how many people got a service's number, each once; slow where a run of many messages named it."""
    return session.scalar(select(func.count()).select_from(select_people(service).subquery())) or 0


def select_people(service: Service) -> Select[int]:
    """Select the ids of all contacts who got a service's number, each once."""
    runs = _select_runs(service)
    by_campaign = _got_in(select(Delivery.contact_id), service).where(Delivery.run_id.in_(select(runs.c.id)))
    conversing = select_conversations(service).with_only_columns(Conversation.contact_id).order_by(None)
    people = by_campaign.union(conversing).subquery()
    return select(people.c.contact_id)


def _select_runs(service: Service) -> Any:
    """Select the runs one of whose texts names a service, or did until it was rendered anew."""
    named = select(RunText.run_id).where(_names(RunText.service_ids, service))
    before = select(RunText.run_id).join(FormerText, FormerText.text_id == RunText.id)
    before = before.where(_names(FormerText.service_ids, service))
    # Of the runs that may be gone through: how many messages they are with all that are later.
    few = case((Run.planned <= MOST_MESSAGES, Run.planned), else_=0)
    through = func.sum(few).over(order_by=Run.id.desc()).label("through")
    runs = owned(select(Run.id, Run.planned, through), Run, service.organisation_id).where(
        Run.campaign_id.is_not(None), ~Run.is_rehearsal, or_(Run.id.in_(named), Run.id.in_(before))
    )
    return runs.order_by(Run.id.desc()).limit(MOST_RUNS).subquery()


def _got_in(deliveries: Select[*tuple[Any, ...]], service: Service) -> Select[*tuple[Any, ...]]:
    """Restrict deliveries to those that said a service's number, as their texts were when they were called."""
    former = select(FormerText.service_ids).where(
        FormerText.text_id == Delivery.text_id, FormerText.until > Delivery.intent_at
    )
    former = former.order_by(FormerText.until).limit(1)
    said = func.coalesce(cast(former.scalar_subquery(), String), cast(RunText.service_ids, String))
    joined = deliveries.join(RunText, RunText.id == Delivery.text_id)
    return joined.where(Delivery.send_state.in_(GOT), _names(said, service))


def _names(service_ids: Any, service: Service) -> ColumnElement[bool]:
    """Match lists of services, as JSON, that hold a service: each of its numbers stands between two commas."""
    spaced = func.replace(func.replace(cast(service_ids, String), "[", ", "), "]", ",")
    return spaced.contains(f", {service.id},")
