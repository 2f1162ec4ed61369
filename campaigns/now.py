"""The first page shows runs in flight, what waits for somebody, and what fires next, across all steps."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from flask import Blueprint, Flask, Response, current_app, jsonify, redirect, render_template, request, url_for
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as Redirect

from campaigns.audience.files.watch import Watched, find_watched
from campaigns.audience.forms import CHANNELS
from campaigns.begun import MOST_ON_NOW, Begun, find_begun
from campaigns.continuity.latch import SENTENCES, find_latch_reason
from campaigns.core import clock
from campaigns.core.sentences import Sentence
from campaigns.delivery.corrections.missed_people import Missing, count_missing
from campaigns.delivery.monitoring.empty_runs import find_empty_runs
from campaigns.delivery.monitoring.progress import select_runs
from campaigns.delivery.monitoring.run_page import OpenCount, alarms_of, open_of
from campaigns.directory.labels import OUTCOMES
from campaigns.directory.queries import count_due_services, select_dead_since
from campaigns.example.models import PartKind
from campaigns.example.queries import find_example, find_parts, has_earlier
from campaigns.inbox.escalation.views import Asked, find_asked
from campaigns.inbox.holds.hold_list import Waiting as Holds
from campaigns.inbox.holds.hold_list import waits_now
from campaigns.inbox.holds.settling import LIFT_STOP
from campaigns.inbox.incoming.strangers import find_strange_stops
from campaigns.inbox.media.queries import count_locked
from campaigns.inbox.queries import count_unheeded
from campaigns.members.first_steps import find_first_steps
from campaigns.members.founding import APPOINT, find_founding
from campaigns.messages.queries import find_unreviewed
from campaigns.messages.reviews.returned_texts import ReviewComment, find_returned
from campaigns.messages.translations.withdrawn_copies import Suspect, find_suspects
from campaigns.planning.lifecycle import IN_FLIGHT
from campaigns.planning.models import Campaign, CampaignState, Run, Schedule, ZonePolicy
from campaigns.planning.queries import find_held, find_submitted
from campaigns.planning.senders.connections import load_connections
from campaigns.planning.spending.queries import Left, MonthMoney, find_left, load_month
from campaigns.proposals.queries import select_agreed_since
from campaigns.proposals.views import agreeable, kinds_now
from campaigns.readiness.health import HealthLook
from campaigns.staff.auth import (
    current_member,
    current_membership,
    current_organisation,
    may_now,
    may_open,
    requires,
)
from campaigns.staff.credentials import load_credentials
from campaigns.staff.forms import ROLE_NAMES
from campaigns.staff.models import Member
from campaigns.staff.permissions import Permission
from campaigns.staff.queries import owned, select_acts
from campaigns.staff.service import CHANGE_PHONE
from campaigns.web.current import settings
from campaigns.web.session import session

pages = Blueprint("now", __name__)

MOST_ROWS = 8
#: A schedule that was not fired so long after its time is overdue: clocks look every few seconds.
LATE = timedelta(minutes=2)
#: Days for which members are told what two of them changed, and administrators of a stop that was lifted.
TOLD_DAYS = 7
#: For so long a run that wrote to nobody is told of.
EMPTY_TOLD = timedelta(days=3)
#: Where an application keeps its look at its health.
_HEALTH = "fingerpost.health"


@dataclass(frozen=True, slots=True)
class SendingRun:
    """A run in flight; `done` of its `total` messages need nothing more of us, None: they are being counted."""

    run: Run
    done: int | None
    total: int
    counted_at: datetime | None


@dataclass(frozen=True, slots=True)
class Firing:
    """When a campaign fires next: the instant, and the clock it is meant on."""

    campaign_id: int
    campaign: str
    at: datetime
    occurrence: datetime
    is_local: bool
    time_zone: str
    #: Whether its time is over and it was not fired: no worker lives, or it cannot be fired.
    is_overdue: bool = False


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits for this member, each list only if they may act on it: (id, name, …) and a count."""

    campaigns: list[tuple[int, str, bool]]
    held_runs: list[tuple[int, str, Sentence | None]]
    #: Message id, title, and the languages whose texts the member may review.
    texts: list[tuple[int, str, list[str]]]
    #: Texts that their reviewers returned, with what they said.
    returned: list[ReviewComment]
    services_due: int
    #: Messages that say what a partner withdrew.
    copies: list[Suspect]
    #: Senders in use over which nothing can be sent, with the reason.
    unconnected: list[tuple[str, str]]
    #: Offers on which the member may decide, by their state.
    offers: list[Asked]
    #: People who may have meant a stop.
    holds: Holds | None
    #: Contacts who asked for messages again, where nothing proves that it was they.
    unheeded: int
    #: Files in which a member suspects a child or sexual content.
    locked_files: int
    #: Corrections that people on hold missed: they still have what was wrong.
    missing: list[Missing]
    #: Stops that data managers lifted lately: contact id, their name, when.
    lifted: list[tuple[int, str, datetime]]
    #: Members who proved another phone lately: who, when.
    phones: list[tuple[str, datetime]]
    #: Changes to which the member may agree: id, what is changed, who proposed it.
    proposals: list[tuple[int, str, str]]
    #: What was spent of the month's limit, once members are to be warned of it.
    spending: MonthMoney | None
    #: Accounts at providers that soon have no money left.
    low: list[Left]
    #: Members who had to do with small numbers of people many times within a day.
    watched: list[Watched]

    def __bool__(self) -> bool:
        told = (
            self.campaigns
            or self.held_runs
            or self.texts
            or self.returned
            or self.services_due
            or self.copies
            or self.lifted
        )
        money = self.spending or self.low
        red = money or self.unconnected or self.missing or self.unheeded or self.watched or self.offers
        people = (self.holds and self.holds.people) or self.locked_files
        return bool(told or red or people or self.phones or self.proposals)


