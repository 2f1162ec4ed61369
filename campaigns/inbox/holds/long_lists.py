"""A worker opts out everybody on a long list that a member has confirmed, while the member does other work.

Each piece is a transaction of its own: a worker that dies leaves the rest to another, and a stop waits for a piece
alone. After each the worker rests for longer than it takes a writer on SQLite to look again.
"""

from __future__ import annotations

from threading import Event

from sqlalchemy import Select, select
from sqlalchemy.orm import Session, sessionmaker

from campaigns.audience.models import ContactImport, ImportState
from campaigns.audience.queries import is_list
from campaigns.core.errors import TransitionError
from campaigns.core.keys.crypto import Vault
from campaigns.core.processes.chores import do_for_each
from campaigns.delivery.write_turns import SQLITE_TURN_SECONDS
from campaigns.inbox.holds.opted_out_list import open_list, opt_out_piece


def opt_out_lists(sessions: sessionmaker[Session], vault: Vault, is_stopping: Event) -> int:
    """Opt out everybody on the lists that wait for a worker, until it stops; return how many pieces were done.

    One that cannot be opened holds up no other. Raises ExceptionGroup with what went wrong.
    """
    with sessions() as session:
        session.connection(execution_options={"read_only": True})
        waiting = session.scalars(_select_waiting()).all()
    return do_for_each(
        waiting,
        lambda list_id: _work_off(sessions, vault, list_id, is_stopping),
        doing="list {} was worked off",
        told="people cannot be opted out by lists",
    )


def _work_off(sessions: sessionmaker[Session], vault: Vault, list_id: int, is_stopping: Event) -> int:
    pieces, is_left = 0, not is_stopping.is_set()
    try:
        with sessions() as session:
            session.connection(execution_options={"read_only": True})
            said = open_list(session.get_one(ContactImport, list_id), vault)
        while is_left:
            with sessions.begin() as session:
                waiting = session.get_one(ContactImport, list_id)
                is_left = opt_out_piece(session, waiting, said, vault=vault)
            pieces += 1
            is_left = not is_stopping.wait(SQLITE_TURN_SECONDS) and is_left
    except TransitionError:
        # A member discarded it, or another worker ended it.
        pass
    return pieces


def _select_waiting() -> Select[int]:
    is_confirmed = ContactImport.confirmed_by_id.is_not(None)
    waiting = select(ContactImport.id).where(ContactImport.state == ImportState.CHECKED, is_confirmed, is_list())
    return waiting.order_by(ContactImport.id)
