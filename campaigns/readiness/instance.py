"""A database, the keys and this program must belong together: that is checked before anything is served."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import URL, Engine, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session

from campaigns.audience.models import Address
from campaigns.core.database import check_durability, make_engine, make_sessions
from campaigns.core.errors import DamagedDataError, SettingsError, UnavailableError
from campaigns.core.key_fingerprints import REPLACEABLE, fingerprint, fits, named_keys
from campaigns.core.keys.crypto import Vault
from campaigns.core.models import KeyFingerprint
from campaigns.core.private_files import close_to_others
from campaigns.core.processes.outages import Cause, first_cause_of, sentence_about
from campaigns.core.settings import Mode, Settings
from campaigns.readiness.settings_checks import check_keys, check_settings
from campaigns.schema import check_numbers, check_schema

#: How long a server may take to answer when a command starts, in seconds.
PATIENCE_SECONDS = 10


def open_instance(settings: Settings) -> Engine:
    """Return an engine on the database after every check of settings, keys, tables and server.

    Raises SettingsError or UnavailableError with one sentence on what is wrong.
    """
    check_settings(settings)
    check_keys(settings)
    engine = make_engine(settings.database_url)
    check_database(engine, settings)
    return engine


def check_database(engine: Engine, settings: Settings) -> None:
    """Raise SettingsError or UnavailableError unless this program may work with this database and these keys.

    Where no key was remembered yet, the keys are from now on.
    """
    check_file(engine.url)
    check_server(engine)
    try:
        if settings.mode is Mode.LIVE:
            check_durability(engine)
        with engine.execution_options(read_only=True).connect() as connection:
            check_schema(connection)
        check_writes(engine)
        with make_sessions(engine)() as session:
            check_fingerprints(session, settings)
        check_numbers(engine.execution_options(read_only=True))
    except DBAPIError as error:
        raise UnavailableError(sentence_about(error)) from error
    finally:
        # A process that is forked later must not share a connection.
        engine.dispose()


def check_file(url: URL) -> None:
    """Raise SettingsError when a SQLite file is not there: connecting would make an empty one."""
    if url.get_backend_name() == "sqlite" and url.database and not Path(url.database).exists():
        raise SettingsError(f"There is no database at {url.database}: run `fingerpost setup` once.")
    close_file(url)


def close_file(url: URL) -> None:
    """Let nobody but our own account read a SQLite file and what lies beside it."""
    if url.get_backend_name() == "sqlite" and url.database:
        close_to_others(Path(url.database))


def check_server(engine: Engine) -> None:
    """Raise UnavailableError when PostgreSQL does not answer, SettingsError when it keeps text as bare bytes."""
    if engine.dialect.name != "postgresql":
        return
    arguments, options = engine.dialect.create_connect_args(engine.url)
    module = engine.dialect.loaded_dbapi
    try:
        # Not through the engine: it could not even read such a server's version.
        bare = module.connect(*arguments, **{"connect_timeout": PATIENCE_SECONDS, **options})
    except module.OperationalError as error:
        said = str(error).strip().partition("\n")[0].rstrip(".")
        raise UnavailableError(f"The database does not answer: {said}.") from error
    with bare:
        encoding = bare.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        raise SettingsError(
            f"The database keeps text in {encoding}: create it anew with "
            f"CREATE DATABASE {engine.url.database} ENCODING 'UTF8' TEMPLATE template0."
        )


def check_whole(database_url: str) -> None:
    """Raise UnavailableError for a SQLite file whose parts do not fit: looks through all of it.

    A backup that was put over a file whose `-wal` lay there still gets pages of the old one, without a word.
    """
    engine = make_engine(database_url)
    if engine.dialect.name != "sqlite":
        return
    check_file(engine.url)
    try:
        with engine.execution_options(read_only=True).connect() as connection:
            found = connection.scalar(text("PRAGMA integrity_check(1)"))
    except DBAPIError as error:
        found = str(error.orig)
    finally:
        engine.dispose()
    if found != "ok":
        found = str(found).splitlines()[-1]
        raise UnavailableError(
            f"The database at {engine.url.database} is damaged ({found}). Move it away together with what lies "
            "beside it (-wal and -shm), and bring the backup there once more."
        )


def check_writes(engine: Engine) -> None:
    """Raise SettingsError when the database takes no writes; one that is busy does."""
    try:
        with engine.begin() as connection:
            # On SQLite the transaction itself asks for the right to write.
            is_read_only = engine.dialect.name == "postgresql" and connection.scalar(
                text("SELECT current_setting('transaction_read_only') = 'on'")
            )
    except DBAPIError as error:
        if first_cause_of(error) is Cause.BUSY:
            return
        raise SettingsError(sentence_about(error)) from error
    if is_read_only:
        raise SettingsError(f"The database cannot be used: {Cause.READ_ONLY}.")


def check_fingerprints(session: Session, settings: Settings) -> None:
    """Raise SettingsError when a key is another than this instance was set up with, naming which.

    A further version of the encryption key has to be made known by `fingerpost setup` first, when every machine
    has it: what one seals all must be able to open.
    """
    # Whoever starts while somebody writes for long need not wait for it.
    session.connection(execution_options={"read_only": True})
    keys, known = named_keys(settings), _known(session)
    session.expunge_all()
    session.rollback()
    if not known:
        enrol_keys(session, settings)
        return
    _refuse_other_keys(keys, known)
    for name in keys.keys() - known.keys():
        raise SettingsError(f"The {name} is new here: give it to every machine, then run `fingerpost setup`.")


def enrol_keys(session: Session, settings: Settings, *, may_replace: bool = False) -> list[str]:
    """Remember every key that was not known yet, commit, and return their names.

    With `may_replace` another secret key takes the place of the one that was known. Raises SettingsError when
    another key differs, or does not open what a database holds that remembers none.
    """
    keys, known = named_keys(settings), _known(session)
    if not known:
        _try_sealed(session, settings.vault())
    if may_replace and REPLACEABLE in known and not fits(known[REPLACEABLE], keys[REPLACEABLE]):
        session.delete(known.pop(REPLACEABLE))
        session.flush()
    _refuse_other_keys(keys, known)
    new = sorted(keys.keys() - known.keys())
    session.add_all(fingerprint(name, keys[name]) for name in new)
    try:
        session.commit()
    except IntegrityError:
        # Another process that starts was quicker; whether its keys are ours is what has to be asked.
        session.rollback()
        _refuse_other_keys(keys, _known(session))
    return new


def _known(session: Session) -> dict[str, KeyFingerprint]:
    return {row.name: row for row in session.scalars(select(KeyFingerprint))}


def _refuse_other_keys(keys: dict[str, bytes], known: dict[str, KeyFingerprint]) -> None:
    for name, row in sorted(known.items()):
        if name not in keys:
            raise SettingsError(f"The {name} is missing: what it sealed could not be opened.")
        if not fits(row, keys[name]):
            remedy = _REPLACE if name == REPLACEABLE else ""
            raise SettingsError(f"The {name} is another than this database was set up with{remedy}.")


_REPLACE = " (if that is meant, run `fingerpost setup --new-secret-key`)"


def _try_sealed(session: Session, vault: Vault) -> None:
    """Raise SettingsError when the keys do not open the newest address, or do not find it."""
    newest = session.scalars(select(Address).order_by(Address.id.desc()).limit(1)).first()
    if newest is None:
        return
    try:
        handle = vault.open(newest.ciphertext, table="address", column="ciphertext", row_id=newest.id)
    except DamagedDataError:
        raise SettingsError("The encryption key is another than the one that sealed this database.") from None
    if vault.lookup_hash(newest.channel, handle) != newest.lookup:
        raise SettingsError("The lookup_key is another than this database was filled with.")