@dataclass(frozen=True, slots=True)
class Appointment:
    """Roles that one administrator gave alone while nobody else was there."""

    who: str
    roles: list[str]
    by: str
    at: datetime


@pages.get("/")
@requires()
def index() -> str:
    """Show what happens now, what waits for the member, and what comes next."""
    waiting = _waiting_for_member(current_organisation().id)
    strange = find_strange_stops(session(), current_organisation().id, now=clock.now())
    moving = _moving(current_organisation().id)
    lately = clock.now() - timedelta(days=TOLD_DAYS)
    agreed = select_agreed_since(current_organisation().id, lately)
    dead = session().execute(select_dead_since(current_organisation().id, lately).limit(MOST_ROWS)).all()
    changed = [
        (each.id, kinds_now()[each.kind].title, first, second, each.settled_at)
        for each, first, second in session().execute(agreed.limit(MOST_ROWS))
    ]
    known = {"waiting": waiting, "strange": strange, "changed": changed, "dead": dead, "outcomes": OUTCOMES}
    founding = find_founding(session(), current_organisation().id)
    appointed = find_appointed(session(), current_organisation().id, now=clock.now())
    steps = find_first_steps(session(), settings(), current_organisation().id, founding) if founding else []
    known |= {"founding": founding, "first_steps": steps, "appointed": appointed, "role_names": ROLE_NAMES}
    known |= {
        "hides_steps": current_membership().hides_first_steps,
        "example": find_example(session(), current_organisation().id),
        "empty_runs": _empty_runs(current_organisation().id),
        "begun": _find_begun(),
        "may_add_example": bool(steps) and not has_earlier(session(), current_organisation().id),
    }
    words = {"channels": CHANNELS, "may_open": may_open, "most_begun": MOST_ON_NOW}
    return render_template("now.html", **words, **known, **moving)


@pages.post("/now/first-steps")
@requires()
def turn_first_steps() -> Redirect:
    """Put the list of first steps away for this member, or bring it back."""
    current_membership().hides_first_steps = request.form.get("hidden") == "1"
    return redirect(url_for("now.index"))


@pages.get("/now/sending")
@requires()
def show_sending() -> str:
    """Show the runs in flight and what comes next, for the page that renews itself."""
    return render_template("now_moving.html", **_moving(current_organisation().id))


@pages.get("/health")
def health() -> Response:
    """Say what is wrong; with status 503 only when no stop could be kept, see `campaigns/readiness/health.py`."""
    found = _health_look().report()
    answer = jsonify(status="stops cannot be kept" if found.hindrance else "ok", wrong=[*found.sentences()])
    answer.status_code = 503 if found.hindrance else 200
    return answer


def init_health(app: Flask, look: HealthLook) -> None:
    """Let the pages of `app` say what `look` finds."""
    app.extensions[_HEALTH] = look


