"""Many rows are loaded, and many hashes looked for, by the quickest way that each database has."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Dialect, Table
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import InstrumentedAttribute, Session

from campaigns.core.database import UTCDateTime

Row = tuple[Any, ...]
#: Different moments of a load that are converted once: a file has few, most of them days.
_MOMENTS = 1024
#: Values that SQLite takes in one statement.
MOST_BOUND = 30_000


def load_rows(session: Session, table: Table, columns: Sequence[str], rows: Sequence[Row]) -> None:
    """Write rows whose values stand in the order of `columns`: by COPY on PostgreSQL, by one statement on SQLite.

    Columns that the database fills itself may be left out, those that the mapper fills may not. What the session
    holds of the table does not notice. Raises what a statement of the session raises.
    """
    session.flush()
    connection = session.connection()
    converted = _converted(table, columns, rows, connection.dialect)
    if connection.dialect.name == "postgresql":
        _copy(connection, table, columns, converted)
        return
    names, marks = ", ".join(columns), ", ".join("?" * len(columns))
    statement = f"INSERT INTO {table.name} ({names}) VALUES ({marks})"  # noqa: S608 - names of ours  # nosec B608
    connection.exec_driver_sql(statement, list(converted))


def hashes_present(session: Session, column: InstrumentedAttribute[Any], hashes: Collection[bytes]) -> set[bytes]:
    """Return those of many hashes that a column has in any row.

    SQLAlchemy writes and binds a list anew each time, which takes longer than the database needs to look for it.
    """
    if not hashes:
        return set()
    session.flush()
    connection = session.connection()
    name, values = column.key, list(hashes)
    asked = f"SELECT {name} FROM {column.class_.__tablename__} WHERE {name}"  # noqa: S608 - names of ours  # nosec B608
    if connection.dialect.name == "postgresql":
        found = connection.exec_driver_sql(f"{asked} = ANY(%s)", (values,))
    else:
        return {
            each
            for start in range(0, len(values), MOST_BOUND)
            for each in _among(connection, asked, values[start : start + MOST_BOUND])
        }
    return set(found.scalars())


def _among(connection: Connection, asked: str, values: Sequence[bytes]) -> Iterable[Any]:
    marks = ", ".join("?" * len(values))
    return connection.exec_driver_sql(f"{asked} IN ({marks})", tuple(values)).scalars()


def _copy(connection: Connection, table: Table, columns: Sequence[str], rows: Iterable[Row]) -> None:
    statement = f"COPY {table.name} ({', '.join(columns)}) FROM STDIN"
    driver: Any = connection.connection.dbapi_connection
    dialect = connection.dialect
    try:
        with driver.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)
    except dialect.loaded_dbapi.Error as error:
        # Whoever tells of errors of the database knows them as SQLAlchemy gives them.
        kind = dialect.loaded_dbapi.Error
        raise DBAPIError.instance(statement, None, error, kind, hide_parameters=True, dialect=dialect) from error


def _converted(table: Table, columns: Sequence[str], rows: Sequence[Row], dialect: Dialect) -> Iterable[Row]:
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
