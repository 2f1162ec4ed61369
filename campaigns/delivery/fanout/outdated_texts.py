"""Texts of a run that would not say the same today are found and rendered anew, and their run is paused.

A text names a helpline as it was when the run was planned. A run that was stopped because the number is wrong goes
on with the number that holds; what was called for before keeps what it said (`FormerText`).
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from campaigns.core import clock
from campaigns.core.errors import GateError, RefusedError
from campaigns.core.lists import MORE
from campaigns.core.sentences import LanguageName, Sentence
from campaigns.core.words import N_, Phrase
from campaigns.delivery.fanout.text_sources import load_renderer, read_at
from campaigns.delivery.fanout.texts import Combination, Rendered
from campaigns.delivery.lanes.call_limits import INTENT_LIFE
from campaigns.delivery.models import Delivery, FormerText, RunText
from campaigns.delivery.queries import in_state
from campaigns.delivery.states import SendState
from campaigns.directory.models import EmergencyNumber, Service
from campaigns.messages.help_numbers import kinds_asked
from campaigns.messages.named import NamedNumbers
from campaigns.messages.queries import load_named
from campaigns.messages.text.placeholders import names_in
from campaigns.planning import service as planning
from campaigns.planning.approvals import four_eyes
from campaigns.planning.campaign_content import FrozenRun
from campaigns.planning.models import Campaign, Run, RunState
from campaigns.planning.policy import Policy
from campaigns.staff import audit

#: A running run's texts are compared with the directory at least so often, and whenever the directory changed.
COMPARED_EVERY = timedelta(hours=1)
#: What changed so long ago may have been committed only since: a file of services takes its time.
COMMITS_WITHIN = timedelta(minutes=2)
#: Where a text does not hold that nobody waits for, comparing again rests so many times as long as it takes.
RESTS = 20
#: Helplines and languages that one sentence names.
MOST_NAMED = 3

_ON_THE_WAY = N_(
    "Some of its messages may be on their way with a number that does not hold any more."
    " Try again in half a minute."
)
_NOT_VERIFIED = N_(
    "The texts in %(languages)s name a helpline that may not be named now: its number is not verified,"
    " and no other helpline fits. Verify it first."
)
_OUTDATED = N_(
    "The number of %(helplines)s changed, or is not verified any more, since its texts were written."
    " When it holds, let the run go on: it then says the number of today."
)


def resume(session: Session, run: Run, *, by: int, policy: Policy) -> int:
    """Let a paused or stopped run go on, with texts that hold today; return how many were rendered anew.

    Raises what `planning.resume_run` does, RefusedError while a call with an old text may be under way,
    GateError when a text names a helpline that may not be named now and no other can be, and ApprovalError when it
    would name a number that nobody approved and the member wrote part of it.
    """
    planning.resume_run(session, run, by=by)
    if run.state == RunState.HELD:
        # Whoever lets it start approves what it says then.
        return 0
    if run.state == RunState.PLANNING or find_outdated(session, run, policy=policy):
        _approve_numbers(session, run, by=by)
    return renew_texts(session, run, policy=policy)


def find_new_numbers(session: Session, run: Run) -> list[str]:
    """Return the numbers for help that the run's texts may name when it goes on, and that nobody approved."""
    approved = run.frozen.get("numbers")
    return [] if approved is None else _named_now(session, run).beyond(NamedNumbers.from_json(approved))


def _named_now(session: Session, run: Run) -> NamedNumbers:
    return load_named(session, run.organisation_id, FrozenRun.from_json(run.frozen).all_texts)


def _approve_numbers(session: Session, run: Run, *, by: int) -> None:
    """Let the run name what may be named today: whoever resumes it approves that, as with a run that was held."""
    added = find_new_numbers(session, run)
    if not added:
        return
    if not run.is_rehearsal:
        four_eyes.check_no_editor(session, session.get_one(Campaign, run.campaign_id), by)
    numbers = NamedNumbers.from_json(run.frozen["numbers"]).joined(_named_now(session, run))
    run.frozen = {**run.frozen, "numbers": numbers.to_json()}
    session.flush()
    owner = {"organisation_id": run.organisation_id, "member_id": by}
    audit.record(session, "run.approve_numbers", subject=run, numbers=added, **owner)