def _health_look() -> HealthLook:
    return cast(HealthLook, current_app.extensions[_HEALTH])


def load_sending(session: Session, organisation_id: int) -> list[Run]:
    """Return the organisation's runs in flight, newest first."""
    return list(session.scalars(select_runs(organisation_id).where(Run.state.in_(IN_FLIGHT)).limit(MOST_ROWS)))


def load_firings(session: Session, organisation_id: int) -> list[Firing]:
    """Return the next firings of the organisation's approved campaigns, soonest first."""
    overdue = clock.now() - LATE
    rows = session.execute(
        owned(select(Schedule, Campaign.id, Campaign.name), Campaign, organisation_id)
        .join(Campaign, Campaign.id == Schedule.campaign_id)
        .where(Campaign.state == CampaignState.APPROVED, Schedule.removed_at.is_(None))
        .where(Schedule.next_fire_at.is_not(None))
        .order_by(Schedule.next_fire_at, Schedule.id)
        .limit(MOST_ROWS)
    )
    return [
        Firing(
            campaign_id=campaign_id,
            campaign=name,
            at=schedule.next_fire_at,
            occurrence=schedule.next_occurrence,
            is_local=schedule.zone_policy == ZonePolicy.RECIPIENT,
            time_zone=schedule.time_zone,
            is_overdue=schedule.next_fire_at < overdue,
        )
        for schedule, campaign_id, name in rows
        if schedule.next_fire_at and schedule.next_occurrence
    ]


def find_texts(session: Session, organisation_id: int, member_id: int) -> list[tuple[int, str, list[str]]]:
    """Return (id, title, languages) of the messages with texts that the member may review."""
    found = find_unreviewed(session, organisation_id, member_id)
    return [(message.id, message.title, languages) for message, languages in found[:MOST_ROWS]]


def find_lifted(session: Session, organisation_id: int, *, now: datetime) -> list[tuple[int, str, datetime]]:
    """Return (contact id, name of who did it, when) of the stops that members lifted lately, newest first."""
    lately = select_acts(organisation_id, LIFT_STOP, since=now - timedelta(days=TOLD_DAYS))
    rows = session.execute(lately.limit(MOST_ROWS))
    return [(entry.subject_id, name or "", entry.at) for entry, name in rows]


def find_phones(session: Session, organisation_id: int, *, now: datetime) -> list[tuple[str, datetime]]:
    """Return (name, when) of the members who proved another phone to be theirs lately, newest first."""
    lately = select_acts(organisation_id, CHANGE_PHONE, since=now - timedelta(days=TOLD_DAYS))
    return [(name or "", entry.at) for entry, name in session.execute(lately.limit(MOST_ROWS))]


def find_appointed(session: Session, organisation_id: int, *, now: datetime) -> list[Appointment]:
    """Return what one administrator gave alone lately, newest first."""
    lately = select_acts(organisation_id, APPOINT, since=now - timedelta(days=TOLD_DAYS))
    rows = session.execute(lately.limit(MOST_ROWS)).all()
    members = select(Member.id, Member.name).where(Member.id.in_([entry.subject_id for entry, _ in rows]))
    names = {row.id: row.name for row in session.execute(members)}
    return [
        Appointment(names.get(entry.subject_id, "?"), entry.detail["roles"], name or "?", entry.at)
        for entry, name in rows
    ]


def _moving(organisation_id: int) -> dict[str, Any]:
    """Return what renews itself on the page."""
    reads_plans = may_now(Permission.READ_PLANS)
    runs = load_sending(session(), organisation_id) if reads_plans else []
    open_by_run = open_of(runs)
    moving = [_sending(run, open_by_run.get(run.id)) for run in runs]
    reason = find_latch_reason(session())
    return {
        "latched": None if reason is None else SENTENCES[reason],
        "health": _health_look().report(),
        "sending": moving,
        "alarms_by_run": {each.run.id: alarms_of(each.run) for each in moving},
        "firings": load_firings(session(), organisation_id) if reads_plans else [],
    }


def _sending(run: Run, waiting: OpenCount | None) -> SendingRun:
    if waiting is None:
        return SendingRun(run, done=None, total=run.planned, counted_at=None)
    done = max(0, waiting.planned - waiting.people)
    return SendingRun(run, done=done, total=waiting.planned, counted_at=waiting.counted_at)


