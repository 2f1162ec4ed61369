"""Sweeps: runs whose state and rows have come apart are brought together again, some rows a transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from sqlalchemy import Select
from sqlalchemy.orm import Session, sessionmaker

from campaigns.delivery.fanout.outdated_texts import pause_outdated
from campaigns.delivery.queries import (
    select_done_with_queue,
    select_finished,
    select_resumed_with_cancelled,
    select_stopped_with_queue,
)
from campaigns.delivery.service import SWEEP, cancel_queued, finish_run, reopen_run, requeue_cancelled
from campaigns.planning.policy import USUAL, Policy

#: Transactions of one sweep: few, because on SQLite the claims of other runs and every fan-out wait behind them.
TURNS = 2


def sweep(
    sessions: sessionmaker[Session], policy: Policy = USUAL, *, limit: int = SWEEP, turns: int = TURNS
) -> None:
    """Cancel the queue of stopped runs, fill that of resumed ones, and end or reopen runs as their rows ask.

    A run that was done may have been so for long: where a text of it does not hold any more it is paused instead.

    `limit` is how many rows one transaction moves, so that an opt-out never waits long behind it, and `turns` how
    many transactions there are at most; the next sweep goes on from there.
    """
    queueing = [partial(requeue_cancelled, run_id=run) for run in _ids(sessions, select_resumed_with_cancelled())]
    cancelling = [partial(cancel_queued, run_id=run) for run in _ids(sessions, select_stopped_with_queue())]
    # Those first for whom people wait; what was stopped is not called anyway.
    _in_turns(sessions, [partial(move, limit=limit) for move in queueing + cancelling], turns)
    for run_id in _ids(sessions, select_done_with_queue()):
        with sessions.begin() as session:
            if reopen_run(session, run_id):
                pause_outdated(session, run_id, policy=policy)
    for run_id in _ids(sessions, select_finished()):
        with sessions.begin() as session:
            finish_run(session, run_id)


def _in_turns(sessions: sessionmaker[Session], moves: Iterable[Callable[[Session], int]], turns: int) -> None:
    """Repeat each move of limited size until it finds nothing more, a transaction each and `turns` at most."""
    for move in moves:
        moved = 1
        while moved and turns:
            with sessions.begin() as session:
                moved = move(session)
            turns -= 1


def _ids(sessions: sessionmaker[Session], statement: Select[int]) -> list[int]:
    with sessions() as session:
        session.connection(execution_options={"read_only": True})
        return list(session.scalars(statement))
