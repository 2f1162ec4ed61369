"""A worker opts out everybody on a long list that a member has confirmed, while the member does other work.

Each piece is a transaction of its own: a worker that dies leaves the rest to another, and a stop waits for a piece
alone.
"""

from __future__ import annotations

from threading import Event

from sqlalchemy import Select, select
from sqlalchemy.orm import Session, sessionmaker

from campaigns.audience.models import ContactImport, ImportState
from campaigns.audience.queries import is_list
from campaigns.core.errors import TransitionError
from campaigns.core.keys.crypto import Vault
from campaigns.inbox.holds.opted_out_list import BY, open_list, opt_out_piece


def opt_out_lists(sessions: sessionmaker[Session], vault: Vault, is_stopping: Event) -> int:
    """Opt out everybody on the lists that wait for a worker, until it stops; return how many pieces were done."""
    with sessions() as session:
        session.connection(execution_options={"read_only": True})
        waiting = session.scalars(_select_waiting()).all()
    return sum(_work_off(sessions, vault, list_id, is_stopping) for list_id in waiting)


def _work_off(sessions: sessionmaker[Session], vault: Vault, list_id: int, is_stopping: Event) -> int:
    pieces = 0
    try:
        with sessions() as session:
            said = open_list(session.get_one(ContactImport, list_id), vault)
        is_left = True
        while is_left and not is_stopping.is_set():
            with sessions.begin() as session:
                waiting = session.get_one(ContactImport, list_id)
                is_left = opt_out_piece(session, waiting, said, by=waiting.report[BY], vault=vault)
            pieces += 1
    except TransitionError:
        # A member discarded it, or another worker ended it.
        pass
    return pieces


def _select_waiting() -> Select[int]:
    is_confirmed = ContactImport.report[BY].as_string().is_not(None)
    waiting = select(ContactImport.id).where(ContactImport.state == ImportState.CHECKED, is_list(), is_confirmed)
    return waiting.order_by(ContactImport.id)