def _empty_runs(organisation_id: int) -> list[tuple[Run, dict[str, int]]]:
    """Return the runs that lately wrote to nobody, with whom they left out, for whoever reads plans."""
    since = clock.now() - EMPTY_TOLD
    reads_plans = may_now(Permission.READ_PLANS)
    return find_empty_runs(session(), organisation_id, since=since, most=MOST_ROWS) if reads_plans else []


def _waiting_for_member(organisation_id: int) -> Waiting:
    reviews, edits = may_now(Permission.REVIEW), may_now(Permission.EDIT)
    administers = may_now(Permission.ADMINISTER)
    return Waiting(
        campaigns=find_submitted(session(), organisation_id, most=MOST_ROWS) if reviews else [],
        held_runs=find_held(session(), organisation_id, most=MOST_ROWS) if reviews else [],
        texts=find_texts(session(), organisation_id, current_member().id) if reviews else [],
        returned=find_returned(session(), organisation_id, most=MOST_ROWS) if edits else [],
        services_due=_count_services_due(organisation_id) if reviews else 0,
        unconnected=_find_unconnected(organisation_id) if reviews or edits or administers else [],
        copies=find_suspects(session(), organisation_id)[:MOST_ROWS] if reviews or edits else [],
        offers=[asked for asked in find_asked() if asked.is_here],
        holds=_holds() if may_now(Permission.SETTLE_CONSENT) else None,
        unheeded=_count_unheeded(organisation_id),
        locked_files=count_locked(session(), organisation_id) if may_now(Permission.HANDLE_CONTACTS) else 0,
        missing=_find_missing(organisation_id) if may_now(Permission.SETTLE_CONSENT) else [],
        lifted=find_lifted(session(), organisation_id, now=clock.now()) if may_now(Permission.ADMINISTER) else [],
        phones=find_phones(session(), organisation_id, now=clock.now()) if administers else [],
        proposals=_find_proposals(),
        spending=_find_spending(organisation_id) if reviews or edits or administers else None,
        low=_find_low(organisation_id) if reviews or edits or administers else [],
        watched=_find_watched(organisation_id) if administers or may_now(Permission.HANDLE_CONTACTS) else [],
    )


def _find_begun() -> list[Begun]:
    """Return the newest drafts of the member, and one more where there are more."""
    if not may_now(Permission.EDIT):
        return []
    return find_begun(session(), current_organisation().id, current_member().id, most=MOST_ON_NOW + 1)


def _find_proposals() -> list[tuple[int, str, str]]:
    rows = session().execute(agreeable().limit(MOST_ROWS))
    return [(each.id, kinds_now()[each.kind].title, name) for each, name in rows]


def _holds() -> Holds:
    # Who wrote and is no contact stands in the inbox alone.
    reads_inbox = may_now(Permission.ANSWER)
    return waits_now(session(), current_organisation(), settings(), strangers=reads_inbox)


def _count_unheeded(organisation_id: int) -> int:
    is_told = may_now(Permission.ANSWER) or may_now(Permission.HANDLE_CONTACTS)
    return count_unheeded(session(), organisation_id, now=clock.now()) if is_told else 0


def _find_spending(organisation_id: int) -> MonthMoney | None:
    money = load_month(session(), organisation_id, now=clock.now())
    return money if money.is_warned_of else None


def _find_low(organisation_id: int) -> list[Left]:
    names = load_credentials(session(), settings()).names_of(organisation_id)
    return [left for left in find_left(session(), names, now=clock.now()) if left.is_low]


def _find_watched(organisation_id: int) -> list[Watched]:
    return find_watched(session(), organisation_id, now=clock.now())


def _find_missing(organisation_id: int) -> list[Missing]:
    return count_missing(session(), organisation_id, limit=MOST_ROWS)


def _find_unconnected(organisation_id: int) -> list[tuple[str, str]]:
    connections = load_connections(session(), settings(), organisation_id)
    # Nothing is ever to be sent over that of the example.
    example = set(find_parts(session(), organisation_id, PartKind.SENDER))
    return [
        (each.sender.name, each.fault)
        for each in connections
        if each.sender.active and each.fault and each.sender.id not in example
    ]


def _count_services_due(organisation_id: int) -> int:
    limit = settings().service_max_age_days
    return count_due_services(session(), organisation_id, clock.now(), fresh_days=limit)
