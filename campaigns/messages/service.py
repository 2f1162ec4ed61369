"""Verbs on messages and services; each leaves one audit entry and none commits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.core import clock
from campaigns.core.errors import InputError, RefusedError
from campaigns.core.words import N_, Phrase
from campaigns.messages import queries
from campaigns.messages.facts import check_facts
from campaigns.messages.models import SOURCED, Message, Service, Translation, TranslationState
from campaigns.messages.texts import clean_line, clean_text, digest_of_wordings
from campaigns.messages.themes import Theme
from campaigns.messages.worklist import ServiceDraft
from campaigns.messages.writing import (
    add_version,
    check_language,
    check_text,
    check_wordings,
    hold_message,
    put_back,
    source_digest,
    write_text,
)
from campaigns.staff import audit
from campaigns.staff.models import Organisation
from campaigns.staff.queries import owned

TITLE_LIMIT = 200
#: Facts without which a service would be another one: changing them makes its verification void.
_VERIFIED_FACTS = ("number_national", "number_from_abroad", "works_from_foreign_sim", "country")


def create_message(
    session: Session,
    organisation_id: int,
    *,
    title: str,
    theme: str,
    base_language: str,
    text: str,
    by: int,
) -> Message:
    """Create a message with its text in the base language, written by the member `by`.

    Raises BaseLanguageError when the text is empty, PlaceholderError when a placeholder is faulty, InputError
    for an unknown theme or language, or a title or text that cannot be kept.
    """
    check_language(base_language)
    now = clock.now()
    message = Message(
        organisation_id=organisation_id,
        title=clean_line(title, what=Phrase(N_("The title")), limit=TITLE_LIMIT),
        theme=_known_theme(theme),
        base_language=base_language,
        version=1,
        created_at=now,
        updated_at=now,
    )
    write_text(message, base_language, check_text(message, base_language, text), by=by)
    session.add(message)
    add_version(session, message, by=by, number=1)
    _record(session, "message.create", message, by, language=base_language, theme=message.theme)
    return message


def update_message(session: Session, message: Message, *, title: str, theme: str, by: int) -> None:
    """Change a message's title and theme, which nobody but members sees. Raises InputError."""
    message.title = clean_line(title, what=Phrase(N_("The title")), limit=TITLE_LIMIT)
    message.theme = _known_theme(theme)
    message.updated_at = clock.now()
    _record(session, "message.update", message, by, theme=message.theme)


def save_translation(
    session: Session,
    message: Message,
    *,
    language: str,
    text: str,
    by: int,
    wordings: Mapping[str, str] | None = None,
    back_translation: str | None = None,
    is_draft: bool = False,
) -> Translation:
    """Write a message's text in one language and raise the message's version; its review is void.

    A new base text leaves the others as they are, but stale. Saving an unchanged text confirms that it still
    fits the base text; when it already did, nothing happens. `wordings` are other words for single channels and
    `back_translation` is what the text says in the base language; None keeps what there is of them. A draft may
    lack placeholders and cannot be reviewed. Raises BaseLanguageError, InputError, or PlaceholderError, also when
    the placeholders are not those of the base text.
    """
    check_language(language)
    hold_message(session, message)
    clean = check_text(message, language, text, is_draft=is_draft)
    state = TranslationState.DRAFT if is_draft else TranslationState.TRANSLATED
    present = queries.find_translation(message, language)
    kept = (present.wordings if present else {}) if wordings is None else check_wordings(clean, wordings)
    if present is not None and _says(message, present, clean, kept) and _counts_as(present, state):
        _put_back(session, present, back_translation, by=by)
        return present
    translation = write_text(message, language, clean, wordings=kept, state=state, by=by)
    if back_translation is not None and back_translation.strip() != translation.back_translation:
        put_back(translation, back_translation)
    add_version(session, message, by=by)
    _record(session, "message.translate", message, by, language=language, version=message.version)
    return translation


def _says(message: Message, present: Translation, text: str, wordings: Mapping[str, str]) -> bool:
    """Say whether a translation has these words already, made from the base text as it is."""
    same = present.text == text and present.wordings == wordings
    return same and present.source_digest == source_digest(message, present)


def _counts_as(present: Translation, state: TranslationState) -> bool:
    """Say whether saving an unchanged text as `state` changes nothing: a reviewed text stays reviewed."""
    return (present.state == TranslationState.DRAFT) == (state == TranslationState.DRAFT)


def _put_back(session: Session, translation: Translation, back_translation: str | None, *, by: int) -> None:
    """Keep a new back-translation of an unchanged text: its review stands, as nothing of it is sent."""
    if back_translation is None or clean_text(back_translation) == translation.back_translation:
        return
    put_back(translation, back_translation)
    session.flush()
    _record(session, "message.back_translate", translation.message, by, language=translation.language)


