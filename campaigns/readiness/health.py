"""This tells, cheaply and without a secret, whether a stop could be kept now and what else is wrong.

A proxy takes an instance that is unhealthy out of service, and with it the door by which stops come in. So it is
unhealthy only when none could be kept; everything else that is wrong is told, and leaves it in service.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from threading import Lock

from sqlalchemy import Connection, Engine, func, insert, select, text, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from campaigns.audience.models import Address, Consent, Contact, SuppressedAddress
from campaigns.continuity.ears import find_last_sign
from campaigns.continuity.latch import SENTENCES, find_latch_reason
from campaigns.continuity.models import LatchReason
from campaigns.core import clock
from campaigns.core.errors import SettingsError
from campaigns.core.models import KeyFingerprint, WriteProbe
from campaigns.core.processes.outages import OUTAGES, Cause, first_cause_of
from campaigns.core.settings import Mode, Settings
from campaigns.delivery.models import Delivery
from campaigns.delivery.monitoring.alarm_facts import seconds_without_worker
from campaigns.delivery.monitoring.alarms import LONGEST_SILENCE
from campaigns.inbox.complaints.service import find_unread
from campaigns.inbox.incoming.triage import count_unassigned
from campaigns.inbox.models import Reply
from campaigns.planning.models import Health, Sender
from campaigns.readiness.instance import check_fingerprints
from campaigns.schema import SchemaState, schema_state
from campaigns.staff.credentials import load_credentials
from campaigns.staff.models import AuditEntry

#: How long what was found is told again, in seconds: whoever asks more often costs nothing.
KEPT_SECONDS = 5.0
#: How long a look may wait for others that write, in milliseconds.
WAIT_MS = 250
#: What a stop reads and writes.
_NEEDED = (Reply, Contact, Address, Consent, SuppressedAddress, Delivery, AuditEntry)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Report:
    """What a look found."""

    #: Why no stop could be kept; '' when one could.
    hindrance: str = ""
    tables: SchemaState = SchemaState.CURRENT
    #: Since when no worker gave a sign of life, in seconds; None when none ever did.
    silent_seconds: float | None = None
    #: Why nothing may leave a restored instance, if that is so.
    latched: LatchReason | None = None
    #: Whether nothing is sent because opt-outs cannot arrive, and since when, in seconds; None: since ever.
    is_deaf: bool = False
    deaf_seconds: float | None = None
    #: Senders that their providers refuse, of any organisation.
    paused_senders: int = 0
    #: Replies that came to a number of several organisations, or of none, and wait for whoever runs the instance.
    in_triage: int = 0
    #: Complaints about an organisation that wait, and that nobody reads.
    unread_complaints: int = 0
    #: Credentials that belong to no organisation, or to one that does not exist.
    ownerless: int = 0

    @property
    def lacks_worker(self) -> bool:
        """Whether nobody sends."""
        return self.silent_seconds is None or self.silent_seconds > LONGEST_SILENCE.total_seconds()

    def sentences(self) -> Iterator[str]:
        """Yield one sentence about each thing that is wrong, for an operator."""
        if self.hindrance:
            yield f"No stop can be kept: {self.hindrance}."
            return
        if self.tables is not SchemaState.CURRENT:
            yield f"The database is {self.tables} than this program: they are of different versions."
        if self.latched is not None:
            yield f"{SENTENCES[self.latched]} It is latched until `fingerpost resume-after-restore`."
        if self.lacks_worker:
            since = "" if self.silent_seconds is None else f" for {self.silent_seconds:.0f} seconds"
            yield f"No worker gave a sign of life{since}: nothing is sent."
        if self.is_deaf:
            since = "" if self.deaf_seconds is None else f" for {self.deaf_seconds:.0f} seconds"
            yield (
                f"Opt-outs cannot arrive: no process that answers providers gave a sign of life{since}. "
                "Nothing is sent until one does."
            )
        if self.paused_senders:
            yield f"Senders that are paused because their providers refuse: {self.paused_senders}."
        if self.in_triage:
            yield (
                "Messages that came to a number of several organisations or of none: "
                f"{self.in_triage}. `fingerpost triage` assigns them."
            )
        if self.unread_complaints:
            yield (
                f"Complaints that nobody reads: {self.unread_complaints}. "
                "`fingerpost complaints` gives them to an organisation."
            )
        if self.ownerless:
            yield (
                f"Credentials that belong to no organisation: {self.ownerless}. Nothing is sent with them until "
                "FINGERPOST_OWNERS_… says whose they are."
            )


class HealthLook:
    """Looks after one process's database, once in a while and one thread at a time."""

    def __init__(
        self, engine: Engine, settings: Settings, *, seconds: Callable[[], float] = time.monotonic
    ) -> None:
        self._engine, self._settings, self._seconds = engine, settings, seconds
        self._lock = Lock()
        self._found: Report | None = None
        self._looked_at = 0.0
        #: Fingerprints that were held against our keys, which takes a while.
        self._fitting: set[bytes] | None = None

    def report(self) -> Report:
        """Return what was found lately, or look; while another thread does, what was found before."""
        if self._found is not None and self._lock.locked():
            return self._found
        with self._lock:
            if self._found is None or self._seconds() - self._looked_at >= KEPT_SECONDS:
                self._found = self._look()
                self._looked_at = self._seconds()
            return self._found

    def _look(self) -> Report:
        # Nothing is known to be wrong of what cannot be asked.
        report = Report(silent_seconds=0.0)
        try:
            with self._engine.execution_options(read_only=True).connect() as connection:
                tables = schema_state(connection)
                for model in _NEEDED:
                    connection.execute(select(model.__table__).limit(0))
                report = replace(_seen(connection, self._settings), tables=tables)
            self._check_keys()
            _write(self._engine)
        except SettingsError as error:
            _log.error("no stop can be kept: %s", error)
            return Report(hindrance="a key is another than this database was set up with")
        except SQLAlchemyError as error:
            cause = first_cause_of(error)
            if cause is Cause.BUSY:
                # Whoever writes for long lets others write after it; a stop waits for its turn, too.
                return report
            OUTAGES.tell(error, "a look at its health")
            return Report(hindrance=str(cause or "the database refuses"))
        return report

    def _check_keys(self) -> None:
        """Raise SettingsError when the database is one of other keys by now."""
        with Session(self._engine) as session:
            session.connection(execution_options={"read_only": True})
            digests = set(session.scalars(select(KeyFingerprint.digest)))
            session.rollback()
            if digests != self._fitting:
                check_fingerprints(session, self._settings)
                self._fitting = digests


