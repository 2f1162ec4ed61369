"""`fingerpost stop` ends runs from a machine that has the database, whether or not a console answers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import URL, func, or_, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session, sessionmaker

from campaigns.core import clock
from campaigns.core.database import make_sessions, make_worker_engine, wait_for_locks
from campaigns.core.errors import FingerpostError, NotFoundError, TransitionError, UnavailableError
from campaigns.core.processes.outages import sentence_about
from campaigns.core.sentences import Sentence
from campaigns.core.settings import Settings
from campaigns.core.words import N_
from campaigns.delivery.models import Delivery
from campaigns.delivery.monitoring.alarm_facts import is_worker_alive
from campaigns.delivery.queries import in_state
from campaigns.delivery.service import cancel_queued
from campaigns.delivery.states import SendState
from campaigns.planning.lifecycle import LIVING
from campaigns.planning.models import Campaign, CampaignState, Run, RunState, Schedule
from campaigns.planning.runs.firing import stop_run
from campaigns.readiness.instance import check_file, check_server
from campaigns.staff.models import Organisation

#: What members read of a run that was stopped so.
REASON = N_("Stopped by whoever runs this system, by a command and not on a page.")
#: Calls that are under way get so long to end before it is told that they have not, in seconds.
OBEYED_WITHIN = 5.0
LOOK_EVERY = 0.1
#: How long a run waits for what others hold locked, in seconds: in a first round over all, and in a second one.
WAITS = (2, 15)


@dataclass(slots=True)
class _Outcome:
    """What became of each run, by its id."""

    lines: dict[int, str] = field(default_factory=dict)
    stopped: list[int] = field(default_factory=list)
    hindered: dict[int, Exception] = field(default_factory=dict)


def stop_by_command(
    settings: Settings, run_id: int | None, *, seconds: Callable[[], float] = time.monotonic
) -> Iterator[str]:
    """Stop a run, or with None every run that is or may be sent; tell line by line what was done.

    Everything is stopped before the first line. Raises NotFoundError for a run that does not exist, SettingsError
    or UnavailableError without a database, and UnavailableError after the last line when a run was not stopped.
    """
    engine = make_worker_engine(settings.database_url)
    try:
        # Nothing else is asked that could wait for somebody: every second counts.
        check_file(engine.url)
        check_server(engine)
        yield from _stop(make_sessions(engine), run_id, seconds)
    finally:
        engine.dispose()


def _stop(sessions: sessionmaker[Session], run_id: int | None, seconds: Callable[[], float]) -> Iterator[str]:
    began_at, outcome = seconds(), _stop_each(sessions, run_id)
    if run_id in outcome.hindered:
        error = outcome.hindered[run_id]
        if not isinstance(error, NotFoundError):
            yield f"This was tried in {_where(sessions)}."
        raise error
    yield from outcome.lines.values()
    for hindered_id, error in outcome.hindered.items():
        yield f"Run {hindered_id} is NOT stopped: {_reason(error)}"
    if outcome.stopped:
        yield from _tell_rest(sessions, outcome.stopped, began_at, seconds)
    tried = "This was tried" if outcome.hindered else "No run is being sent, planned, paused or held"
    yield f"{'This was done' if outcome.lines else tried} in {_where(sessions)}."
    if run_id is None:
        yield from _tell_coming(sessions)
    if outcome.hindered:
        ids = ", ".join(map(str, outcome.hindered))
        raise UnavailableError(f"Not every run is stopped: {ids}. Repeat this, or end the workers: they send it.")


def _stop_each(sessions: sessionmaker[Session], run_id: int | None) -> _Outcome:
    """Stop all before a word is said: neither a slow reader nor what hinders one run keeps another going."""
    outcome = _Outcome()
    for wait in WAITS:
        for chosen_id in [run_id] if run_id is not None else _find_living(sessions):
            if chosen_id in outcome.lines:
                continue
            try:
                _stop_one(sessions, chosen_id, outcome, wait=wait)
            except Exception as error:
                outcome.hindered[chosen_id] = error
            else:
                outcome.hindered.pop(chosen_id, None)
    return outcome


def _stop_one(sessions: sessionmaker[Session], run_id: int, outcome: _Outcome, *, wait: int) -> None:
    with sessions.begin() as session:
        wait_for_locks(session, seconds=wait)
        run = session.get(Run, run_id)
        if run is None:
            raise NotFoundError(f"There is no run {run_id} in {_where(sessions)}.")
        name = _named(session, run)
        try:
            stop_run(session, run, by=None, reason=Sentence(REASON))
        except TransitionError:
            outcome.lines[run_id] = f"{name} is {run.state} already: nothing of it is sent."
            return
    # Once it is committed.
    outcome.stopped.append(run_id)
    outcome.lines[run_id] = f"{name} is stopped."


def _where(sessions: sessionmaker[Session]) -> str:
    """Return the database's address: a shell without the settings of the services opens another one."""
    url: URL = sessions.kw["bind"].url
    return url.render_as_string()


