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
from campaigns.core.errors import BaseLanguageError, InputError, PlaceholderError, RefusedError
from campaigns.core.languages import all_languages
from campaigns.core.words import N_, Phrase
from campaigns.messages import queries
from campaigns.messages.facts import check_facts
from campaigns.messages.models import SOURCED, Message, Service, Translation, TranslationState
from campaigns.messages.placeholders import names_in
from campaigns.messages.texts import clean_line, clean_text, digest_of
from campaigns.messages.themes import Theme
from campaigns.messages.worklist import ServiceDraft
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
    _check_language(base_language)
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
    _write(message, base_language, _checked_text(message, base_language, text), by=by)
    session.add(message)
    session.flush()
    _record(session, "message.create", message, by, language=base_language, theme=message.theme)
    return message


def update_message(session: Session, message: Message, *, title: str, theme: str, by: int) -> None:
    """Change a message's title and theme, which nobody but members sees. Raises InputError."""
    message.title = clean_line(title, what=Phrase(N_("The title")), limit=TITLE_LIMIT)
    message.theme = _known_theme(theme)
    message.updated_at = clock.now()
    _record(session, "message.update", message, by, theme=message.theme)


def save_translation(session: Session, message: Message, *, language: str, text: str, by: int) -> Translation:
    """Write a message's text in one language and raise the message's version; its review is void.

    A new base text leaves the others as they are, but stale. Saving an unchanged text confirms that it still
    fits the base text; when it already did, nothing happens. Raises BaseLanguageError, PlaceholderError (also
    when the placeholders are not those of the base text), or InputError.
    """
    _check_language(language)
    _hold(session, message)
    clean = _checked_text(message, language, text)
    present = queries.find_translation(message, language)
    source = clean if language == message.base_language else queries.get_base(message).text
    if present is not None and present.text == clean and present.source_digest == digest_of(source):
        return present
    translation = _write(message, language, clean, by=by)
    message.version += 1
    message.updated_at = translation.updated_at
    session.flush()
    _record(session, "message.translate", message, by, language=language, version=message.version)
    return translation


def review_translation(
    session: Session, translation: Translation, *, by: int, seen: str | None = None
) -> Translation:
    """Mark a translation as reviewed by the member `by`, who must not have written it.

    `seen` is the digest of the text that the reviewer read. Raises RefusedError for the translator, for a
    stale translation, and when the text has changed since it was read.
    """
    message = translation.message
    _hold(session, message)
    if translation.translator_id == by:
        raise RefusedError(N_("Whoever wrote a text cannot review it. Ask another member."))
    if queries.state_of(message, translation) is TranslationState.STALE:
        raise RefusedError(N_("The base text has changed since this was translated. Translate it again first."))
    if seen is not None and seen != digest_of(translation.text):
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


def _hold(session: Session, message: Message) -> None:
    """Make whoever writes or reviews this message wait for each other, and read it as the last one left it.

    So no version is given twice, and nobody reviews another text than the one that stands.
    """
    session.refresh(message, ["version"], with_for_update=True)
    session.expire(message, ["translations"])
    texts = select(Translation).where(Translation.message_id == message.id)
    session.scalars(texts, execution_options={"populate_existing": True}).all()


def _write(message: Message, language: str, text: str, *, by: int) -> Translation:
    """Put `text` into the message's translation, made from the base text as it is now."""
    translation = queries.find_translation(message, language)
    if translation is None:
        translation = Translation(language=language)
        message.translations.append(translation)
    translation.text = text
    source = text if language == message.base_language else queries.get_base(message).text
    translation.source_digest = digest_of(source)
    translation.state = TranslationState.TRANSLATED
    translation.translator_id = by
    translation.reviewer_id = translation.reviewed_at = None
    translation.updated_at = clock.now()
    return translation


def _checked_text(message: Message, language: str, text: str) -> str:
    clean = clean_text(text)
    if language == message.base_language:
        if not clean:
            raise BaseLanguageError(N_("Write the text in the base language: every translation is made from it."))
        names_in(clean)
        return clean
    base = queries.get_base(message)
    if not clean:
        raise InputError(N_("The translation is empty."))
    _check_same_placeholders(names_in(base.text), names_in(clean))
    return clean


def _check_same_placeholders(wanted: frozenset[str], given: frozenset[str]) -> None:
    lacking, extra = sorted(wanted - given), sorted(given - wanted)
    if lacking:
        raise PlaceholderError(N_("The base text has %(names)s, the translation has not."), names=_listed(lacking))
    if extra:
        raise PlaceholderError(N_("The translation has %(names)s, the base text has not."), names=_listed(extra))


def _listed(names: list[str]) -> str:
    return ", ".join(f"(({name}))" for name in names)


def _check_language(code: str) -> None:
    if code not in all_languages():
        raise InputError(N_("“%(code)s” is not a language that messages can be written in."), code=code)


def _known_theme(theme: str) -> Theme:
    try:
        return Theme(theme)
    except ValueError:
        raise InputError(N_("“%(name)s” is not a theme."), name=theme) from None


def _record(session: Session, action: str, subject: Message | Service, by: int, **detail: Any) -> None:
    audit.record(session, action, subject=subject, organisation_id=subject.organisation_id, member_id=by, **detail)