def _seen(connection: Connection, settings: Settings) -> Report:
    """Return what is wrong beside the keeping of stops."""
    with Session(connection) as session:
        paused = select(func.count()).where(Sender.health == Health.PAUSED, Sender.active)
        is_deaf, deaf_seconds = _deafness(session, settings)
        return Report(
            is_deaf=is_deaf,
            deaf_seconds=deaf_seconds,
            silent_seconds=seconds_without_worker(session),
            latched=find_latch_reason(session),
            paused_senders=session.scalar(paused) or 0,
            in_triage=count_unassigned(session),
            unread_complaints=len(find_unread(session, only_waiting=True)),
            ownerless=_count_ownerless(session, settings),
        )


def _count_ownerless(session: Session, settings: Settings) -> int:
    """Count the credentials without an owner; before there is any organisation none has one."""
    credentials = load_credentials(session, settings)
    return sum(1 for _ in credentials.without_owner()) if credentials.organisations else 0


def _deafness(session: Session, settings: Settings) -> tuple[bool, float | None]:
    """Say whether workers wait for a process that answers providers, and for how many seconds there was none."""
    last = find_last_sign(session)
    if last is None:
        return bool(settings.hooks_gone_after_seconds) and settings.mode is Mode.LIVE, None
    silence = (clock.now() - last).total_seconds()
    return 0 < settings.hooks_gone_after_seconds < silence, silence


def _write(engine: Engine) -> None:
    """Commit a row, as a stop would; raise what hinders it."""
    is_sqlite = engine.dialect.name == "sqlite"
    with engine.connect() as connection:
        if is_sqlite:
            busy = connection.connection.cursor().execute("PRAGMA busy_timeout").fetchone()[0]
            connection.connection.cursor().execute(f"PRAGMA busy_timeout = {WAIT_MS}")
        try:
            with connection.begin():
                if not is_sqlite:
                    connection.execute(text(f"SET LOCAL lock_timeout = {WAIT_MS}"))
                    connection.execute(text(f"SET LOCAL statement_timeout = {8 * WAIT_MS}"))
                now = clock.now()
                written = connection.execute(update(WriteProbe).where(WriteProbe.id == 1).values(written_at=now))
                if not written.rowcount:
                    connection.execute(insert(WriteProbe).values(id=1, written_at=now))
        finally:
            if is_sqlite:
                connection.connection.cursor().execute(f"PRAGMA busy_timeout = {busy}")
