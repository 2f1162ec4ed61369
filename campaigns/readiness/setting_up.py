"""`fingerpost setup` makes what an instance lacks or brings it up to date, never a database without its keys."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from sqlalchemy import Engine, make_url
from sqlalchemy.exc import DBAPIError

from campaigns.audience.consent.numbering import fill_numbers, lacks_numbers
from campaigns.audience.loading.resealing import seal_old_words
from campaigns.core.database import make_engine, make_sessions
from campaigns.core.errors import SettingsError, UnavailableError
from campaigns.core.keys.keys_file import KEY_NAMES, is_used, keep_keys, make_keys, mark_used, read_keys
from campaigns.core.processes.outages import sentence_about
from campaigns.core.settings import Settings
from campaigns.places.service import load_regions
from campaigns.readiness.instance import check_server, check_writes, close_file, enrol_keys
from campaigns.readiness.settings_checks import check_keys, check_settings
from campaigns.schema import BEYOND, SchemaState, check_schema, migrate, schema_state


def set_up(settings: Settings, *, say: Callable[[str], None], may_replace: bool = False) -> None:
    """Create or upgrade the tables, remember the keys, and load the regions; safe to repeat.

    Where there is neither a database nor a key it makes both. With `may_replace` another secret key is accepted.
    Raises SettingsError or UnavailableError before anything is made when something does not fit.
    """
    has_keys = any(getattr(settings, name) for name in KEY_NAMES)
    whole = settings if has_keys else _with_new_keys(settings)
    check_settings(whole)
    check_keys(whole)
    engine = make_engine(whole.database_url)
    try:
        is_empty = _is_empty(engine)
        _refuse_half(settings, has_keys=has_keys, is_empty=is_empty)
        if not has_keys:
            _keep(whole, say)
        _fill(engine, whole, say, may_replace=may_replace)
    except DBAPIError as error:
        raise UnavailableError(sentence_about(error)) from error
    finally:
        engine.dispose()
    if whole.keys_path is not None and _are_kept(whole):
        mark_used(whole.keys_path)


def is_new(settings: Settings) -> bool:
    """Say whether nothing was set up here yet, or setting up was cut short: then `set_up` may go on by itself.

    Keys that were never used with a database tell so; without them an empty database may be one that is lost.
    """
    path = settings.keys_path
    engine = make_engine(settings.database_url)
    try:
        if not any(getattr(settings, name) for name in KEY_NAMES):
            return _is_empty(engine)
        is_unused = path is not None and _are_kept(settings) and not is_used(path)
        return is_unused and (_is_empty(engine) or _is_current(engine))
    except DBAPIError as error:
        raise UnavailableError(sentence_about(error)) from error
    finally:
        engine.dispose()


def _with_new_keys(settings: Settings) -> Settings:
    made = make_keys()
    return replace(
        settings,
        secret_key=made["secret_key"],
        encryption_keys=made["encryption_keys"],
        lookup_key=made["lookup_key"],
    )


def _is_empty(engine: Engine) -> bool:
    """Say whether there are no tables of ours; asks no more than whether a SQLite file is there."""
    if engine.dialect.name == "sqlite" and not os.path.exists(engine.url.database or ""):
        return True
    check_server(engine)
    with engine.connect() as connection:
        state = schema_state(connection)
        if state in BEYOND:
            check_schema(connection)
    return state is SchemaState.MISSING


def _is_current(engine: Engine) -> bool:
    with engine.connect() as connection:
        return schema_state(connection) is SchemaState.CURRENT


def _refuse_half(settings: Settings, *, has_keys: bool, is_empty: bool) -> None:
    """Raise SettingsError for a database without its keys, and for keys without their database."""
    path = settings.keys_path
    where = make_url(settings.database_url).render_as_string()
    if not has_keys and not is_empty:
        raise SettingsError(
            f"There is a database at {where}, but no keys are set: give it those that it was set up with."
        )
    if not has_keys and path is None:
        raise SettingsError("No keys are set: set what `fingerpost keys` prints, or name a keys_file to make.")
    if is_empty and path is not None and is_used(path) and _are_kept(settings):
        raise SettingsError(
            f"The keys in {path} belong to a database that was set up before, but there is none at {where}: "
            "bring it back, or move the keys away to begin anew."
        )


def _are_kept(settings: Settings) -> bool:
    """Say whether the keys are those of the keys file, and not of the environment."""
    kept = read_keys(settings.keys_path) if settings.keys_path else {}
    return bool(kept) and all(getattr(settings, name) == value for name, value in kept.items())


def _keep(settings: Settings, say: Callable[[str], None]) -> None:
    path = settings.keys_path
    if path is not None:
        _make_folder(path.parent)
        keep_keys(path, {name: getattr(settings, name) for name in KEY_NAMES})
        say(f"New keys are in {path}. Keep a copy apart from the database: without them its addresses are lost.")


def _fill(engine: Engine, settings: Settings, say: Callable[[str], None], *, may_replace: bool) -> None:
    if engine.dialect.name == "sqlite":
        _make_folder(Path(engine.url.database or "").parent)
    close_file(engine.url)
    check_writes(engine)
    migrate(engine)
    try:
        _fill_tables(engine, settings, say, may_replace=may_replace)
    except DBAPIError as error:
        left = "The tables are upgraded; run `fingerpost setup` once more."
        raise UnavailableError(sentence_about(error, left=left)) from error


def _fill_tables(engine: Engine, settings: Settings, say: Callable[[str], None], *, may_replace: bool) -> None:
    with make_sessions(engine)() as session:
        for name in enrol_keys(session, settings, may_replace=may_replace):
            say(f"The {name} is known from now on.")
    with make_sessions(engine).begin() as session:
        say(f"{load_regions(session)} regions are loaded.")
        is_lacking = lacks_numbers(session)
    if is_lacking:
        filled = fill_numbers(make_sessions(engine), settings.vault())
        say(f"{filled:,} addresses know now whose phone they are on.")
    if sealed := seal_old_words(make_sessions(engine), settings.vault()):
        say(f"{sealed:,} rows with words about people are sealed now.")


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"The folder {path} cannot be made: {error.strerror}.") from None
