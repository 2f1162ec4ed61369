"""Many rows are loaded, and many hashes looked for, by the quickest way that each database has."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from functools import lru_cache
from types import TracebackType
from typing import Any, Self

from sqlalchemy import Connection, Dialect, Table, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import InstrumentedAttribute, Session

from campaigns.core.database import UTCDateTime, keeping_more

Row = tuple[Any, ...]
#: Different moments of a load that are converted once: a file has few, most of them days.
_MOMENTS = 1024
#: Values that SQLite takes in one statement.
MOST_BOUND = 30_000


class RowLoading:
    """Writes rows into tables, in their order: by COPY on PostgreSQL, by one statement each on SQLite.

    PostgreSQL takes longer to take them in than we to make them, so a thread hands them over while the next ones
    are made. Whoever asks the connection anything else waits until that is done; at the end of the block all is
    written. SQLite keeps more of the indexes in memory meanwhile: it would write each of their pages again and
    again. What the session holds of the tables does not notice.
    """

    def __init__(self, session: Session) -> None:
        self._session, self._connection = session, session.connection()
        self._is_beside = self._connection.dialect.name == "postgresql"
        self._going: list[Future[None]] = []

    def __enter__(self) -> Self:
        self._thread = ThreadPoolExecutor(1, "loading")
        self._kept = ExitStack()
        self._kept.enter_context(keeping_more(self._connection))
        event.listen(self._connection, "before_cursor_execute", self._before)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        event.remove(self._connection, "before_cursor_execute", self._before)
        self._thread.shutdown(cancel_futures=kind is not None)
        if kind is None:
            self.wait()
        self._kept.close()

    def load(self, table: Table, columns: Sequence[str], rows: Iterable[Row]) -> None:
        """Write rows whose values stand in the order of `columns`; they may be made as they are written.

        Columns that the database fills itself may be left out, those that the mapper fills may not. This, `wait`
        or the next statement raises what a statement of the session raises.
        """
        self._session.flush()
        ready = converted(table, columns, rows, self._connection.dialect)
        if self._is_beside:
            self._going.append(self._thread.submit(_copy, self._connection, table, columns, ready))
        else:
            insert_converted(self._connection, table, columns, ready)

    def wait(self) -> None:
        """Return once everything is written that was to be."""
        going, self._going = self._going, []
        for load in going:
            load.result()

    def _before(self, *_statement: object) -> None:
        self.wait()


def hashes_present(
    session: Session, column: InstrumentedAttribute[Any], hashes: Collection[bytes], *, of: int | None = None
) -> set[bytes]:
    """Return those of many hashes that a column has in any row, or in one `of` an organisation.

    SQLAlchemy writes and binds a list anew each time, which takes longer than the database needs to look for it.
    """
    if not hashes:
        return set()
    session.flush()
    connection = session.connection()
    name, values = column.key, list(hashes)
    asked = f"SELECT {name} FROM {column.class_.__tablename__} WHERE {name}"  # noqa: S608 - names of ours  # nosec B608
    # The sign keeps SQLite from reading all that the organisation has, by the index that begins with it.
    owned = f" AND +organisation_id = {of:d}" if of is not None else ""
    if connection.dialect.name == "postgresql":
        found = connection.exec_driver_sql(f"{asked} = ANY(%b){owned}", (values,))
    else:
        return {
            each
            for start in range(0, len(values), MOST_BOUND)
            for each in _among(connection, asked, values[start : start + MOST_BOUND], owned)
        }
    return set(found.scalars())


def _among(connection: Connection, asked: str, values: Sequence[bytes], owned: str) -> Iterable[Any]:
    marks = ", ".join("?" * len(values))
    return connection.exec_driver_sql(f"{asked} IN ({marks}){owned}", tuple(values)).scalars()


def insert_converted(connection: Connection, table: Table, columns: Sequence[str], rows: Iterable[Row]) -> None:
    """Write rows whose values are as the driver takes them, by one statement; SQLite alone is quick so."""
    names, marks = ", ".join(columns), ", ".join("?" * len(columns))
    statement = f"INSERT INTO {table.name} ({names}) VALUES ({marks})"  # noqa: S608 - names of ours  # nosec B608
    connection.exec_driver_sql(statement, list(rows))


def _copy(connection: Connection, table: Table, columns: Sequence[str], rows: Iterable[Row]) -> None:
    statement = f"COPY {table.name} ({', '.join(columns)}) FROM STDIN"
    driver: Any = connection.connection.dbapi_connection
    kind = connection.dialect.loaded_dbapi.Error
    try:
        with driver.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)
    except kind as error:
        raise _told(connection, statement, error) from error


def _told(connection: Connection, statement: str, error: Any) -> Exception:
    """Return an error of the driver as SQLAlchemy gives it, and give up a connection that is none any more.

    Whoever tells of errors of the database, or tries again, knows them so.
    """
    dialect = connection.dialect
    is_gone = dialect.is_disconnect(error, connection.connection.dbapi_connection, None)
    if is_gone:
        connection.invalidate(error)
    told: Exception = DBAPIError.instance(
        statement,
        None,
        error,
        dialect.loaded_dbapi.Error,
        hide_parameters=True,
        connection_invalidated=is_gone,
        dialect=dialect,
    )
    return told


def converted(table: Table, columns: Sequence[str], rows: Iterable[Row], dialect: Dialect) -> Iterable[Row]:
    """Give rows as the driver takes them: only moments are kept in another form."""
    places = [at for at, name in enumerate(columns) if isinstance(table.c[name].type, UTCDateTime)]
    process = UTCDateTime().dialect_impl(dialect).bind_processor(dialect)
    if process is None or not places:
        return rows
    moment: Callable[[Any], Any] = lru_cache(_MOMENTS)(process)
    return (_with_moments(row, places, moment) for row in rows)


def _with_moments(row: Row, places: Sequence[int], moment: Callable[[Any], Any]) -> Row:
    values = list(row)
    for at in places:
        values[at] = moment(values[at])
    return tuple(values)
