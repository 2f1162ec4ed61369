"""Several workers on one machine, one process each; `core/processes/seats.py` keeps them running."""

from __future__ import annotations

import logging

from sqlalchemy import make_url

from campaigns.core.database import make_worker_engine
from campaigns.core.errors import SettingsError, UnavailableError
from campaigns.core.logging import configure_logging
from campaigns.core.processes.seats import Seat, is_orphan, keep_seats
from campaigns.core.settings import Settings
from campaigns.worker import Worker, run_worker

#: A worker ends within 15 seconds of SIGTERM; one that has not by then is killed, in seconds.
KILL_SECONDS = 14.5

_log = logging.getLogger(__name__)


def supervise(settings: Settings, processes: int) -> None:
    """Keep `processes` workers running until SIGTERM or Ctrl-C; then end them all, within 15 seconds.

    Raises SettingsError when the settings do not allow several workers, or not even one.
    """
    check(settings, processes)
    seats = [Seat(f"worker {number}", _work, settings) for number in range(1, processes + 1)]
    keep_seats(seats, end_seconds=KILL_SECONDS)


def check(settings: Settings, processes: int) -> None:
    """Raise SettingsError when `processes` workers cannot run with these settings."""
    if processes > 1 and make_url(settings.database_url).get_backend_name() == "sqlite":
        raise SettingsError(
            "On SQLite one process writes at a time, so a second worker would only wait for the first: "
            "leave --processes at 1, or set database_url to PostgreSQL."
        )
    # What one would refuse is said once, and not by each again and again.
    database = make_worker_engine(settings.database_url)
    try:
        Worker(settings, database)
    finally:
        database.dispose()


def _work(settings: Settings) -> None:
    """Be one of the workers, until told to end or until the supervisor is gone."""
    configure_logging(settings.log_level)
    try:
        run_worker(settings, until=is_orphan)
    except (SettingsError, UnavailableError) as error:
        # It may be mended meanwhile, by an upgrade of this program for example: the next one looks again.
        _log.error("%s", error)
        raise SystemExit(2) from None
