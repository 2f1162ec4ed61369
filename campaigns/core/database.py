"""Engines, sessions and column types mean the same here on SQLite and PostgreSQL; no table is defined."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, ClassVar

from sqlalchemy import (
    JSON,
    URL,
    BigInteger,
    DateTime,
    Engine,
    Integer,
    MetaData,
    String,
    create_engine,
    event,
    func,
    make_url,
    select,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection, Dialect
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import DeclarativeBase, Session, sessionmaker
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator

from campaigns.core.errors import SettingsError
from campaigns.core.sentences import Sentence

#: How long a SQLite writer waits for another one, in seconds.
SQLITE_BUSY_SECONDS = 30

#: How long a worker's connections may hang, in seconds: a dead network is noticed by both sides within
#: CUT_OFF_SECONDS, and a process that was put to sleep within a transaction loses what it holds locked.
CUT_OFF_SECONDS, ASLEEP_SECONDS = 12, 10
_PROBES = 3
_EVERY = CUT_OFF_SECONDS // (_PROBES + 1)
#: The same for a process that serves pages, and how long a request waits for what somebody else holds locked.
WEB_ASLEEP_SECONDS, WEB_LOCK_SECONDS = 15, 5

#: What SQLite keeps in memory for a work on many pages (`keeping_more`), in KiB.
KEPT_KIB = 32_768
#: Pages (of 4 KiB) that SQLite appends before it writes them to their places: a page that was changed several
#: times meanwhile is written there once. Its own 1,000 are full after two groups of a run.
CHECKPOINT_PAGES = 4_000

#: No row has a higher id.
HIGHEST_ID = 2**63 - 1

#: Let a statement change rows without looking for them in memory: what was read of them is not used any more.
PAST_MEMORY = {"synchronize_session": False}

#: What a session knows of ids that it keeps; see `keep_ids`.
_KEPT_IDS = "kept_ids"

#: A 64-bit id on PostgreSQL and SQLite's own rowid.
BigId = BigInteger().with_variant(Integer(), "sqlite")


class UTCDateTime(TypeDecorator[datetime]):
    """Aware UTC in, aware UTC out; a naive value is refused, so that no local time slips in."""

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        return dialect.type_descriptor(DateTime(timezone=dialect.name == "postgresql"))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a naive datetime cannot be stored: times are aware UTC")
        moment = value.astimezone(UTC)
        return moment if dialect.name == "postgresql" else moment.replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)


class WallClock(TypeDecorator[datetime]):
    """A local time without zone ('2026-03-29T18:00'), as a clock on the wall shows it; never an instant."""

    impl = String(16)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:
        if value is None:
            return None
        if value.tzinfo is not None:
            raise ValueError("a wall-clock time has no zone")
        return value.strftime("%Y-%m-%dT%H:%M")

    def process_result_value(self, value: str | None, dialect: Dialect) -> datetime | None:
        return None if value is None else datetime.strptime(value, "%Y-%m-%dT%H:%M")


class StoredSentence(TypeDecorator[Sentence]):
    """A sentence for members, as its template and values."""

    impl = JSON(none_as_null=True)
    cache_ok = True

    def process_bind_param(self, value: Sentence | None, dialect: Dialect) -> dict[str, Any] | None:
        return None if value is None else value.to_json()

    def process_result_value(self, value: dict[str, Any] | None, dialect: Dialect) -> Sentence | None:
        return None if value is None else Sentence.from_json(value)


class Base(DeclarativeBase):
    """Base of all mapped classes; names every constraint, so that migrations can name them too."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: UTCDateTime(),
        dict[str, Any]: JSON(),
        list[str]: JSON(),
        Sentence: StoredSentence(),
    }


def rows_with(condition: str) -> dict[str, Any]:
    """Return what lets an index hold only the rows for which a condition is true, on either database."""
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}


class ordered_token(FunctionElement[str]):  # noqa: N801 - reads as a SQL function
    """32 hexadecimal characters made by the database for each row: the moment, then at least 68 bits of chance.

    Those made later come later in an index, so rows that are worked on together share its pages. Where every row
    has a random place, each of them costs a page of its own to read, to write and to log.
    """

    type = String(32)
    inherit_cache = True


@compiles(ordered_token, "sqlite")
def _ordered_token_sqlite(element: Any, compiler: Any, **kw: Any) -> str:
    microseconds = "CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER)"
    return f"printf('%014x', {microseconds}) || lower(hex(randomblob(9)))"


