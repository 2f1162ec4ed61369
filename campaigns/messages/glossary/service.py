"""These verbs and reads keep an organisation's glossary."""

from __future__ import annotations

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from campaigns.core import clock
from campaigns.core.database import insert_or
from campaigns.core.errors import InputError
from campaigns.core.words import N_, Phrase
from campaigns.core.written_text import clean_line
from campaigns.messages.glossary.matches import Term
from campaigns.messages.models import GlossaryTerm
from campaigns.messages.translations.service import check_language
from campaigns.staff import audit
from campaigns.staff.queries import owned


def select_terms(organisation_id: int) -> Select[GlossaryTerm]:
    """Select the glossary of an organisation by term and language."""
    statement = owned(select(GlossaryTerm), GlossaryTerm, organisation_id)
    return statement.order_by(GlossaryTerm.term, GlossaryTerm.language, GlossaryTerm.id)


def load_terms(session: Session, organisation_id: int, *, source_language: str, language: str) -> list[Term]:
    """Return the terms that an organisation agreed on between two languages."""
    rows = session.scalars(
        select_terms(organisation_id).where(
            GlossaryTerm.source_language == source_language, GlossaryTerm.language == language
        )
    )
    return [Term(row.term, row.wording, row.note) for row in rows]


def save_term(
    session: Session,
    organisation_id: int,
    *,
    source_language: str,
    term: str,
    language: str,
    wording: str,
    note: str,
    by: int,
) -> GlossaryTerm:
    """Agree how a term is said in one language; what was agreed before is replaced.

    Raises InputError for a language that is not known or is the term's own, and for words that cannot be kept.
    """
    check_language(source_language)
    check_language(language)
    if language == source_language:
        raise InputError(N_("A term is agreed on for another language than its own."))
    key = {"organisation_id": organisation_id, "source_language": source_language, "language": language}
    key["term"] = _words(term, what=N_("The term"), limit=100)
    said = {"wording": _words(wording, what=N_("The wording"), limit=200)}
    said["note"] = clean_line(note, what=Phrase(N_("Note")), limit=200) if note.strip() else ""
    # Of two at once the second one waits here, and replaces what the first one said.
    adding = insert_or(session, GlossaryTerm).values(**key, **said, updated_at=clock.now())
    session.execute(adding.on_conflict_do_nothing(index_elements=list(key)))
    held = select(GlossaryTerm).filter_by(**key).with_for_update()
    row = session.scalars(held.execution_options(populate_existing=True)).one()
    row.wording, row.note, row.updated_at = said["wording"], said["note"], clock.now()
    session.flush()
    _record(session, "glossary.save", row, by)
    return row


def remove_term(session: Session, term: GlossaryTerm, *, by: int) -> None:
    """Take a term out of the glossary."""
    _record(session, "glossary.remove", term, by)
    session.delete(term)
    session.flush()


def _words(text: str, *, what: str, limit: int) -> str:
    line = clean_line(text, what=Phrase(what), limit=limit)
    if not any(character.isalnum() for character in line):
        raise InputError(N_("“%(text)s” holds no word."), text=line)
    return line


def _record(session: Session, action: str, term: GlossaryTerm, by: int) -> None:
    audit.record(
        session,
        action,
        subject=term,
        organisation_id=term.organisation_id,
        member_id=by,
        language=term.language,
    )
