"""Keeps what a member typed, sealed, and gives it back to nobody else; never commits."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session, sessionmaker

from campaigns.core import clock
from campaigns.core.database import insert_or
from campaigns.core.keys.crypto import Vault
from campaigns.staff.typed.models import TypedForm
from campaigns.staff.typed.typed_marks import KEPT_FOR, TypedMark

#: Characters of one page that are kept, and pages of one member.
LONGEST, MOST_PAGES = 50_000, 30
_SEALED = {"table": "typed_form", "column": "sealed_fields"}


@dataclass(frozen=True, slots=True)
class Typed:
    """What a member typed on a page, by the names of its fields, and when it was kept."""

    fields: Mapping[str, str]
    saved_at: datetime


def keep_typed(session: Session, mark: TypedMark, entered: Mapping[str, str], *, vault: Vault) -> None:
    """Keep the fields that the mark names, in place of what was kept of the page before."""
    fields = {name: entered[name] for name in mark.names if name in entered}
    text = json.dumps([mark.path, fields])
    if len(text) > LONGEST:
        return
    kept = {"sealed_fields": vault.seal(text, **_SEALED, row_id=mark.member_id), "saved_at": clock.now()}
    keeping = insert_or(session, TypedForm).values(member_id=mark.member_id, path=mark.path, **kept)
    session.execute(keeping.on_conflict_do_update(index_elements=["member_id", "path"], set_=kept))
    theirs = select(TypedForm.path).where(TypedForm.member_id == mark.member_id)
    lately = theirs.order_by(TypedForm.saved_at.desc()).limit(MOST_PAGES)
    session.execute(
        delete(TypedForm).where(TypedForm.member_id == mark.member_id, TypedForm.path.not_in(lately)),
        execution_options={"synchronize_session": False},
    )


def find_typed(session: Session, member_id: int, path: str, *, vault: Vault) -> Typed | None:
    """Return what a member typed on a page within the last week, or None."""
    row = session.get(TypedForm, (member_id, path))
    if row is None or row.saved_at < clock.now() - KEPT_FOR:
        return None
    text = vault.open_or_none(row.sealed_fields, **_SEALED, row_id=member_id)
    kept_path, fields = json.loads(text) if text else (None, {})
    return Typed(fields, row.saved_at) if kept_path == path else None


def forget_typed(session: Session, member_id: int, path: str) -> None:
    """Forget what a member typed on a page."""
    session.execute(delete(TypedForm).where(TypedForm.member_id == member_id, TypedForm.path == path))


def forget_old_forms(sessions: sessionmaker[Session]) -> None:
    """Forget what was typed more than a week ago; nobody writes while there is none."""
    old = TypedForm.saved_at < clock.now() - KEPT_FOR
    with sessions() as session:
        session.connection(execution_options={"read_only": True})
        if session.scalar(select(TypedForm.path).where(old).limit(1)) is None:
            return
    with sessions.begin() as session:
        session.execute(delete(TypedForm).where(old))