def renew_texts(session: Session, run: Run, *, policy: Policy) -> int:
    """Render those texts of a run anew that would not say the same today; return how many there were.

    The run must be held, and must not be sending: what it calls for from now on says the new text, whether it was
    queued, cancelled or in doubt.
    """
    outdated = find_outdated(session, run, policy=policy)
    if not outdated:
        return 0
    now = clock.now()
    if _is_on_the_way(session, run, since=now - INTENT_LIFE):
        raise RefusedError(_ON_THE_WAY)
    texts = session.scalars(select(RunText).where(RunText.id.in_(outdated)).order_by(RunText.id)).all()
    combinations = {text: _combination_of(text) for text in texts}
    renderer = load_renderer(session, run, combinations.values(), policy=policy)
    rendered = {
        text: renderer.render(each, at=read_at(run, each, renderer, now=now))
        for text, each in combinations.items()
    }
    speechless = sorted({text.language for text, each in rendered.items() if each.body is None})
    if speechless:
        raise GateError(_NOT_VERIFIED, languages=tuple(map(LanguageName, speechless)))
    for text, each in rendered.items():
        _replace(session, text, each, now)
    session.flush()
    return len(rendered)


def find_outdated(session: Session, run: Run, *, policy: Policy) -> list[int]:
    """Return the ids of the run's texts that name a number for help and would not name the same one now."""
    texts = session.scalars(select(RunText).where(RunText.run_id == run.id, RunText.body.is_not(None))).all()
    if not texts:
        return []
    frozen = FrozenRun.from_json(run.frozen)
    combinations = {
        text: _combination_of(text)
        for text in texts
        if kinds_asked(names_in(frozen.text_on(text.channel, text.language)))
    }
    if not combinations:
        return []
    renderer = load_renderer(session, run, combinations.values(), policy=policy)
    now = clock.now()

    def is_outdated(text: RunText, combination: Combination) -> bool:
        # With its services alone: whether others would be named by now does not matter.
        own = [service for service in renderer.known.services if service.service_id in text.service_ids]
        alone = replace(renderer, known=replace(renderer.known, services=own))
        try:
            rendered = alone.render(combination, at=now)
        except GateError:
            return True
        return (rendered.body, rendered.content_variables) != (text.body, text.content_variables)

    return [text.id for text, combination in combinations.items() if is_outdated(text, combination)]


def load_former(session: Session, text_ids: Collection[int]) -> dict[int, list[FormerText]]:
    """Return what these texts said before, by the id of the text, the oldest first."""
    former: defaultdict[int, list[FormerText]] = defaultdict(list)
    rows = select(FormerText).where(FormerText.text_id.in_(text_ids)).order_by(FormerText.until)
    for each in session.scalars(rows):
        former[each.text_id].append(each)
    return former


def as_called(
    text: RunText, former: Mapping[int, Sequence[FormerText]], *, at: datetime | None
) -> RunText | FormerText:
    """Return the words with which a call of `at` was made; None: there was none yet, so those of now."""
    if at is None:
        return text
    return next((each for each in former.get(text.id, ()) if at < each.until), text)