def _reason(error: Exception) -> str:
    if isinstance(error, DBAPIError):
        return sentence_about(error)
    return str(error) if isinstance(error, FingerpostError) else f"{type(error).__name__}: {error}"


def _find_living(sessions: sessionmaker[Session]) -> list[int]:
    """Return the runs that may still send something, first those that do."""
    first = (Run.state != RunState.RUNNING, Run.state != RunState.PLANNING, Run.id)
    with sessions() as session:
        session.connection(execution_options={"read_only": True})
        return list(session.scalars(select(Run.id).where(Run.state.in_(LIVING)).order_by(*first)))


def _named(session: Session, run: Run) -> str:
    slug = session.get_one(Organisation, run.organisation_id).slug
    if run.campaign_id is None:
        return f"Run {run.id} of {slug}, to one person,"
    campaign = session.get_one(Campaign, run.campaign_id).name
    kind = "Rehearsal" if run.is_rehearsal else "Run"
    return f"{kind} {run.id} of {slug}, “{campaign}”,"


def _tell_rest(
    sessions: sessionmaker[Session], stopped: list[int], began_at: float, seconds: Callable[[], float]
) -> Iterator[str]:
    """Wait until no call of what was stopped is under way, and tell what will not be sent."""
    for run_id in stopped:
        # The worker cancels the rest of a long queue, and what is locked now.
        with suppress(DBAPIError), sessions.begin() as session:
            wait_for_locks(session, seconds=WAITS[0])
            cancel_queued(session, run_id)
    under_way = _count(sessions, stopped, SendState.SENDING)
    while under_way and seconds() - began_at < OBEYED_WITHIN:
        time.sleep(LOOK_EVERY)
        under_way = _count(sessions, stopped, SendState.SENDING)
    unsent = _count(sessions, stopped, SendState.QUEUED, SendState.CANCELLED)
    yield f"{unsent:,} messages will not be sent."
    if not under_way:
        yield f"No call is under way any more, {seconds() - began_at:.1f} seconds after the command began."
        return
    yield f"{under_way:,} calls were begun before and are under way still, or a worker ended during them."
    with sessions() as session:
        session.connection(execution_options={"read_only": True})
        if not is_worker_alive(session):
            yield "No worker is running: nothing is sent; the next one settles these calls."


def _tell_coming(sessions: sessionmaker[Session]) -> Iterator[str]:
    """Tell of campaigns that make another run by themselves."""
    coming = (
        select(Campaign.id, Campaign.name, func.min(Schedule.next_fire_at))
        .join(Schedule, Schedule.campaign_id == Campaign.id)
        .where(Campaign.state == CampaignState.APPROVED, Schedule.removed_at.is_(None))
        .where(Schedule.next_fire_at.is_not(None))
        .group_by(Campaign.id, Campaign.name)
        .order_by(func.min(Schedule.next_fire_at))
    )
    with sessions() as session:
        session.connection(execution_options={"read_only": True})
        rows = session.execute(coming).all()
    if rows:
        yield "These campaigns begin another run by themselves, unless the worker is ended or they are taken back:"
    for campaign_id, name, at in rows:
        yield f"  campaign {campaign_id}, “{name}”, {_when(at)}"


def _when(at: datetime | None) -> str:
    return "at once" if at is None or at <= clock.now() else f"at {at:%Y-%m-%d %H:%M} UTC"


def _count(sessions: sessionmaker[Session], run_ids: list[int], *states: SendState) -> int:
    wanted = select(func.count(Delivery.id)).where(Delivery.run_id.in_(run_ids), or_(*map(in_state, states)))
    with sessions() as session:
        session.connection(execution_options={"read_only": True})
        return session.scalar(wanted) or 0
