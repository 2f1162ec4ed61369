"""What people and members do in a world: they begin, stop and resume runs, say stop, and use senders again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from campaigns.audience.consent.handles import number_key
from campaigns.audience.consent.person import mark_shared
from campaigns.audience.models import Address, AddressState, Channel
from campaigns.core.errors import RefusedError, TransitionError
from campaigns.delivery.lanes.sender_health import write_health
from campaigns.delivery.models import Delivery
from campaigns.delivery.repair.resend import Chosen, resend
from campaigns.delivery.states import SendState
from campaigns.planning.models import Health, Run, RunState, Sender
from campaigns.planning.runs.firing import ask_to_resume, resume_run, stop_run
from tests.simulation.database import PEOPLE, VAULT, Database
from tests.simulation.oracle import Oracle
from tests.simulation.plan import CLOCK_ERROR, Plan, RunPlan
from tests.simulation.processes import Timeline
from tests.simulation.runs import add_run, text_of

MEMBER, OTHER = 1, 2
#: Seconds that senders rest when a member sends again over them.
RESTS = 20.0
#: Whether a canary waits for a sender that is full or paused.
_HELD_UP = (
    "SELECT EXISTS (SELECT 1 FROM canary_delivery AS c JOIN delivery AS d ON d.id = c.delivery_id"
    " JOIN sender ON sender.id = d.sender_id"
    " WHERE c.run_id = ? AND (health = 'paused' OR daily_limit IS NOT NULL))"
)
#: Runs in which something stayed unconfirmed.
_TO_RESEND = "SELECT DISTINCT run_id FROM delivery WHERE send_state = 'unconfirmed'"
#: What waits for a member.
_PAUSED = ("SELECT 1 FROM sender WHERE health = 'paused'", "SELECT 1 FROM run WHERE state = 'paused'")


class People:
    """Everybody who is no machine."""

    def __init__(
        self,
        plan: Plan,
        *,
        timeline: Timeline,
        database: Database,
        oracle: Oracle,
        now: Callable[[], datetime],
        is_cut_off: Callable[[], bool],
    ) -> None:
        self._plan, self._timeline, self._database, self._oracle = plan, timeline, database, oracle
        self._now, self._is_cut_off = now, is_cut_off
        #: Deliveries that were sent again: once each.
        self._sent_again: set[int] = set()
        #: Moves of runs that the plan still has in store.
        self.outstanding = len(plan.runs) + sum(1 if until is None else 2 for _, _, until in plan.stops)

    def schedule(self) -> None:
        """Prepare senders and addresses, and put in store what the plan lets everybody do."""
        plan, timeline = self._plan, self._timeline
        with self._database.sessions.begin() as session:
            session.execute(update(Sender).values(pace=plan.pace))
            self._limit_senders(session)
            if plan.damaged:
                unreadable = Address.contact_id.in_(plan.damaged), Address.channel == Channel.SMS
                session.execute(update(Address).where(*unreadable).values(ciphertext=b"damaged"))
            write_health(session, plan.paused, Health.PAUSED, code="63018")
            if plan.shared:
                # Else no WhatsApp number may be written to without a template.
                heard = update(Address).where(Address.channel == Channel.WHATSAPP)
                session.execute(heard.values(heard_at=self._now()))
            for owner, other in plan.shared:
                self._share_number(session, owner, other)
        for number, run in enumerate(plan.runs):
            timeline.at(run.starts_at, partial(self._begin_run, number, run))
        for when, number, until in plan.stops:
            timeline.at(when, partial(self._move_run, number, RunState.STOPPED))
            if until is not None:
                timeline.at(until, partial(self._move_run, number, RunState.RUNNING))

    def _limit_senders(self, session: Session) -> None:
        plan = self._plan
        for sender_id, most in plan.daily_limits.items():
            session.execute(update(Sender).where(Sender.id == sender_id).values(daily_limit=most))
            self._oracle.limits[sender_id] = most
        self._database.has_limits = bool(plan.daily_limits)

    def _share_number(self, session: Session, owner: int, other: int) -> None:
        """Let one contact have for WhatsApp what another one has for SMS, as when two lists are imported."""
        address = session.get_one(Address, PEOPLE + other)
        handle = self._oracle.book.share(owner, other)
        address.ciphertext = VAULT.seal(handle, table="address", column="ciphertext", row_id=address.id)
        address.lookup = VAULT.lookup_hash(Channel.WHATSAPP, handle)
        address.number = number_key(VAULT, Channel.WHATSAPP, handle)
        if owner % 2:
            # So that both contacts are written to at it from the start.
            session.get_one(Address, PEOPLE + owner).state = AddressState.INVALID
            self._oracle.words.closed.add(("whatsapp", self._oracle.book.number("whatsapp", owner)))
        session.flush()
        mark_shared(session, address.organisation_id, [address.number])
        self._oracle.faults["shared numbers"] += 1

    def send_again(self, tell: Callable[[str], None]) -> None:
        """Send again what stayed unconfirmed, over senders that rest; meanwhile `tell` lets its receipts come."""
        if not self._plan.resends or self._is_cut_off():
            return
        for (run_id,) in self._database.all(_TO_RESEND):
            self._send_again(run_id, tell)

    def _send_again(self, run_id: int, tell: Callable[[str], None]) -> None:
        with self._database.sessions.begin() as session:
            chosen = select(Delivery.id).where(
                Delivery.run_id == run_id, Delivery.send_state == SendState.UNCONFIRMED, Delivery.attempts > 0
            )
            ids = set(session.scalars(chosen)) - self._sent_again
            self._sent_again |= ids
            session.execute(update(Sender).values(health=Health.PAUSED))
            try:
                resend(
                    session,
                    session.get_one(Run, run_id),
                    Chosen(ids=ids),
                    by=MEMBER,
                    reason="They asked for it",
                    vault=VAULT,
                )
            except (RefusedError, TransitionError):
                session.rollback()
                return
            queued = select(Delivery.contact_id, Delivery.reference).where(
                Delivery.id.in_(ids), Delivery.send_state == SendState.QUEUED
            )
            rows = session.execute(queued).all()
        for contact_id, reference in rows:
            self._oracle.note("sent again", f"run {run_id} person {contact_id}")
            self._oracle.faults["resent"] += 1
            self._oracle.resent[run_id, contact_id] += 1
            tell(reference)
        self._timeline.after(RESTS, self.switch_on)

    def lift_limits(self) -> None:
        """Do what a member does whose provider lets them send more, so that nobody has to wait for a day."""
        self._oracle.limits.clear()
        if self._plan.daily_limits:
            with self._database.sessions.begin() as session:
                session.execute(update(Sender).values(daily_limit=None))

    def switch_on(self) -> None:
        """Do what a member does: use senders again, resume what the engine paused."""
        if not self.are_needed():
            return
        with self._database.sessions.begin() as session:
            session.execute(update(Sender).where(Sender.health == Health.PAUSED).values(health=Health.WELL))
            for run in session.scalars(select(Run).where(Run.state == RunState.PAUSED)):
                let_go_on(session, run)

    def are_needed(self) -> bool:
        """Say whether a sender or a run waits for a member."""
        return any(self._database.one(statement) for statement in _PAUSED)

    def _begin_run(self, number: int, plan: RunPlan) -> None:
        if self._database.is_read_only:
            self._timeline.after(1.0, partial(self._begin_run, number, plan))
            return
        self.outstanding -= 1
        with self._database.sessions.begin() as session:
            self._oracle.run_of_text[text_of(number + 1)] = number + 1
            if plan.is_rehearsal:
                self._oracle.rehearsals.add(number + 1)
            if plan.quiet is not None and not plan.is_urgent and not plan.is_fanned_out:
                self._oracle.quiet[number + 1] = self._quiet_hours(plan.quiet)
            add_run(session, number + 1, plan, self._now())
        if plan.has_canary and plan.is_mixed:
            self._oracle.faults["canaries held up"] += self._database.one(_HELD_UP, number + 1)[0]

    def _quiet_hours(self, quiet: tuple[float, float]) -> tuple[float, float]:
        """Return the quiet hours of a run that begins now, less what a wrong clock may take of them."""
        wrong_by = CLOCK_ERROR if self._plan.jumps else 0.0
        begins = self._timeline.now + quiet[0]
        return begins + wrong_by, begins + quiet[1] - wrong_by

    def _move_run(self, number: int, state: RunState) -> None:
        self.outstanding -= 1
        run_id = number + 1
        if self._is_cut_off() or self._database.one("SELECT 1 FROM run WHERE id = ?", run_id) is None:
            return
        try:
            with self._database.sessions.begin() as session:
                run = session.get_one(Run, run_id)
                if state == RunState.STOPPED:
                    stop_run(session, run, by=MEMBER)
                else:
                    let_go_on(session, run)
        except TransitionError:
            return
        self._oracle.note(f"run is {state}", f"run {run_id}")
        if state == RunState.STOPPED:
            self._oracle.stopped_at[run_id] = self._timeline.now
        else:
            self._oracle.stopped_at.pop(run_id, None)


def let_go_on(session: Session, run: Run) -> None:
    """Do what members do: one resumes a run; where it paused by itself, another one has asked for it first."""
    if run.paused_by_itself and run.resume_asked_by_id is None:
        ask_to_resume(session, run, by=OTHER)
    resume_run(session, run, by=MEMBER)