@compiles(ordered_token, "postgresql")
def _ordered_token_postgresql(element: Any, compiler: Any, **kw: Any) -> str:
    microseconds = "CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS bigint)"
    # The end of a random UUID: no version stands there.
    return f"lpad(to_hex({microseconds}), 14, '0') || right(replace(gen_random_uuid()::text, '-', ''), 18)"


class ClosingPool(QueuePool):
    """A pool that closes what comes back to it after `dispose`: nobody takes it out again, or would close it."""

    #: Its log is the library's own, which is silent.
    _sqla_logger_namespace = "sqlalchemy.pool.ClosingPool"
    _is_gone = False

    def dispose(self) -> None:
        self._is_gone = True
        super().dispose()

    def _do_return_conn(self, record: ConnectionPoolEntry) -> None:
        super()._do_return_conn(record)
        # Asked afterwards: what comes back while others are being closed is closed by one of the two.
        if self._is_gone:
            super().dispose()


def make_engine(url: str, **options: Any) -> Engine:
    """Return an engine for `url` (sqlite:/// or postgresql+psycopg://) with the house's settings applied."""
    # An error of the database is logged, and what was written may be somebody's text.
    engine = create_engine(url, hide_parameters=True, **{"poolclass": ClosingPool} | options)
    prepare(engine)
    return engine


def make_worker_engine(url: str) -> Engine:
    """Return an engine for a process of a cluster, whose death or dead network must not hold up the others.

    Left alone, a connection that got lost is noticed after two hours, and PostgreSQL keeps its locks so long.
    """
    engine = make_engine(url, connect_args=wire_of(make_url(url)))
    limit_sessions(
        engine,
        idle_in_transaction_session_timeout=ASLEEP_SECONDS * 1000,
        # What a worker reads by id is in memory. With the default, made for turning disks, PostgreSQL would rather
        # read a table of some thousand rows from end to end for each group of results.
        random_page_cost=1.1,
        # A plan that was made while tables were small must not serve a run of a million.
        plan_cache_mode="force_custom_plan",
    )
    return engine


def limit_web_sessions(engine: Engine) -> None:
    """Let no process that serves pages, frozen or cut off, hold up stops, workers and other members for long."""
    limit_sessions(
        engine,
        idle_in_transaction_session_timeout=WEB_ASLEEP_SECONDS * 1000,
        # Who waits for a lock holds others: the member is told to try again.
        lock_timeout=WEB_LOCK_SECONDS * 1000,
    )


def wait_for_locks(session: Session, *, seconds: int) -> None:
    """Let this transaction wait so long for what others hold locked; SQLite has one wait for all."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.set_config("lock_timeout", f"{seconds}s", True)))


def wire_of(url: URL) -> dict[str, int]:
    """Return by what our side of a connection notices that the other one is gone; for `connect_args`."""
    if url.get_backend_name() == "sqlite":
        return {}
    ours = {"keepalives_idle": _EVERY, "keepalives_interval": _EVERY, "keepalives_count": _PROBES}
    return {**ours, "tcp_user_timeout": CUT_OFF_SECONDS * 1000, "connect_timeout": CUT_OFF_SECONDS}


def limit_sessions(engine: Engine, **settings: object) -> None:
    """Set these on each connection to PostgreSQL that is still to be made, and how its side notices our end."""
    if engine.dialect.name != "postgresql":
        return
    theirs = {
        "tcp_keepalives_idle": _EVERY,
        "tcp_keepalives_interval": _EVERY,
        "tcp_keepalives_count": _PROBES,
        "tcp_user_timeout": CUT_OFF_SECONDS * 1000,
        **settings,
    }

    @event.listens_for(engine, "connect")
    def configure(connection: Any, record: Any) -> None:
        with connection.cursor() as cursor:
            for name, value in theirs.items():
                cursor.execute(f"SET {name} = {value}")
        connection.commit()


def prepare(engine: Engine) -> None:
    """Apply the house's settings to each connection still to be made, above all that commits are on disk."""
    if engine.dialect.name == "sqlite":
        _prepare_sqlite(engine)
    elif engine.dialect.name == "postgresql":
        _prepare_postgresql(engine)


def check_durability(engine: Engine) -> None:
    """Raise SettingsError when the server may lose what it has committed; one that is away is not asked.

    full_page_writes may rightly be off where the file system never tears a page.
    """
    if engine.dialect.name != "postgresql":
        return
    try:
        with engine.connect() as connection:
            fsync = connection.scalar(text("SHOW fsync"))
    except OperationalError:
        return
    if fsync != "on":
        raise SettingsError(
            "PostgreSQL runs with fsync = off: a power cut would undo stops and send messages twice. Turn it on."
        )


