"""Members give reasons in their own words, which are sealed beside the audit, whose entries hold none."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.core.keys.crypto import Vault
from campaigns.staff.models import AuditEntry, AuditNote


def note_reason(session: Session, entry: AuditEntry, words: str, *, vault: Vault) -> None:
    """Keep the words of whoever did what an entry is about."""
    sealed = vault.seal(words, table="audit_note", column="sealed_words", row_id=entry.id)
    session.add(AuditNote(entry_id=entry.id, sealed_words=sealed))
    session.flush()


def open_reasons(session: Session, entry_ids: Collection[int], *, vault: Vault) -> dict[int, str]:
    """Return the words beside these entries, by entry; those without any are left out. Raises DamagedDataError."""
    opened = vault.opener(table="audit_note", column="sealed_words")
    found = session.scalars(select(AuditNote).where(AuditNote.entry_id.in_(entry_ids)))
    return {note.entry_id: opened(note.sealed_words, note.entry_id) for note in found}
