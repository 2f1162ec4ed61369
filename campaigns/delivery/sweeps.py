"""Sweeps: runs whose state and rows have come apart are brought together again, some rows a transaction."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from sqlalchemy import Select
from sqlalchemy.orm import Session, sessionmaker

from campaigns.delivery.queries import (
    select_done_with_queue,
    select_finished,
    select_resumed_with_cancelled,
    select_stopped_with_queue,
)
from campaigns.delivery.service import SWEEP, cancel_queued, finish_run, reopen_run, requeue_cancelled


def sweep(sessions: sessionmaker[Session], *, limit: int = SWEEP) -> None:
    """Cancel the queue of stopped runs, fill that of resumed ones, and end or reopen runs as their rows ask.

    `limit` is how many rows one transaction moves, so that an opt-out never waits long behind it.
    """
    for run_id in _ids(sessions, select_stopped_with_queue()):
        _in_turns(sessions, partial(cancel_queued, run_id=run_id, limit=limit))
    for run_id in _ids(sessions, select_resumed_with_cancelled()):
        _in_turns(sessions, partial(requeue_cancelled, run_id=run_id, limit=limit))
    for run_id in _ids(sessions, select_done_with_queue()):
        with sessions.begin() as session:
            reopen_run(session, run_id)
    for run_id in _ids(sessions, select_finished()):
        with sessions.begin() as session:
            finish_run(session, run_id)


def _in_turns(sessions: sessionmaker[Session], move: Callable[[Session], int]) -> None:
    """Repeat a move of limited size, a transaction each, until it finds nothing more."""
    moved = 1
    while moved:
        with sessions.begin() as session:
            moved = move(session)


def _ids(sessions: sessionmaker[Session], statement: Select[int]) -> list[int]:
    with sessions() as session:
        session.connection(execution_options={"read_only": True})
        return list(session.scalars(statement))
