"""What merging receipts costs, against a bare UPDATE … FROM a table of the same rows.

Messages that a run has sent get three receipts each, in an order that has nothing to do with that of the run, the
last word twice, as `bench.million` has them. The bare side is one statement that gives a copy of the deliveries
what a copy of the receipts says, any of each message, and a second one that marks all of these as applied. It
tells neither which word is the better one nor what was told before.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import click
from sqlalchemy import Connection, Engine, Table, func, insert, select, text
from sqlalchemy.orm import sessionmaker

from bench.harness import fresh_database, measures_each, note, summary
from bench.people import NUMBERS
from bench.plan import bare_copy
from bench.processes import cpu_seconds
from bench.stages import merge_waiting
from bench.told import RECEIPTS_EACH
from campaigns.core import clock
from campaigns.core.database import make_sessions, make_worker_engine
from campaigns.delivery.models import LIVING_BY_UPDATE, ROOMY_INDEXES, Delivery, Receipt
from campaigns.delivery.states import ReceiptState

#: Deliveries of one UPDATE while the run is sent.
GROUP = 4096
RANDOM = {"sqlite": "lower(hex(randomblob(9)))", "postgresql": "left(md5(random()::text), 18)"}
#: What references begin with: fan-out gives the messages of a chunk one moment on SQLite, and each its own on
#: PostgreSQL.
MOMENT = {"sqlite": "n / 50000", "postgresql": "n"}
BARE_UPDATE = """
    UPDATE bare_delivery SET receipt_state = told.status, receipt_id = told.id, receipt_error = told.error
    FROM bare_receipt AS told WHERE told.reference = bare_delivery.reference
"""
BARE_MARK = "UPDATE bare_receipt SET applied_at = '2026-11-28 11:00:00'"


@dataclass(frozen=True, slots=True)
class Took:
    """Seconds by the clock, and of processors: this process's and the server's for it."""

    seconds: float
    cpu: float

    def __add__(self, other: Took) -> Took:
        return Took(self.seconds + other.seconds, self.cpu + other.cpu)


def measure(kind: str, messages: int, rounds: int) -> dict[str, Any]:
    """Return the figures of one database."""
    merged, bare, marked = list[Took](), list[Took](), list[Took]()
    for number in range(rounds):
        with fresh_database(kind) as made:
            seed(made, messages)
            engine = make_worker_engine(made.url.render_as_string(hide_password=False))
            with engine.connect() as connection:
                bare.append(execute_bare(connection, BARE_UPDATE, changed=messages))
                marked.append(execute_bare(connection, BARE_MARK, changed=messages * RECEIPTS_EACH))
            merged.append(merge_all(engine, messages))
            engine.dispose()
        told = f"merged in {merged[-1]}, bare {bare[-1]}, marking {marked[-1]}"
        note(f"{kind} round {number + 1}: {told}, load {os.getloadavg()[0]:.1f}")
    ratios = summary([one.seconds / other.seconds for one, other in zip(merged, bare, strict=True)])
    both = [one + other for one, other in zip(bare, marked, strict=True)]
    receipts = messages * RECEIPTS_EACH
    return {
        "receipts": receipts,
        "rounds": rounds,
        "ratio_to_bare": ratios["median"],
        **ratios,
        "cpu_ratio": summary([one.cpu / other.cpu for one, other in zip(merged, bare, strict=True)]),
        "cpu_ratio_to_both": summary([one.cpu / other.cpu for one, other in zip(merged, both, strict=True)]),
        "ratio_to_both": summary([one.seconds / other.seconds for one, other in zip(merged, both, strict=True)]),
        "per_second": summary([receipts / one.seconds for one in merged]),
        "cpu_microseconds": summary([one.cpu / receipts * 1e6 for one in merged]),
    }


def seed(engine: Engine, messages: int) -> None:
    """Fill an empty database with messages that were sent, their receipts, and a copy of both."""
    dialect = engine.dialect.name
    deliveries, receipts = make_bare_copies(engine)
    with engine.begin() as connection:
        making = INSERT.format(numbers=NUMBERS[dialect], moment=MOMENT[dialect], random=RANDOM[dialect])
        connection.execute(text(making), {"count": messages})
        connection.execute(insert(deliveries).from_select(deliveries.columns.keys(), select(Delivery.__table__)))
    for name in (Delivery.__tablename__, deliveries.name):
        take_through_states(engine, name, messages)
    with engine.begin() as connection:
        for turn in range(RECEIPTS_EACH):
            connection.execute(text(TELL), {"turn": turn, "first": 1 + 8 * turn})
        connection.execute(insert(receipts).from_select(receipts.columns.keys(), select(Receipt.__table__)))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))


def make_bare_copies(engine: Engine) -> tuple[Table, Table]:
    """Make bare_delivery and bare_receipt, without a row, and leave the room in them that the tables have."""
    deliveries, receipts = bare_copy(Delivery), bare_copy(Receipt)
    with engine.begin() as connection:
        for table in (deliveries, receipts):
            table.create(connection)
        if engine.dialect.name == "postgresql":
            for name, settings in LIVING_BY_UPDATE.items():
                connection.execute(text(f"ALTER TABLE bare_{name} SET ({settings})"))
            for name in ROOMY_INDEXES:
                connection.execute(text(f"ALTER INDEX bare_{name} SET (fillfactor = 50)"))
    return deliveries, receipts


INSERT = """
    INSERT INTO delivery (id, run_id, contact_id, address_id, channel, sender_id, text_id, region_id, send_state,
        reference, attempts, due_at, expires_at)
    {numbers}
    SELECT n, 1, n, n, 'sms', 1, 1, n % 60, 'queued', substr('00000000000000' || ({moment}), -14) || {random}, 0,
        '2026-11-28 08:00:00', '2099-01-01 00:00:00' FROM numbers
