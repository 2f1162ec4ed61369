"""The bare version of each stage of a large campaign: the same work on the same rows, by one process as well.

It does no less of what is on disk in the end, and nothing beside: it knows no pause, stop, claim, fence or repeat,
and takes for granted that nothing goes wrong. What is kept goes into copies of the tables, with their indexes.
`python -m bench.bare_stages STAGE FOLDER` does one; the stage itself (`bench.stages`) comes before, on the same
instance. That of the import is `bench.plain_import`, which wants a database without people.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from itertools import islice

import uvloop
from sqlalchemy import func, select, text, true

from bench.dispatch import send_bare
from bench.merging import BARE_MARK, BARE_UPDATE, execute_bare, make_bare_copies, take_through_states
from bench.plain_import import insert_rows
from bench.plan import bare_copy, insert_bare
from bench.stages import CALLBACKS_FILE, Instance, Timed, do_stage, update_of
from bench.told import RECEIPTS_EACH
from campaigns.core import clock
from campaigns.delivery.models import Delivery, Receipt
from campaigns.delivery.receipts.receipt_writer import LARGEST_GROUP
from campaigns.worker import tune_interpreter

RECEIPT_COLUMNS = ("gateway", "reference", "provider_id", "status", "error", "action", "raw", "received_at")
GROUP_BY = """
    SELECT region_id, channel, text_id, send_state, receipt_state, receipt_error, error, count(*) AS people
    FROM delivery GROUP BY region_id, channel, text_id, send_state, receipt_state, receipt_error, error
"""


def plan_barely(instance: Instance) -> Timed:
    """Copy the deliveries that were planned in one INSERT … SELECT."""
    table, _ = make_bare_copies(instance.database)
    seconds = insert_bare(instance.database, table, true())
    return Timed(_planned(instance), seconds)


def send_barely(instance: Instance) -> Timed:
    """Make as many calls with the worker's client and window, and keep nothing."""
    people = _planned(instance)
    tune_interpreter()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        timed = runner.run(send_bare(instance.settings.sandbox_url, people))
    return Timed(people, timed.seconds)


def keep_barely(instance: Instance) -> Timed:
    """Insert the same rows from the same file, as many in a transaction as the intake writes at most."""
    table, count = bare_copy(Receipt), 0
    started = time.perf_counter()
    with (instance.folder / CALLBACKS_FILE).open() as file, instance.database.connect() as connection:
        as_text = connection.dialect.name == "postgresql"
        while lines := list(islice(file, LARGEST_GROUP)):
            now = clock.now()
            rows = []
            for line in lines:
                told = update_of(line)
                raw = json.dumps(told.raw) if as_text else told.raw
                rows.append(("twilio", told.reference, told.provider_id, told.status, told.error, None, raw, now))
            with connection.begin():
                insert_rows(connection, table, RECEIPT_COLUMNS, rows)
            count += len(rows)
    return Timed(count, time.perf_counter() - started)


def merge_barely(instance: Instance) -> Timed:
    """Update the copy of the deliveries from that of the receipts, and mark these, in one statement each.

    Before that the copies come to where the tables are: sent, and known to the planner.
    """
    people = _planned(instance)
    with instance.sessions() as session:
        last_id = session.scalar(select(func.max(Delivery.id))) or 0
    take_through_states(instance.database, "bare_delivery", last_id)
    with instance.database.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE bare_delivery"))
        connection.execute(text("ANALYZE bare_receipt"))
    with instance.database.connect() as connection:
        merged = execute_bare(connection, BARE_UPDATE, changed=people)
        merged += execute_bare(connection, BARE_MARK, changed=people * RECEIPTS_EACH)
    return Timed(people * RECEIPTS_EACH, merged.seconds)


def roll_up_barely(instance: Instance) -> Timed:
    """Group the deliveries once by everything that reach tells apart, in one process of PostgreSQL."""
    with instance.database.connect() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SET max_parallel_workers_per_gather = 0"))
        started = time.perf_counter()
        people = sum(row.people for row in connection.execute(text(GROUP_BY)))
        return Timed(people, time.perf_counter() - started)


def _planned(instance: Instance) -> int:
    with instance.sessions() as session:
        return session.scalar(select(func.count()).select_from(Delivery)) or 0


BARE_STAGES: dict[str, Callable[[Instance], Timed]] = {
    "plan": plan_barely,
    "send": send_barely,
    "keep_receipts": keep_barely,
    "merge_receipts": merge_barely,
    "roll_up": roll_up_barely,
}


if __name__ == "__main__":
    do_stage(BARE_STAGES)
