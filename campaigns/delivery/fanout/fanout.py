"""Fan-out: a run becomes deliveries by one INSERT … SELECT a chunk; no list of people ever exists in memory.

A chunk is a range of contact ids. Its transaction resolves the audience into a temporary table, renders what the
table needs and nobody rendered yet, inserts the deliveries, counts who was left out, and moves the run's cursor.
So a process may die at any instant: the next one goes on after the cursor, and UNIQUE(run, contact) forbids a
second delivery even if it did not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from functools import cached_property
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    MetaData,
    Select,
    String,
    Table,
    and_,
    case,
    delete,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.orm import Session, aliased, sessionmaker

from campaigns.audience.consent.urgent_contacts import select_urgent
from campaigns.audience.models import Contact
from campaigns.audience.rules import UNKNOWN_ZONE, AudienceRule, LeftOut, Resolution, select_resolved
from campaigns.core import clock
from campaigns.core.database import insert_or
from campaigns.core.errors import FingerpostError
from campaigns.core.processes.crash import crash_point
from campaigns.core.sentences import Sentence
from campaigns.delivery.fanout.asked_people import asked_by_others
from campaigns.delivery.fanout.canary import NO_CANARY, CanaryRule, choose_canary
from campaigns.delivery.fanout.correction_recipients import find_wrong_runs, may_be_on_the_way, select_corrected
from campaigns.delivery.fanout.frequency_cap import await_turn, select_capped
from campaigns.delivery.fanout.invented_people import MOST_INVENTED, invent_people
from campaigns.delivery.fanout.merged_occurrences import is_told_then
from campaigns.delivery.fanout.send_times import add_zone
from campaigns.delivery.fanout.sender_options import choices_of
from campaigns.delivery.fanout.text_sources import load_renderer, read_at
from campaigns.delivery.fanout.texts import Combination, Dimensions
from campaigns.delivery.lanes.lane_jobs import enqueue_lanes
from campaigns.delivery.models import Delivery, RunLeftOut, RunText, RunZone
from campaigns.delivery.one_person.answerable_senders import stop_way
from campaigns.delivery.one_person.shared_numbers import has_shared, select_doubled
from campaigns.delivery.queries import is_overtaken
from campaigns.delivery.references import new_reference
from campaigns.delivery.states import SendState
from campaigns.places.models import Region
from campaigns.planning.campaign_content import FrozenRun
from campaigns.planning.covers import check_cover
from campaigns.planning.models import Run, RunState
from campaigns.planning.policy import Policy
from campaigns.planning.runs.runs_of_withdrawn import let_go_on
from campaigns.planning.service import pause_run
from campaigns.staff import audit

#: Contact ids in one chunk: a second or less of one transaction, so that opt-outs and stops are not held up.
CHUNK = 50_000

#: The people of a chunk as the audience resolves them; lives for one transaction.
PEOPLE = Table(
    "fan_out_people",
    MetaData(),
    Column("contact_id", BigInteger),
    Column("address_id", BigInteger),
    Column("channel", String),
    Column("sender_id", BigInteger),
    Column("language", String),
    Column("region_id", BigInteger),
    Column("time_zone", String),
    Column("place_id", BigInteger),
    Column("roaming", Boolean),
    Column("number_country", String),
    Column("reason", String),
    prefixes=["TEMPORARY"],
    postgresql_on_commit="DROP",
)
_NAMES = [column.name for column in PEOPLE.columns]


def fan_out(
    sessions: sessionmaker[Session],
    run_id: int,
    *,
    policy: Policy,
    canary: CanaryRule = NO_CANARY,
    chunk: int = CHUNK,
    may_go_on: Callable[[], bool] = lambda: True,
) -> None:
    """Make the deliveries of a run that is being planned, then let it run (or be done when there are none).

    Any number of processes may do so at once, and any of them may die. A text that fails its gate pauses the run
    with the reason. A run that is stopped or paused meanwhile stays where it is. `may_go_on` is asked before each
    chunk, and whether a more urgent run waits for its own fan-out; the next call goes on from there. The first few
    messages of a large run go ahead as `canary` says.
    """
    try:
        going = True
        while going and may_go_on() and not is_overtaken(sessions, run_id):
            with sessions.begin() as session:
                await_turn(session, run_id)
                run = _hold(session, run_id)
                going = run is not None and Planner(session, run, policy, canary).plan_chunk(chunk)
            crash_point("planned")
    except FingerpostError as error:
        with sessions.begin() as session:
            run = _hold(session, run_id)
            if run is not None:
                pause_run(session, run, reason=Sentence.of(error))


def _hold(session: Session, run_id: int) -> Run | None:
    """Return the run locked, or None when it is not being planned or somebody else plans it now."""
    statement = select(Run).where(Run.id == run_id, Run.state == RunState.PLANNING)
    return session.scalar(statement.with_for_update(skip_locked=True, of=Run))


class Planner:
    """Plans one chunk of one run inside one transaction."""

    def __init__(self, session: Session, run: Run, policy: Policy, canary: CanaryRule = NO_CANARY) -> None:
        self._session = session
        self._run = run
        self._frozen = FrozenRun.from_json(run.frozen)
        self._dimensions = Dimensions.of(self._frozen)
        self._policy = policy
        self._canary = canary
        self._now = clock.now()

    def plan_chunk(self, chunk: int) -> bool:
        """Plan the next `chunk` contact ids and return whether there may be more."""
        run, last = self._run, self._last()
        if run.planned_through >= last:
            self._finish()
            return False
        check_cover(self._session, run, self._frozen)
        through = min(run.planned_through + chunk, last)
        self._plan(run.planned_through, through)
        run.planned_through = through
        return True

    def plan_late(self, after: int, chunk: int) -> int | None:
        """Plan those of a chunk whom a correction could not know of at first; return where the next one begins.

        While wrong messages are on their way, each look begins anew. The look after that is the last: it counts,
        and its place is kept in the run (below 0), so that nobody else counts a chunk again.
        """
        session, run, last, before = self._session, self._run, self._last(), self._run.planned
        # Asked before the people are read: who is on the way now comes with the next look.
        is_last_look = run.planned_through < 0 or (not after and not self._is_awaited)
        if is_last_look:
            after = -run.planned_through
            if not after:
                session.execute(delete(RunLeftOut).where(RunLeftOut.run_id == run.id))
        through = min(after + chunk, last)
        self._plan(after, through, counts=is_last_look)
        is_over = through >= last
        if is_last_look:
            run.planned_through = max(last, 1) if is_over else -through
        if run.planned > before:
            let_go_on(session, run)
            enqueue_lanes(session, {(sender.sender_id, run.is_rehearsal) for sender in run.ranked_senders})
        return None if is_over else through

    @cached_property
    def _wrong(self) -> list[int]:
        """The runs that a correction corrects; none of any other run."""
        corrects_id = self._run.corrects_id
        return (
            [] if corrects_id is None else find_wrong_runs(self._session, self._session.get_one(Run, corrects_id))
        )

    @cached_property
    def _is_awaited(self) -> bool:
        """Whether wrong messages may be on their way, so that more people may turn out to have got one."""
        return bool(self._wrong) and may_be_on_the_way(self._session, self._run, self._wrong)

    def _last(self) -> int:
        if self._run.is_rehearsal:
            return MOST_INVENTED
        own = Contact.organisation_id == self._run.organisation_id
        return self._session.scalar(select(func.max(Contact.id)).where(own)) or 0

    def _plan(self, after: int, through: int, *, counts: bool = True) -> None:
        """Plan the people with an id in (after, through], and count whom the run leaves out."""
        session = self._session
        PEOPLE.create(session.connection())
        if self._run.is_rehearsal:
            self._invent(after, through)
        else:
            session.execute(insert(PEOPLE).from_select(_NAMES, self._people(after, through)))
            self._leave_out_capped(after, through)
            self._leave_out_doubled(after, through)
            self._leave_out_urgent(after, through)
        self._add_zones()
        # Those who get the same by another run at the very instant, or whom another one asks whether to go on.
        self._leave_out(is_told_then(session, self._run, PEOPLE), LeftOut.MERGED)
        self._leave_out(asked_by_others(session, self._run, PEOPLE, at=self._now), LeftOut.MERGED)
        self._add_texts()
        self._run.planned += self._add_deliveries()
        if counts:
            self._count_left_out()
        PEOPLE.drop(session.connection())

    def _finish(self) -> None:
        run = self._run
        run.started_at = self._now
        if run.corrects_id is not None:
            # Those whose chunk was planned while their wrong message was on its way come with a later look.
            run.planned_through = 0
        run.state = RunState.RUNNING if run.planned else RunState.DONE
        if run.state == RunState.DONE:
            run.finished_at = self._now
        else:
            choose_canary(self._session, run, self._canary)
            enqueue_lanes(self._session, {(sender.sender_id, run.is_rehearsal) for sender in run.ranked_senders})
        audit.record(
            self._session, "run.plan", subject=run, organisation_id=run.organisation_id, people=run.planned
        )

    def _people(self, after: int, through: int) -> Select[*tuple[Any, ...]]:
        """Select everybody the audience means with an id in (after, through], in the order of PEOPLE's columns."""
        frozen = self._frozen
        if self._run.corrects_id is not None:
            corrected = select_corrected(self._run, self._wrong, after=after, through=through)
            return corrected.with_only_columns(*(corrected.selected_columns[name] for name in _NAMES))
        resolution = Resolution(
            senders=choices_of(self._run, frozen),
            languages=tuple(frozen.texts),
            fallback_language=frozen.fallback_language,
            default_zone=UNKNOWN_ZONE,
            now=self._now,
        )
        rule = AudienceRule.from_json(frozen.rule)
        resolved = select_resolved(rule, self._run.organisation_id, resolution, after=after, through=through)
        roaming: ColumnElement[Any] = literal(False)
        country = func.coalesce(resolved.selected_columns["number_country"], "")
        if self._dimensions.region:
            here = aliased(Region)
            resolved = resolved.outerjoin(here, here.id == Contact.region_id)
            roaming = country != func.coalesce(here.country, "?")
        named = {column.name: column for column in resolved.selected_columns}
        named |= {"roaming": roaming, "number_country": country}
        return resolved.with_only_columns(*(named[name] for name in _NAMES))

    def _invent(self, after: int, through: int) -> None:
        people = invent_people(self._session, self._run, self._frozen, after=after, through=through)
        if people:
            self._session.execute(insert(PEOPLE), people)

    def _leave_out_capped(self, after: int, through: int) -> None:
        """Leave out those of the chunk who would be written to, but had enough messages lately."""
        capped = select_capped(
            self._session, self._run, self._frozen.cap, now=self._now, after=after, through=through
        )
        if capped is not None:
            self._leave_out(PEOPLE.c.contact_id.in_(capped), LeftOut.CAPPED)

    def _leave_out_urgent(self, after: int, through: int) -> None:
        """Leave out those of the chunk who speak with the team about a danger, unless something is corrected."""
        if self._run.corrects_id is None:
            urgent = select_urgent(now=self._now, after=after, through=through)
            self._leave_out(PEOPLE.c.contact_id.in_(urgent), LeftOut.URGENT)

    def _leave_out_doubled(self, after: int, through: int) -> None:
        """Leave out those of the chunk whose number another contact has, to whom the run writes already."""
        if has_shared(self._session, after=after, through=through):
            doubled = select_doubled(PEOPLE, self._run.id, after=after, through=through)
            self._leave_out(PEOPLE.c.contact_id.in_(doubled), LeftOut.SAME_NUMBER)

    def _leave_out(self, those: ColumnElement[bool] | None, why: LeftOut) -> None:
        if those is not None:
            self._session.execute(update(PEOPLE).where(_written_to(), those).values(reason=why.value))

    def _add_zones(self) -> None:
        """Write when people of each time zone and country of the chunk are due; a released run is from now on."""
        key = (PEOPLE.c.time_zone, PEOPLE.c.number_country)
        new = PEOPLE.outerjoin(RunZone, self._same_zone())
        found = select(*key).distinct().select_from(new).where(_written_to(), RunZone.run_id.is_(None))
        for zone, country in self._session.execute(found).all():
            add_zone(self._session, self._run, self._frozen, zone, country, now=self._now)
        self._session.flush()

    def _same_zone(self) -> ColumnElement[bool]:
        same = and_(RunZone.time_zone == PEOPLE.c.time_zone, RunZone.country == PEOPLE.c.number_country)
        return and_(RunZone.run_id == self._run.id, same)

    def _add_texts(self) -> None:
        """Render each combination of the chunk that the run has no text for."""
        key = self._key()
        missing = (
            select(*(column.label(name) for name, column in key.items()))
            .distinct()
            .select_from(PEOPLE.outerjoin(RunText, self._same_text()))
            .where(_written_to(), RunText.id.is_(None))
        )
        found = [Combination(**row) for row in self._session.execute(missing).mappings()]
        wanted = self._dimensions.over_all_senders(found, self._run.ranked_senders)
        if not wanted:
            return
        renderer = load_renderer(self._session, self._run, wanted, policy=self._policy)
        for combination in wanted:
            text = renderer.render(combination, at=read_at(self._run, combination, renderer, now=self._now))
            self._session.add(
                RunText(
                    run_id=self._run.id,
                    **asdict(combination),
                    service_ids=list(text.service_ids),
                    body=text.body,
                    parts=text.parts,
                    content_sid=text.content_sid,
                    content_variables=text.content_variables,
                )
            )
        self._session.flush()

    def _key(self) -> dict[str, ColumnElement[Any]]:
        """Return the columns that tell texts apart; what they do not depend on is '' or 0."""
        on = self._dimensions
        people = PEOPLE.c
        return {
            "language": people.language,
            "region_id": people.region_id if on.region else literal(0),
            "time_zone": people.time_zone if on.zone else literal("", String()),
            "place_id": people.place_id if on.place else literal(0),
            "roaming": people.roaming if on.region else literal(False),
            "channel": people.channel if on.channel else literal("", String()),
            "stop": stop_way(self._session, self._run, people) if on.stop else literal("", String()),
        }

    def _same_text(self) -> ColumnElement[bool]:
        same = [getattr(RunText, name) == column for name, column in self._key().items()]
        return and_(RunText.run_id == self._run.id, *same)

    def _add_deliveries(self) -> int:
        """Insert the deliveries of the chunk and return how many there are."""
        values: dict[str, Any] = {
            "run_id": literal(self._run.id, BigInteger()),
            "contact_id": PEOPLE.c.contact_id,
            "address_id": PEOPLE.c.address_id,
            "channel": PEOPLE.c.channel,
            "sender_id": PEOPLE.c.sender_id,
            "text_id": RunText.id,
            "region_id": PEOPLE.c.region_id,
            "send_state": literal(SendState.QUEUED.value, String()),
            "reference": new_reference(is_rehearsal=self._run.is_rehearsal),
            "attempts": literal(0),
            "due_at": RunZone.due_at,
            "expires_at": RunZone.expires_at,
        }
        rows = (
            select(*values.values())
            .select_from(PEOPLE.join(RunZone, self._same_zone()).join(RunText, self._same_text()))
            .where(_written_to(), RunText.body.is_not(None))
        )
        statement = insert(Delivery).from_select(list(values), rows)
        result: Any = self._session.execute(statement, execution_options={"preserve_rowcount": True})
        return int(result.rowcount)

    def _count_left_out(self) -> None:
        """Add the people of the chunk that are not written to, by reason, region and language."""
        reason = case((PEOPLE.c.reason.is_(None), LeftOut.NO_SIGNPOST.value), else_=PEOPLE.c.reason)
        columns = [reason.label("reason"), PEOPLE.c.region_id, PEOPLE.c.language]
        counts = self._session.execute(
            select(*columns, func.count().label("people"))
            .select_from(PEOPLE.outerjoin(RunText, self._same_text()))
            .where(or_(PEOPLE.c.reason.is_not(None), RunText.body.is_(None)))
            .group_by(*columns)
        )
        rows = [{"run_id": self._run.id, **count} for count in counts.mappings()]
        if rows:
            adding = insert_or(self._session, RunLeftOut)
            self._session.execute(
                adding.on_conflict_do_update(
                    index_elements=["run_id", "reason", "region_id", "language"],
                    set_={"people": RunLeftOut.people + adding.excluded.people},
                ),
                rows,
            )


def _written_to() -> ColumnElement[bool]:
    return PEOPLE.c.reason.is_(None)
