"""Each database has the identity of its place, which no copy, restored dump or promoted replica has."""

from __future__ import annotations

import hashlib
from pathlib import Path

from sqlalchemy import URL, Connection, text
from sqlalchemy.exc import DBAPIError

from campaigns.continuity.models import Instance

#: What stands for a part that this server does not tell.
_UNTOLD = "?"

_OF_SERVER = text(
    """
    SELECT (SELECT system_identifier FROM pg_control_system()),
           substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)
    """
)
_OF_DATABASE = text("SELECT oid FROM pg_database WHERE datname = current_database()")


def place_of(connection: Connection) -> str | None:
    """Return the identity of the place where the database of a connection lives; None for one in memory.

    Of a file that is its inode: a copy has another one, whatever it is called. On PostgreSQL it is the server's
    identifier (another one for each `initdb`), the database's oid (another one for each CREATE DATABASE) and the
    timeline, which goes up by one when a replica is promoted or a server is recovered to a point in time. The name
    of the file being written says the timeline; the control file would say it only after the next checkpoint.
    """
    if connection.dialect.name == "sqlite":
        path = connection.engine.url.database
        return None if path in (None, "", ":memory:") else f"file:{Path(path).stat().st_ino}"
    oid = connection.scalar(_OF_DATABASE)
    return f"postgresql:{oid}:{':'.join(_server_of(connection))}"


def is_there(connection: Connection, instance: Instance) -> bool:
    """Say whether a database lives where it was last known to; what a server does not tell speaks for neither."""
    known, found = instance.place, place_of(connection)
    if known is None or found is None:
        return True
    pairs = list(zip(known.split(":"), found.split(":"), strict=False))
    return all(one == other or _UNTOLD in (one, other) for one, other in pairs)


def timeline_in(place: str | None) -> str | None:
    """Return the timeline in an identity, or None where there is none or it is not told."""
    kind, *_, timeline = (place or ":").split(":")
    return timeline if kind == "postgresql" and timeline != _UNTOLD else None


def files_of(url: URL, state: Path, subject: str) -> Path:
    """Return how the paths of an instance's files on one subject begin: beside a SQLite file, else in `state`."""
    if url.get_backend_name() == "sqlite":
        return Path(f"{Path(url.database or '').resolve()}-{subject}")
    host = url.query.get("host", url.host or "")
    named = f"{host}:{url.port or 5432}/{url.database}"
    return state / f"{hashlib.sha256(named.encode()).hexdigest()[:16]}-{subject}"


def _server_of(connection: Connection) -> tuple[str, str]:
    try:
        # A savepoint, so that a refusal does not end the transaction.
        with connection.begin_nested():
            identifier, timeline = connection.execute(_OF_SERVER).one()
    except DBAPIError as error:
        if error.connection_invalidated:
            raise
        return _UNTOLD, _UNTOLD
    return str(identifier), str(timeline)
