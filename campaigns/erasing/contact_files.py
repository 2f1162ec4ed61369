"""Contact files that wait to be imported may hold the person under any spelling; they are discarded unread.

One that a worker imports just now adds nobody then. A list of opt-outs that a member has confirmed stays: it adds
nobody, the others on it said stop, and a worker is through with it in minutes.
"""

from __future__ import annotations

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from campaigns.audience.consent.sealed_words import AboutFile, open_about, seal_about
from campaigns.audience.models import ContactImport, ImportState
from campaigns.audience.queries import is_list
from campaigns.core import clock
from campaigns.core.keys.crypto import Vault
from campaigns.staff.queries import owned


def discard_all(session: Session, organisation_id: int, *, vault: Vault) -> int:
    """Discard every contact file of an organisation that waits for a decision; return how many there were."""
    waits = or_(ContactImport.state == ImportState.CHECKED, ContactImport.sealed_file.is_not(None))
    undecided = owned(select(ContactImport), ContactImport, organisation_id).where(
        waits, or_(ContactImport.confirmed_by_id.is_(None), ~is_list())
    )
    files = session.scalars(undecided.with_for_update()).all()
    for file in files:
        file.state, file.sealed_file, file.decided_at = ImportState.CANCELLED, None, clock.now()
        seal_about(file, AboutFile(open_about(file, vault).name), vault)
    session.flush()
    return len(files)
