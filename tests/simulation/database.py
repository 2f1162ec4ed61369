"""The simulated database: a real SQLite in memory, a copy of a template for each seed, every move watched."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

from psycopg.errors import ReadOnlySqlTransaction
from sqlalchemy import Connection, StaticPool, event
from sqlalchemy.exc import InternalError, OperationalError
from sqlalchemy.orm import Session

from campaigns.core.database import make_engine, make_sessions
from campaigns.core.keys.crypto import Vault
from campaigns.delivery.engine.ports import Found, Snapshot
from campaigns.delivery.lanes.sender_facts import LaneKey, Line, SenderFacts
from campaigns.schema import metadata
from campaigns.staff.models import Role
from tests.delivery.builders import addressed_people, give_addresses
from tests.factories import a_campaign, a_member, a_sender, an_organisation

VAULT = Vault(keys={1: b"k" * 32}, lookup_key=b"l" * 32)
#: People of every seed, each with an SMS number and a WhatsApp account.
PEOPLE = 24
SMS_PREFIX, WHATSAPP_PREFIX = "+38067", "+38068"
#: The account that all senders of a world use, as settings know it.
ACCOUNT: dict[str, Any] = {
    "secrets": {"TWILIO": "AC0:token"},
    "owners": {},
    "secret": lambda name: ("AC0", "token"),
}
SMS_SENDER, WHATSAPP_SENDER, SPARE_SENDER = "+15005550006", "+15005550007", "+15005550008"

NEVER = datetime.max.replace(tzinfo=UTC)
_NEXT_DUE = "SELECT min(due_at) FROM delivery WHERE run_id = ? AND send_state = 'queued' AND due_at > ?"
#: Receipts that told nothing new and were removed, beside the tables of the instance.
_REPEATS = "CREATE TABLE repeat_of_receipt (reference TEXT, status TEXT)"
#: How many receipts were acknowledged, whether they told something or not.
COUNT_RECEIPTS = "SELECT (SELECT count(*) FROM receipt) + (SELECT count(*) FROM repeat_of_receipt)"
#: Called by the database itself, so that no move can pass unseen, whoever makes it.
_TRIGGERS = (
    "CREATE TRIGGER repeated AFTER DELETE ON receipt BEGIN"
    " INSERT INTO repeat_of_receipt VALUES (OLD.reference, OLD.status); END",
    "CREATE TRIGGER planned AFTER INSERT ON delivery BEGIN"
    " SELECT seen_move(NEW.id, NEW.run_id, NEW.contact_id, NULL, NEW.send_state); END",
    "CREATE TRIGGER moved AFTER UPDATE OF send_state ON delivery WHEN OLD.send_state <> NEW.send_state BEGIN"
    " SELECT seen_move(NEW.id, NEW.run_id, NEW.contact_id, OLD.send_state, NEW.send_state); END",
    "CREATE TRIGGER removed AFTER DELETE ON delivery BEGIN"
    " SELECT seen_move(OLD.id, OLD.run_id, OLD.contact_id, OLD.send_state, NULL); END",
    "CREATE TRIGGER fell_due AFTER INSERT ON delivery WHEN NEW.send_state = 'queued' BEGIN"
    " SELECT seen_queued(NEW.run_id); END",
    "CREATE TRIGGER fell_due_again AFTER UPDATE ON delivery WHEN NEW.send_state = 'queued' BEGIN"
    " SELECT seen_queued(NEW.run_id); END",
    "CREATE TRIGGER canary_moved AFTER UPDATE ON run_canary BEGIN SELECT seen_queued(NEW.run_id); END",
    "CREATE TRIGGER canary_grew AFTER INSERT ON canary_delivery BEGIN SELECT seen_queued(NEW.run_id); END",
    "CREATE TRIGGER canary_passed AFTER UPDATE OF state ON run_canary"
    " WHEN OLD.state IN ('sending', 'waiting') AND NEW.state = 'passed' BEGIN SELECT seen_pass(NEW.run_id); END",
    "CREATE TRIGGER replied AFTER INSERT ON reply BEGIN SELECT seen_news('reply', NEW.provider_id); END",
    "CREATE TRIGGER blocked AFTER INSERT ON consent WHEN NEW.kind = 'withdrawn' AND NEW.method = 'provider' BEGIN"
    " SELECT seen_news('block', NEW.address_id); END",
    "CREATE TRIGGER run_moved AFTER UPDATE ON run BEGIN SELECT seen_queued(NEW.id); END",
    *(
        f"CREATE TRIGGER {what.lower()}_{table} AFTER {what} ON {table} BEGIN SELECT seen_change(); END"
        for table in ("run", "run_sender", "sender", "consent", "address")
        for what in ("INSERT", "UPDATE")
    ),
)


@dataclass(slots=True)
class Move:
    """What one transaction did to a delivery."""

    delivery_id: int
    run_id: int
    contact_id: int
    #: Its states, from before the transaction (None: it is new) to after it (None: it is gone).
    states: list[str | None]


@dataclass(frozen=True, slots=True)
class Empty:
    """A claim that found nothing, and for how long it would find nothing again."""

    #: The version of the run's queue by then.
    version: int
    at: datetime
    until: datetime
    found: Found


class Database:
    """One SQLite connection that serves a whole world, since that is one thread; tells what was committed."""

    def __init__(self) -> None:
        self.engine = make_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
        # It lives as long as its one connection does.
        self.engine.dispose = lambda close=True: None  # type: ignore[method-assign]
        self.sessions = make_sessions(self.engine)
        #: The driver's own connection, for looks that must cost nothing.
        raw: Any = self.engine.raw_connection().driver_connection
        self.raw = raw
        #: Grows whenever something changed that a snapshot of the engine may hold.
        self.version = 0
        #: Grows, by run, whenever it or a row of its queue changed: a claim may then find what the last did not.
        self.queues: Counter[int] = Counter()
        #: The version and the time at which the last snapshot was read, and the snapshot.
        self.kept: tuple[int, float, Snapshot] | None = None
        #: Claims that found nothing, by what was asked: line, run, and the ids between which it looked.
        self.empty: dict[tuple[Line, int, int, int | None], Empty] = {}
        #: Senders as they were read, with the version.
        self.senders: dict[LaneKey, tuple[int, SenderFacts]] = {}
        #: Whether a sender has a daily limit, or had one.
        self.has_limits = False
        #: Whether it answers, and writes nothing down, as a server that another one took over from.
        self.is_read_only = False
        #: Transactions that it begins before it leaves whoever asks; None: all.
        self._left: int | None = None
        self.on_move: Callable[[Move], None] = lambda move: None
        #: Called when a claim found nothing.
        self.on_empty: Callable[[], None] = lambda: None
        #: Called when the canary of a run has passed by itself.
        self.on_pass: Callable[[int], None] = lambda run_id: None
        #: Called when something that a person wrote is kept, and when a provider's report of a stop is.
        self.on_reply: Callable[[str], None] = lambda provider_id: None
        self.on_block: Callable[[int], None] = lambda address_id: None
        self._uncommitted: list[tuple[int, int, int, str | None, str | None]] = []
        self._news: list[tuple[str, Any]] = []
        self.raw.create_function("seen_move", 5, self._note)
        self.raw.create_function("seen_news", 2, lambda *news: self._news.append(news))
        self.raw.create_function("seen_change", 0, self._change)
        self.raw.create_function("seen_queued", 1, self._queue)
        self.raw.create_function("seen_pass", 1, lambda run_id: self.on_pass(run_id))
        event.listen(self.engine, "begin", self._begin)
        event.listen(self.engine, "commit", self._commit)
        event.listen(self.engine, "rollback", self._rollback)
        self._template = self._fill()

    def reset(self) -> None:
        """Forget everything but the template."""
        self.on_move, self.on_empty, self.on_pass = lambda move: None, lambda: None, lambda run_id: None
        self.on_reply, self.on_block = lambda provider_id: None, lambda address_id: None
        self._uncommitted.clear()
        self._news.clear()
        self.version, self.kept, self.has_limits, self.is_read_only = 0, None, False, False
        self.queues.clear()
        self.empty.clear()
        self.senders.clear()
        self._template.backup(self.raw)

    def forget_looks(self) -> None:
        """Forget what was read, because the whole content is another one now."""
        self.version += 1
        self.kept = None
        self.empty.clear()
        self.senders.clear()

    def remember(self, question: tuple[Line, int, int, int | None], now: datetime, found: Found) -> None:
        """Remember that a claim found nothing, until the run's queue changes or the next one may be due."""
        due = self.one(_NEXT_DUE, question[1], f"{now:%Y-%m-%d %H:%M:%S.%f}")[0]
        moments = [datetime.fromisoformat(due).replace(tzinfo=UTC)] if due else []
        until = min([*moments, found.next_due or NEVER, NEVER])
        self.empty[question] = Empty(self.queues[question[1]], now, until, found)
        self.on_empty()

    @contextmanager
    def breaking_off(self, *, after: int) -> Iterator[None]:
        """Answer no more after so many transactions, as if the process or its connection ended there."""
        self._left = after
        try:
            yield
        finally:
            self._left = None

    def one(self, statement: str, *values: Any) -> Any:
        """Return the first row of a plain statement."""
        return self.raw.execute(statement, values).fetchone()

    def all(self, statement: str, *values: Any) -> list[Any]:
        """Return all rows of a plain statement."""
        return list(self.raw.execute(statement, values))

    def _fill(self) -> sqlite3.Connection:
        metadata.create_all(self.engine)
        with self.sessions.begin() as session:
            _settle_people(session)
        self.raw.execute(_REPEATS)
        for trigger in _TRIGGERS:
            self.raw.execute(trigger)
        template = sqlite3.connect(":memory:", check_same_thread=False)
        self.raw.backup(template)
        return template

    def _note(self, *move: Any) -> None:
        self._uncommitted.append(move)

    def _change(self) -> None:
        self.version += 1

    def _queue(self, run_id: int) -> None:
        self.queues[run_id] += 1

    def _begin(self, connection: Connection) -> None:
        if self.is_read_only and not connection.get_execution_options().get("read_only"):
            raise InternalError("-- the server may only be read", {}, ReadOnlySqlTransaction())
        if self._left is not None:
            self._left -= 1
            if self._left < 0:
                raise gone()

    def _commit(self, connection: Connection) -> None:
        paths: dict[int, Move] = {}
        for delivery_id, run_id, contact_id, before, after in self._uncommitted:
            path = paths.setdefault(delivery_id, Move(delivery_id, run_id, contact_id, [before]))
            path.states.append(after)
        self._uncommitted.clear()
        for move in paths.values():
            self.on_move(move)
        news, self._news = self._news, []
        for kind, what in news:
            (self.on_reply if kind == "reply" else self.on_block)(what)

    def _rollback(self, connection: Connection) -> None:
        self._uncommitted.clear()
        self._news.clear()


def gone() -> OperationalError:
    """Return the error of a database that does not answer."""
    return OperationalError("-- the database does not answer", {}, ConnectionError())


@cache
def shared_database() -> Database:
    """Return the database that all worlds of this process use, one after the other."""
    return Database()


def _settle_people(session: Session) -> None:
    organisation = an_organisation(session)
    member = a_member(session, organisation, Role.APPROVER, Role.ADMIN)
    a_member(session, organisation, Role.AUTHOR)
    sms = a_sender(session, identity=SMS_SENDER, gateway="memory")
    whatsapp = a_sender(session, identity=WHATSAPP_SENDER, gateway="memory", channel="whatsapp")
    a_sender(session, identity=SPARE_SENDER, gateway="memory")
    contacts = list(addressed_people(session, organisation.id, VAULT, count=PEOPLE, prefix=SMS_PREFIX))
    give_addresses(session, organisation.id, VAULT, contacts, prefix=WHATSAPP_PREFIX, channel="whatsapp")
    a_campaign(session, organisation, member, senders=[sms, whatsapp])
