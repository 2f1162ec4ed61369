"""A worker erases whom a message was on its way to, and for a day removes what comes after an erasure.

Deleted rows are overwritten by SQLite, but for its write-ahead log, which is emptied here. PostgreSQL keeps them
until its pages are vacuumed, and samples of them until its planner looks anew; their content is sealed all the
same.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import Connection, Engine, TableClause, delete, exists, func, or_, select, text, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session, sessionmaker

from campaigns.audience.models import Erasure, UncleanPages
from campaigns.core import clock
from campaigns.core.database import SQLITE_BUSY_SECONDS, single_statements
from campaigns.core.keys.crypto import Vault
from campaigns.delivery.models import Receipt
from campaigns.erasing import heard_rows
from campaigns.erasing.service import go_on_erasing

#: For so long late receipts are removed, and replies that the provider tells of again are known. Receipts come
#: within seconds, or minutes; the law and this house give a day.
KEPT_FOR = timedelta(hours=23)
#: So long after it a run that was being planned beside an erasure may still bring a delivery.
PLANNED_BESIDE = timedelta(minutes=2)
#: Tables that may hold sealed rows of an erased person on their pages.
TABLES = (
    *(
        "contact",
        "address",
        "consent",
        "grouped_contact",
        "reply",
        "media",
        "conversation",
        "conversation_word",
        "draft",
        "answer",
    ),
    *("hand_over", "unnamed_report", "sent_form"),
    *("run_text", "audit_note", "contact_import", "erasure"),
)
#: Tables of whose values PostgreSQL keeps samples for its planner, which may be those of an erased person.
SAMPLED = (*TABLES, "delivery", "receipt", "triage")
#: For so long it is waited for those who read, in milliseconds.
_PATIENCE = 200
_AT_ONCE = 500
_SAMPLED_COLUMNS = text(
    "SELECT tablename AS table, quote_ident(stats.attname) AS name, format_type(atttypid, atttypmod) AS type "
    "FROM pg_stats AS stats JOIN pg_attribute ON attrelid = tablename::regclass "
    "AND pg_attribute.attname = stats.attname "
    "WHERE schemaname = current_schema() AND tablename = ANY(:tables)"
)


def go_on(sessions: sessionmaker[Session], vault: Vault) -> int:
    """Go on with every erasure that is not over; return how many there were."""
    with sessions() as session:
        session.connection(execution_options={"read_only": True})
        open_ones = session.scalars(select(Erasure).order_by(Erasure.contact_id)).all()
        newest = session.scalar(select(func.max(Receipt.id))) or 0 if open_ones else 0
    for erasure in open_ones:
        if erasure.erased_at is None or clock.now() - erasure.erased_at < PLANNED_BESIDE:
            with sessions.begin() as session:
                go_on_erasing(session, erasure.contact_id, vault=vault)
        if erasure.erased_at is not None and newest > erasure.receipts_through:
            _remove_receipts(sessions, erasure, newest)
    over = [each for each in open_ones if each.erased_at and clock.now() - each.erased_at >= KEPT_FOR]
    for erasure in over:
        with sessions.begin() as session:
            heard_rows.forget_provider_ids(session, erasure.reply_ids)
    _clean_pages(sessions, over)
    return len(open_ones)


def _remove_receipts(sessions: sessionmaker[Session], erasure: Erasure, newest: int) -> None:
    """Remove the receipts of an erased person that came since the last look.

    To look for them reads every new receipt once; only to remove them is anything locked.
    """
    found: list[int] = []
    words = erasure.references
    with sessions() as session:
        session.connection(execution_options={"read_only": True})
        for start in range(0, len(words), _AT_ONCE):
            some = words[start : start + _AT_ONCE]
            is_theirs = or_(Receipt.reference.in_(some), Receipt.provider_id.in_(some))
            within = (Receipt.id > erasure.receipts_through, Receipt.id <= newest)
            found += session.scalars(select(Receipt.id).where(*within, is_theirs))
    with sessions.begin() as session:
        for start in range(0, len(found), _AT_ONCE):
            session.execute(delete(Receipt).where(Receipt.id.in_(found[start : start + _AT_ONCE])))
        kept = session.get(Erasure, erasure.contact_id)
        if kept is not None:
            kept.receipts_through = newest


def _clean_pages(sessions: sessionmaker[Session], over: Sequence[Erasure]) -> None:
    """Clean the pages of the database where somebody, or a report, was erased since; then end what is over."""
    with sessions() as session:
        session.connection(execution_options={"read_only": True})
        waiting = session.scalars(
            select(Erasure.contact_id).where(Erasure.erased_at.is_not(None), Erasure.cleaned_at.is_(None))
        ).all()
        unclean = session.scalars(select(UncleanPages.id).limit(_AT_ONCE)).all()
    ending = [each.contact_id for each in over]
    if not waiting and not ending and not unclean:
        return
    with sessions.begin() as session:
        session.execute(delete(Erasure).where(Erasure.contact_id.in_(ending)))
    if not clean(sessions.kw["bind"]):
        return
    with sessions.begin() as session:
        session.execute(update(Erasure).where(Erasure.contact_id.in_(waiting)).values(cleaned_at=clock.now()))
        # What is deleted meanwhile has a row of its own.
        session.execute(delete(UncleanPages).where(UncleanPages.id.in_(unclean)))


def clean(engine: Engine) -> bool:
    """Overwrite, as far as the database can, what was deleted; False: somebody reads an older state of it."""
    with single_statements(engine).connect() as connection:
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql(f"VACUUM {', '.join(TABLES)}")
            return _note_values_anew(connection)
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {_PATIENCE}")
        try:
            busy, *_ = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()
        finally:
            connection.exec_driver_sql(f"PRAGMA busy_timeout = {SQLITE_BUSY_SECONDS * 1000}")
        return not busy


def _note_values_anew(connection: Connection) -> bool:
    """Let PostgreSQL's planner know only values that are there: its samples outlive the rows they are of.

    Of an empty table ANALYZE leaves them as they were; a column that is given its own type again loses them.
    False: somebody else is at such a table, and is not to wait behind this.
    """
    connection.exec_driver_sql(f"ANALYZE {', '.join(SAMPLED)}")
    sampled = connection.execute(_SAMPLED_COLUMNS, {"tables": list(SAMPLED)}).all()
    connection.exec_driver_sql(f"SET lock_timeout = {_PATIENCE}")
    try:
        for table in {row.table for row in sampled}:
            if not connection.scalar(select(exists().select_from(TableClause(table)))):
                columns = ", ".join(f"ALTER {row.name} TYPE {row.type}" for row in sampled if row.table == table)
                connection.exec_driver_sql(f"ALTER TABLE {table} {columns}")
    except OperationalError:
        return False
    finally:
        connection.exec_driver_sql("RESET lock_timeout")
    return True