def _prepare_postgresql(engine: Engine) -> None:
    """Let each commit wait for the disk, whatever the server, the database or the role is set to.

    An intent to call that is lost after the call was made is called again, and a stop that is lost is no stop.
    """
    durable = (
        "SELECT set_config('synchronous_commit', 'on', false)"
        # The one setting that waits for more.
        " WHERE current_setting('synchronous_commit') <> 'remote_apply'"
    )

    @event.listens_for(engine, "connect")
    def configure(connection: Any, record: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute(durable)
        connection.commit()


def _prepare_sqlite(engine: Engine) -> None:
    """Set WAL, full synchronisation, foreign keys and immediate transactions on each connection.

    A deferred transaction that turns to writing fails at once with SQLITE_BUSY_SNAPSHOT, whatever the
    time-out; so a transaction begins IMMEDIATE unless its connection carries `read_only=True`. One that carries
    `is_single=True` (see `single_statements`) begins none.
    """

    @event.listens_for(engine, "connect")
    def configure(connection: Any, record: Any) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {SQLITE_BUSY_SECONDS * 1000}")
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", "secure_delete = ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        options = connection.get_execution_options()
        if not options.get("is_single", False):
            connection.exec_driver_sql("BEGIN" if options.get("read_only", False) else "BEGIN IMMEDIATE")


def single_statements(engine: Engine) -> Engine:
    """Return `engine` for transactions of one statement each: durable when it returns, without BEGIN and COMMIT.

    On PostgreSQL that is one round trip instead of three.
    """
    if engine.dialect.name == "postgresql":
        return engine.execution_options(isolation_level="AUTOCOMMIT")
    return engine.execution_options(is_single=True)


@contextmanager
def one_moment(sessions: sessionmaker[Session]) -> Iterator[Session]:
    """Open a session that only reads, and sees everything as it was at its first statement."""
    with sessions() as session:
        options: dict[str, Any] = {"read_only": True}
        if session.get_bind().dialect.name == "postgresql":
            options["isolation_level"] = "REPEATABLE READ"
        session.connection(execution_options=options)
        yield session


@contextmanager
def keeping_more(connection: Connection) -> Iterator[None]:
    """Let SQLite keep more of the database in memory within the block: for what goes through many of its pages.

    With its own two megabytes it reads and writes each of them again and again.
    """
    if connection.dialect.name != "sqlite":
        yield
        return
    before = connection.exec_driver_sql("PRAGMA cache_size").scalar_one()
    connection.exec_driver_sql(f"PRAGMA cache_size = {-KEPT_KIB}")
    try:
        yield
    finally:
        connection.exec_driver_sql(f"PRAGMA cache_size = {before}")


def insert_or(session: Session, mapped: type[DeclarativeBase]) -> sqlite.Insert | postgresql.Insert:
    """Return an insert of the session's database that says what to do when the row is there already."""
    is_postgresql = session.get_bind().dialect.name == "postgresql"
    return postgresql.insert(mapped) if is_postgresql else sqlite.insert(mapped)


def make_sessions(engine: Engine) -> sessionmaker[Session]:
    """Return the session factory of a process; `with factory.begin() as session:` is one transaction."""
    return sessionmaker(engine, expire_on_commit=False)


def highest_id(session: Session, mapped: type[DeclarativeBase]) -> int:
    """Return the highest id that a row of a table has, or 0."""
    return int(session.scalar(select(func.coalesce(func.max(mapped.__table__.c.id), 0))) or 0)


def keep_ids(session: Session, mapped: type[DeclarativeBase], last: int) -> None:
    """Let `reserve_ids` give this session none up to `last` on SQLite: its rows there are made already."""
    session.info[_KEPT_IDS, mapped] = last


def reserve_ids(session: Session, mapped: type[DeclarativeBase], count: int) -> range | list[int]:
    """Reserve `count` ids of a table, so that a row's id can be sealed into its ciphertext before it is written.

    On SQLite the transaction must be a writing one (it is, unless marked read only): nobody else can insert.
    """
    if session.get_bind().dialect.name == "sqlite":
        first = max(highest_id(session, mapped), session.info.get((_KEPT_IDS, mapped), 0)) + 1
        return range(first, first + count)
    # One text: a row for each id takes longer to read than to make. Its sequence is looked for only once.
    statement = text(
        "SELECT string_agg(nextval((SELECT pg_get_serial_sequence(:table, 'id')::regclass))::text, ' ')"
        " FROM generate_series(1, :count)"
    )
    ids: str | None = session.scalar(statement, {"table": mapped.__tablename__, "count": count})
    return [int(each) for each in (ids or "").split()]