"""
CLAIM = """
    UPDATE {table} SET send_state = 'sending', token = '0123456789abcdef0123456789abcdef', attempts = 1,
        intent_at = '{called_at}' WHERE id > :after AND id <= :through
"""
ACCEPT = """
    UPDATE {table} SET send_state = 'accepted', provider_id = 'SM' || reference
    WHERE id > :after AND id <= :through
"""
#: Two in three of the turns tell the last word, one in sixteen of which is that the message was lost.
TELL = """
    INSERT INTO receipt (gateway, reference, provider_id, status, error, raw, received_at)
    SELECT 'twilio', reference, provider_id,
        CASE WHEN id % 3 = :turn THEN 'sent' WHEN id % 16 = 0 THEN 'undelivered' ELSE 'delivered' END,
        CASE WHEN id % 3 <> :turn AND id % 16 = 0 THEN '30003' END,
        '{"ApiVersion": "2010-04-01", "MessageSid": "SM00000000000000000000000000000000"}',
        '2026-11-28 10:00:00'
    FROM delivery ORDER BY substr(reference, :first)
"""


def take_through_states(engine: Engine, table: str, last_id: int) -> None:
    """Take messages through the states that an engine gives them, a group a transaction.

    They are called now: the receipts of calls that are days old have their run counted anew.
    """
    called_at = f"{clock.now():%Y-%m-%d %H:%M:%S}"
    for after in range(0, last_id, GROUP):
        for statement in (CLAIM, ACCEPT):
            with engine.begin() as connection:
                moved = text(statement.format(table=table, called_at=called_at))
                connection.execute(moved, {"after": after, "through": after + GROUP})


def execute_bare(connection: Connection, statement: str, *, changed: int) -> Took:
    """Execute one bare statement, which changes so many rows."""
    with _watch(connection) as took:
        found = connection.execute(text(statement)).rowcount
        connection.commit()
    assert found == changed, found
    return took()


def merge_all(engine: Engine, messages: int) -> Took:
    """Merge every receipt as a worker does."""
    with engine.connect() as connection, _watch(connection) as took:
        count = merge_waiting(sessionmaker(connection))
    assert count == messages * RECEIPTS_EACH, count
    with make_sessions(engine)() as session:
        states = dict(
            session.execute(select(Delivery.receipt_state, func.count()).group_by(Delivery.receipt_state)).all()
        )
        waiting = session.scalar(select(func.count()).where(Receipt.applied_at.is_(None)))
    lost = messages // 16
    assert (states, waiting) == ({ReceiptState.DELIVERED: messages - lost, ReceiptState.UNDELIVERED: lost}, 0), (
        states
    )
    return took()


@contextmanager
def _watch(connection: Connection) -> Iterator[Callable[[], Took]]:
    """Time a block, by the clock and by the processors of this process and of the connection's server."""
    server = (
        connection.scalar(text("SELECT pg_backend_pid()")) if connection.dialect.name == "postgresql" else None
    )
    connection.rollback()

    def now() -> tuple[float, float]:
        own = time.process_time()
        return time.perf_counter(), own + (cpu_seconds(server) if server else 0.0)

    before, ends = now(), list[tuple[float, float]]()
    yield lambda: Took(ends[0][0] - before[0], ends[0][1] - before[1])
    ends.append(now())


@click.command()
@click.option("--messages", default=200_000, show_default=True, help="messages of three receipts each")
@click.option("--rounds", default=3, show_default=True)
@measures_each
def main(kind: str, messages: int, rounds: int) -> dict[str, Any]:
    """Measure merging as a ratio to a bare UPDATE … FROM of the same receipts."""
    return measure(kind, messages, rounds)


if __name__ == "__main__":
    main()
