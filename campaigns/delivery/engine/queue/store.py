"""On a real database the engine's store has one transaction an exchange, and holds no connection between."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Row,
    Select,
    bindparam,
    false,
    func,
    select,
    type_coerce,
    union_all,
)
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, ProgrammingError, SQLAlchemyError, StatementError
from sqlalchemy.orm import Session, sessionmaker

from campaigns.audience.models import REFUSALS, Address, AddressState, Channel, Consent, SuppressedAddress
from campaigns.continuity.ears import Ears
from campaigns.continuity.lifeline import Lifeline, Step
from campaigns.core import clock
from campaigns.core.database import UTCDateTime, single_statements
from campaigns.core.errors import UnavailableError
from campaigns.core.keys.crypto import Vault
from campaigns.core.sentences import Sentence
from campaigns.delivery.engine.decisions import Decided, Wait, is_told, tell
from campaigns.delivery.engine.ports import WITHDRAWN_WITHIN, Ask, Found, Result, RunningRun, Snapshot, put_back
from campaigns.delivery.engine.queue.claims import Claims
from campaigns.delivery.engine.queue.results import find_held, record, writing
from campaigns.delivery.lanes.daily_limits import DailyLimits, count_called
from campaigns.delivery.lanes.sender_facts import Line, SenderFacts, facts_of
from campaigns.delivery.lanes.sender_health import may_be_used, note_account, write_health
from campaigns.delivery.member_phones import select_stopped
from campaigns.delivery.one_person.channel_fallback import fall_back
from campaigns.delivery.refusals import heed_refusals
from campaigns.planning.models import Health, Run, RunSender, RunState, Sender
from campaigns.planning.service import pause_run

_log = logging.getLogger(__name__)


#: Whether an organisation may send with the credential of a name.
MayUse = Callable[[str, int], bool]


def everybody_may(secret_name: str, organisation_id: int) -> bool:
    """Say that an organisation may use a credential: where nobody knows whose the credentials are."""
    return True


class DatabaseStore:
    """Claims, results, snapshots and pauses on SQLite or PostgreSQL."""

    def __init__(
        self,
        sessions: sessionmaker[Session],
        vault: Vault,
        lifeline: Lifeline | None = None,
        may_use: MayUse = everybody_may,
        ears: Ears | None = None,
    ) -> None:
        """Prepare a store; with a `lifeline` nothing is claimed from a database that was restored.

        `may_use` says whether an organisation may send with a credential: else its runs wait, as for a sender that
        is switched off. With `ears` no run for people is running while opt-outs cannot arrive.
        """
        self._may_use = may_use
        self._sessions = sessions
        self._lifeline, self._ears = lifeline, ears
        self._engine: Engine = sessions.kw["bind"]
        #: A statement at a time: a transaction that ends in ROLLBACK makes psycopg forget prepared statements.
        self._single = single_statements(self._engine)
        self._is_postgres = self._engine.dialect.name == "postgresql"
        self._claims = Claims(vault)
        self._daily_limits = DailyLimits()
        #: Runs and senders that the last snapshot left out, and why.
        self._left_out: dict[tuple[int | None, int | None], Wait] = {}

    def exchange(self, results: Sequence[Result], ask: Ask | None) -> Found:
        """Write the results and claim what is asked for, in one commit.

        A group that the database refuses for its content is written one by one, so that a single bad result
        costs nobody else theirs. Raises SQLAlchemyError when the database does not answer, or takes nothing now.
        """
        if self._lifeline is None or ask is None:
            return self._exchange_in_turns(results, ask)
        with self._lifeline.lock:
            step = self._lifeline.step()
            if step is None:
                return self._exchange_in_turns(results, None)
            found = self._exchange_in_turns(results, ask, step)
            if found.claimed:
                found = self._confirmed(found, step, self._lifeline)
            return found

    def _exchange_in_turns(self, results: Sequence[Result], ask: Ask | None, step: Step | None = None) -> Found:
        try:
            return self._exchange(results, ask, step)
        except SQLAlchemyError as error:
            if not _is_about_content(error):
                raise
            _log.exception("a group of %s results was refused; writing them one by one", len(results))
            self._record_singly(results)
            return self._exchange((), ask, step)

    def _confirmed(self, found: Found, step: Step, lifeline: Lifeline) -> Found:
        """Return claims once their mark is on the disk; where it cannot be written, they go back uncalled."""
        try:
            lifeline.confirm(step)
        except OSError:
            _log.exception("%s claims are put back: how far this worker came cannot be noted", len(found.claimed))
            self._exchange_in_turns([put_back(claimed) for claimed in found.claimed], None)
            return Found()
        return found

    def snapshot(self) -> Snapshot:
        """Read which runs are running and whose addresses said stop, or may have, in the last minutes.

        Raises UnavailableError when the database answers but writes nothing down: neither a stop nor a result.
        """
        with self._single.connect() as connection:
            if self._lifeline is not None and not self._lifeline.look(connection):
                self._explain({(None, None): Wait.LATCHED})
                return Snapshot()
            hears = self._ears is None or self._ears.hear(connection)
            rows = connection.execute(_running(self._engine.dialect.name)).all()
            if rows and rows[0].is_read_only:
                raise UnavailableError("The database may only be read.")
            quotas = self._daily_limits.count_in_turn(connection, _limits_of(rows))
            told = connection.execute(_withdrawn(), {"since": clock.now() - WITHDRAWN_WITHIN})
            withdrawn = {row.address_id: row.refused_at for row in told}
        by_pair = {(row.id, row.sender_id): row for row in rows}
        left_out = {pair: why for pair, row in by_pair.items() if (why := self._why_left_out(row, hears=hears))}
        self._explain(left_out)
        last = {row.id: row.rank for row in rows}
        runs = [
            RunningRun(
                run_id=row.id,
                sender_id=row.sender_id,
                pace=row.pace,
                is_rehearsal=row.is_rehearsal,
                has_next=row.rank < last[row.id],
                organisation_id=row.organisation_id,
                priority=row.priority,
                is_answer=row.is_answer,
                allowance=None if row.is_rehearsal else quotas.get(row.sender_id),
                counted=self._daily_limits.number,
            )
            for pair, row in by_pair.items()
            if pair not in left_out
        ]
        return Snapshot(runs, withdrawn)

    def _why_left_out(self, row: Row[Any], *, hears: bool) -> Wait | None:
        """Return why a running run is not sent over one of its senders, or None; rehearsals always are."""
        if row.is_rehearsal:
            return None
        if not hears:
            return Wait.STOPS_CANNOT_ARRIVE
        if not row.may_be_used:
            return Wait.SENDER_IS_NOT_USED
        return None if self._may_use(row.secret_name, row.organisation_id) else Wait.CREDENTIAL_IS_OTHERS

    def _explain(self, left_out: dict[tuple[int | None, int | None], Wait]) -> None:
        """Tell the decision log which runs wait over which senders, when that changed."""
        if is_told():
            for (run_id, sender_id), why in left_out.items() - self._left_out.items():
                tell(Decided.WAITS, run=run_id, sender=sender_id, code=why)
        self._left_out = left_out

    def pause(self, run_id: int, reason: Sentence) -> None:
        """Pause a run, if it is still running, with a reason for members."""
        with self._sessions.begin() as session:
            run = session.get(Run, run_id)
            if run is not None and run.state == RunState.RUNNING:
                pause_run(session, run, reason=reason)

    def open_sender(self, sender_id: int, is_rehearsal: bool) -> SenderFacts:
        """Read a sender as it is now, for a lane that opens: what its daily limit leaves is counted anew."""
        self._daily_limits.forget()
        with self._sessions() as session:
            session.connection(execution_options={"read_only": True})
            sender = session.scalars(_sender(), {"sender": sender_id}).one()
            return facts_of(sender, is_rehearsal=is_rehearsal)

    def note_account(self, line: Line, account: str) -> None:
        """Note over which account of its provider a line is served from now on, if that is another than before."""
        with self._sessions.begin() as session:
            note_account(session, line, account)

    def tell_health(self, sender_id: int, health: Health, code: str) -> None:
        """Write how a sender fares; one that a member must mend stays paused."""
        with self._sessions.begin() as session:
            write_health(session, [sender_id], health, code=code)

    def _exchange(self, results: Sequence[Result], ask: Ask | None, step: Step | None = None) -> Found:
        is_clean = all(result.outcome is None and result.reference is None for result in results)
        if self._is_postgres and ask is not None and is_clean:
            return self._exchange_at_once(results, ask, step)
        with self._engine.begin() as connection:
            written = record(connection, results)
            if written < len(results):
                _log.warning("%s results came after their rows were taken over", len(results) - written)
            # Before the claim: an opt-out holds its address and waits for queued rows, so we must hold none yet.
            self._heed(connection, [each for each in results if each.action is not None or each.falls_back])
            ask = self._within_limit(connection, ask) if ask is not None else None
            return self._claims.claim(connection, ask, step=step) if ask is not None else Found()

    def _heed(self, connection: Connection, refused: Sequence[Result]) -> None:
        """Do with addresses and deliveries what refusals ask for; few groups have one, and a session costs."""
        if not refused:
            return
        with self._sessions(bind=connection) as session:
            heed_refusals(
                session,
                (
                    (result.address_id, result.action, result.error)
                    for result in refused
                    if result.action is not None and result.error is not None
                ),
            )
            fall_back(session, find_held(connection, [result for result in refused if result.falls_back]))
            session.flush()

    def _within_limit(self, connection: Connection, ask: Ask) -> Ask | None:
        """Lower a request to what its sender's daily limit leaves by now; return None when that is nothing.

        Between two counts a lane knows only its own claims. Each lane has one worker, by its job or by the leader
        lock;
        on SQLite the limit does not rest on that.
        """
        is_unlimited = self._is_postgres or ask.line.is_rehearsal
        limit = None if is_unlimited else self._daily_limits.limits.get(ask.line.sender_id)
        if limit is None:
            return ask
        left = limit[1] - count_called(connection, ask.line.sender_id, ask.line.channel)
        return replace(ask, limit=min(ask.limit, left)) if left > 0 else None

    def _exchange_at_once(self, results: Sequence[Result], ask: Ask, step: Step | None) -> Found:
        """Write clean results and claim in one statement, which is a transaction of its own.

        On a busy machine each round trip waits for its turn on a core; here there is one instead of five.
        """
        with self._single.connect() as connection:
            if not results:
                return self._claims.claim(connection, ask, step=step)
            first, rows = writing(results, connection.dialect.name)
            return self._claims.claim(connection, ask, step=step, first=first, rows=rows)

    def _record_singly(self, results: Sequence[Result]) -> None:
        for result in results:
            try:
                self._exchange((result,), None)
            except SQLAlchemyError as error:
                if not _is_about_content(error):
                    raise
                # Its row stays `sending`; the reaper makes it `unknown`, and the provider's list settles it.
                _log.exception("the result of delivery %s cannot be written", result.id)


def _is_about_content(error: SQLAlchemyError) -> bool:
    """Say whether the database refused what it was given, and would refuse it for ever; pure.

    Whatever else went wrong (a server that is away, read only or full, a missing right or table) ends one day, and
    until then nothing that was accepted may be dropped.
    """
    if isinstance(error, ProgrammingError):
        # The driver's own, about a value; the server's are about rights and tables.
        return getattr(error.orig, "sqlstate", None) is None
    is_of_ours = isinstance(error, StatementError) and not isinstance(error, DBAPIError)
    return is_of_ours or isinstance(error, DataError | IntegrityError)


def _limits_of(rows: Sequence[Row[Any]]) -> dict[int, tuple[Channel, int]]:
    """Return channel and daily limit of the senders that have one."""
    return {row.sender_id: (Channel(row.channel), row.daily_limit) for row in rows if row.daily_limit is not None}


@cache
def _running(dialect: str) -> Select[*tuple[Any, ...]]:
    """Select each running run with each of its senders, in their order.

    And whether the database may only be read, as a server that was put aside for another one: asked here, because
    another question would be another round trip. On SQLite the leader lock knows.
    """
    is_read_only = func.current_setting("transaction_read_only") == "on" if dialect == "postgresql" else false()
    return (
        select(
            is_read_only.label("is_read_only"),
            Run.id,
            Run.organisation_id,
            Run.is_rehearsal,
            Run.priority,
            Run.campaign_id.is_(None).label("is_answer"),
            RunSender.rank,
            RunSender.sender_id,
            Sender.channel,
            Sender.pace,
            may_be_used().label("may_be_used"),
            Sender.daily_limit,
            Sender.secret_name,
        )
        .join(RunSender, RunSender.run_id == Run.id)
        .join(Sender, Sender.id == RunSender.sender_id)
        .where(Run.state == RunState.RUNNING)
        .order_by(Run.id, RunSender.rank)
    )


@cache
def _withdrawn() -> Select[*tuple[Any, ...]]:
    """Select the addresses that said stop, or may have, since a time, and when they did last."""
    since = bindparam("since", type_=UTCDateTime())
    refused_at: ColumnElement[datetime] = type_coerce(func.max(Consent.recorded_at), UTCDateTime())
    people = (
        select(Consent.address_id, refused_at.label("refused_at"))
        .join(Address, Address.id == Consent.address_id)
        .where(Consent.kind.in_(REFUSALS))
        .where(Consent.recorded_at >= since)
        .where(Address.state != AddressState.ACTIVE)
        .group_by(Consent.address_id)
    )
    told = union_all(people, select_stopped().where(SuppressedAddress.since >= since)).subquery()
    return select(told.c.address_id, told.c.refused_at)


@cache
def _sender() -> Select[Sender]:
    return select(Sender).where(Sender.id == bindparam("sender"))