@dataclass
class TextWatch:
    """Pauses runs whose queue names a helpline that may not be named so any more; remembers when it looked."""

    sessions: sessionmaker[Session]
    policy: Policy
    #: When each run was compared, and after how long it is compared again.
    _looked: dict[int, tuple[datetime, timedelta]] = field(default_factory=dict)

    def look(self) -> None:
        """Compare the texts of running runs that were not compared since the directory changed, or for long."""
        now = clock.now()
        running = self._running()
        due = [run_id for run_id, changed_at in running.items() if self._is_due(run_id, changed_at, now)]
        self._looked = {run_id: look for run_id, look in self._looked.items() if run_id in running}
        for run_id in due:
            began = time.monotonic()
            with self.sessions.begin() as session:
                is_outdated = pause_outdated(session, run_id, policy=self.policy)
            # Nobody waits for such a text now, but whoever is queued again later does.
            rest = timedelta(seconds=RESTS * (time.monotonic() - began)) if is_outdated else COMPARED_EVERY
            self._looked[run_id] = now, min(rest, COMPARED_EVERY)

    def _running(self) -> dict[int, datetime | None]:
        """Return the runs that send, and when a number for help of their organisation changed last."""
        times = (
            (Service.updated_at, Service.organisation_id),
            (EmergencyNumber.created_at, EmergencyNumber.organisation_id),
        )
        changes = [select(func.max(at)).where(owner == Run.organisation_id).correlate(Run) for at, owner in times]
        running = select(Run.id, *(each.scalar_subquery() for each in changes)).where(
            Run.state == RunState.RUNNING
        )
        with self.sessions() as session:
            session.connection(execution_options={"read_only": True})
            return {
                run_id: max((each for each in changed if each is not None), default=None)
                for run_id, *changed in session.execute(running)
            }

    def _is_due(self, run_id: int, changed_at: datetime | None, now: datetime) -> bool:
        if run_id not in self._looked:
            return True
        looked, again_after = self._looked[run_id]
        if not timedelta() <= now - looked < again_after:
            return True
        return changed_at is not None and changed_at >= looked - COMMITS_WITHIN


def pause_outdated(session: Session, run_id: int, *, policy: Policy) -> bool:
    """Pause a running run that still has people to write to with an outdated text; say whether it has any such."""
    running = select(Run).where(Run.id == run_id, Run.state == RunState.RUNNING)
    run = session.scalar(running)
    outdated = find_outdated(session, run, policy=policy) if run else []
    waiting = select(Delivery.id).where(Delivery.run_id == run_id, in_state(SendState.QUEUED))
    if not outdated or session.scalar(waiting.where(Delivery.text_id.in_(outdated)).limit(1)) is None:
        return bool(outdated)
    # Held only now: comparing takes longer than a stop should wait.
    held = session.scalar(running.with_for_update(of=Run).execution_options(populate_existing=True))
    if held is not None:
        planning.pause_run(session, held, reason=Sentence(_OUTDATED, {"helplines": _helplines(session, outdated)}))
    return True


def _helplines(session: Session, text_ids: Collection[int]) -> tuple[str, ...]:
    listed = session.scalars(select(RunText.service_ids).where(RunText.id.in_(text_ids)))
    named = {service_id for service_ids in listed for service_id in service_ids}
    names = select(Service.name).where(Service.id.in_(named)).order_by(Service.name, Service.id)
    found = list(session.scalars(names.limit(MOST_NAMED + 1)))
    quoted = [f"“{name}”" for name in found[:MOST_NAMED]] or [Phrase(N_("an emergency service"))]
    return (*quoted, *[MORE] * (len(found) > MOST_NAMED))


def _is_on_the_way(session: Session, run: Run, *, since: datetime) -> bool:
    """Say whether a call of this run may still be made by somebody who claimed it before."""
    claimed = select(Delivery.id).where(Delivery.run_id == run.id, in_state(SendState.SENDING))
    return session.scalar(claimed.where(Delivery.intent_at > since).limit(1)) is not None


def _replace(session: Session, text: RunText, rendered: Rendered, now: datetime) -> None:
    names = ("service_ids", "body", "parts", "content_sid", "content_variables")
    session.add(FormerText(text_id=text.id, until=now, **{name: getattr(text, name) for name in names}))
    for name in names:
        setattr(text, name, getattr(rendered, name))
    text.service_ids = list(rendered.service_ids)


def _combination_of(text: RunText) -> Combination:
    return Combination(**{each.name: getattr(text, each.name) for each in fields(Combination)})
