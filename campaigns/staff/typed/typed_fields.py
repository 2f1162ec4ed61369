"""Keeps what a member typed, sealed, and gives it back to nobody else; never commits."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session, sessionmaker

from campaigns.core import clock
from campaigns.core.database import PAST_MEMORY, insert_or
from campaigns.core.keys.crypto import Vault
from campaigns.staff.typed.models import TypedForm
from campaigns.staff.typed.typed_marks import KEPT_FOR, TypedMark

#: Characters of one page that are kept, of which the outline of a place may have 200,000, and pages of one member.
LONGEST, MOST_PAGES = 220_000, 30
_SEALED = {"table": "typed_form", "column": "sealed_fields"}


@dataclass(frozen=True, slots=True)
class Typed:
    """What a member typed on a page, by the names of its fields, and when it was kept."""

    fields: Mapping[str, str]
    #: Digest of what was saved when they began.
    shown: str
    saved_at: datetime
    #: Values that were ticked, by the names of their fields; none where every box was left empty.
    ticks: Mapping[str, Sequence[str]] = field(default_factory=dict)


def keep_typed(
    session: Session,
    mark: TypedMark,
    entered: Mapping[str, str],
    *,
    vault: Vault,
    ticks: Mapping[str, Sequence[str]] | None = None,
) -> None:
    """Keep the fields and ticks that the mark names, in place of what was kept of the page before."""
    fields = {name: entered[name] for name in mark.names if name in entered}
    boxes = {name: list(ticks[name]) for name in mark.ticked if name in ticks} if ticks else {}
    # As it is: letters of other scripts than the Latin one would each count six times.
    text = json.dumps([mark.page, fields, mark.shown, boxes], ensure_ascii=False)
    if len(text) > LONGEST:
        return
    sealed = vault.seal(text, **_SEALED, row_id=mark.member_id)
    _write(session, mark, sealed)
    full = TypedForm.sealed_fields != b""
    theirs = select(TypedForm.path).where(TypedForm.member_id == mark.member_id, full)
    lately = theirs.order_by(TypedForm.saved_at.desc()).limit(MOST_PAGES)
    session.execute(
        delete(TypedForm).where(TypedForm.member_id == mark.member_id, full, TypedForm.path.not_in(lately)),
        execution_options=PAST_MEMORY,
    )


def find_typed(session: Session, member_id: int, page: str, *, vault: Vault) -> Typed | None:
    """Return what a member typed on a page within the last week, or None."""
    row = session.get(TypedForm, (member_id, page))
    if row is None or row.saved_at < clock.now() - KEPT_FOR or not row.sealed_fields:
        return None
    text = vault.open_or_none(row.sealed_fields, **_SEALED, row_id=member_id)
    # What was kept before boxes were has none.
    kept_page, fields, shown, *boxes = json.loads(text) if text else (None, {}, "")
    return Typed(fields, shown, row.saved_at, *boxes) if kept_page == page else None


def forget_typed(session: Session, mark: TypedMark) -> None:
    """Forget what a member typed on a page, and whatever of it is still on its way."""
    _write(session, mark, b"")


def is_over(session: Session, mark: TypedMark) -> bool:
    """Say whether the page was saved, or what was typed discarded, since the form was opened."""
    ended = select(TypedForm.saved_at).where(TypedForm.member_id == mark.member_id, TypedForm.path == mark.page)
    ended_at = session.scalar(ended.where(TypedForm.sealed_fields == b""))
    return ended_at is not None and mark.opened_at < ended_at


def _write(session: Session, mark: TypedMark, sealed: bytes) -> None:
    kept = {"sealed_fields": sealed, "saved_at": clock.now()}
    writing = insert_or(session, TypedForm).values(member_id=mark.member_id, path=mark.page, **kept)
    session.execute(writing.on_conflict_do_update(index_elements=["member_id", "path"], set_=kept))


def forget_old_forms(sessions: sessionmaker[Session]) -> None:
    """Forget what was typed more than a week ago; nobody writes while there is none."""
    old = TypedForm.saved_at < clock.now() - KEPT_FOR
    with sessions() as session:
        session.connection(execution_options={"read_only": True})
        if session.scalar(select(TypedForm.path).where(old).limit(1)) is None:
            return
    with sessions.begin() as session:
        session.execute(delete(TypedForm).where(old))