def review_translation(
    session: Session, translation: Translation, *, by: int, seen: str | None = None
) -> Translation:
    """Mark a translation as reviewed by the member `by`, who must not have written it.

    `seen` is the digest of the text that the reviewer read. Raises RefusedError for the translator, for a
    stale translation, and when the text has changed since it was read.
    """
    message = translation.message
    hold_message(session, message)
    if translation.translator_id == by:
        raise RefusedError(N_("Whoever wrote a text cannot review it. Ask another member."))
    if queries.state_of(message, translation) is TranslationState.STALE:
        raise RefusedError(N_("The base text has changed since this was translated. Translate it again first."))
    if translation.state == TranslationState.DRAFT:
        raise RefusedError(N_("This is a draft. Its writer must finish it before it can be reviewed."))
    if seen is not None and seen != digest_of_wordings(translation.text, translation.wordings):
        raise RefusedError(N_("The text was changed while you read it. Read it again before you review it."))
    translation.state = TranslationState.REVIEWED
    translation.reviewer_id = by
    translation.reviewed_at = clock.now()
    _record(session, "message.review", message, by, language=translation.language, version=message.version)
    return translation


@dataclass(frozen=True, slots=True)
class ImportedServices:
    """What an import did."""

    added: int
    #: Rows that were there already and were left as they are, with what members corrected.
    present: int
    #: Rows that name no number.
    without_number: int


def import_services(
    session: Session,
    organisation_id: int,
    drafts: Iterable[ServiceDraft],
    *,
    without_number: int = 0,
    by: int | None = None,
) -> ImportedServices:
    """Add the services of a work list that are not there yet, unverified; a second import adds nothing."""
    known = set(session.scalars(owned(select(Service.key), Service, organisation_id)))
    drafts, now = list(drafts), clock.now()
    new = [draft for draft in drafts if draft.key not in known]
    session.add_all(
        Service(organisation_id=organisation_id, created_at=now, updated_at=now, **asdict(draft)) for draft in new
    )
    session.flush()
    done = ImportedServices(added=len(new), present=len(drafts) - len(new), without_number=without_number)
    organisation = session.get_one(Organisation, organisation_id)
    audit.record(
        session,
        "service.import",
        subject=organisation,
        organisation_id=organisation_id,
        member_id=by,
        **asdict(done),
    )
    return done


def create_service(session: Session, organisation_id: int, *, facts: Mapping[str, Any], by: int) -> Service:
    """Add a service from `facts` (by column name), unverified. Raises InputError for facts that cannot be."""
    now = clock.now()
    service = Service(
        organisation_id=organisation_id,
        key=uuid4().hex,
        language_days={},
        created_at=now,
        updated_at=now,
        **check_facts(facts),
    )
    session.add(service)
    session.flush()
    _record(session, "service.create", service, by)
    return service


def update_service(session: Session, service: Service, *, facts: Mapping[str, Any], by: int) -> bool:
    """Change a service's facts; say whether that made its verification void (another number is another service).

    Raises InputError for facts that cannot be.
    """
    session.refresh(service, with_for_update=True)
    before = {name: getattr(service, name) for name in _VERIFIED_FACTS}
    for name, value in check_facts(facts).items():
        setattr(service, name, value)
    changed = any(getattr(service, name) != value for name, value in before.items())
    voided = service.verified_on is not None and (changed or service.source_status != SOURCED)
    if voided:
        service.verified_on = service.verified_by_id = service.verified_how = None
    service.updated_at = clock.now()
    session.flush()
    _record(session, "service.update", service, by, voided=voided)
    return voided


def verify_service(
    session: Session, service: Service, *, by: int, on: date, how: str, seen: str | None = None
) -> None:
    """Record that the member `by` made sure on the day `on` that a service answers, and how.

    `seen` is the digest of the numbers that were tried (queries.numbers_digest). Raises RefusedError for a
    service whose number no source states or has changed since, InputError for a day to come or no `how`.
    """
    session.refresh(service, with_for_update=True)
    if seen is not None and seen != queries.numbers_digest(service):
        raise RefusedError(N_("The numbers were changed while you tried them. Try the new ones."))
    if service.source_status != SOURCED:
        raise RefusedError(N_("No source states this number. Name a source before you verify it."))
    if on > clock.now().astimezone(ZoneInfo(service.time_zone)).date():
        raise InputError(N_("A service cannot be verified on a day to come."))
    service.verified_on = on
    service.verified_by_id = by
    service.verified_how = clean_line(how, what=Phrase(N_("How it was verified")), limit=100)
    service.updated_at = clock.now()
    session.flush()
    _record(session, "service.verify", service, by, on=on.isoformat())


def _known_theme(theme: str) -> Theme:
    try:
        return Theme(theme)
    except ValueError:
        raise InputError(N_("“%(name)s” is not a theme."), name=theme) from None


def _record(session: Session, action: str, subject: Message | Service, by: int, **detail: Any) -> None:
    audit.record(session, action, subject=subject, organisation_id=subject.organisation_id, member_id=by, **detail)
