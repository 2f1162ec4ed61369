"""Reads on messages and services: what may be sent, how far each translation is, whom a signpost can name."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, and_, case, select
from sqlalchemy.orm import Session, selectinload

from campaigns.core.errors import BaseLanguageError, NotFoundError
from campaigns.core.words import N_
from campaigns.messages.emergency import emergency_numbers
from campaigns.messages.gates import TranslationFacts
from campaigns.messages.hours import is_open
from campaigns.messages.models import (
    EUROPEAN_UNION,
    CheckOutcome,
    EmergencyNumber,
    Message,
    MessageVersion,
    Service,
    ServiceCheck,
    Translation,
    TranslationState,
    TranslationWriter,
)
from campaigns.messages.named import NamedNumbers, kinds_in, nameable
from campaigns.messages.signposts import ServiceFacts, Trust, trust_of
from campaigns.messages.texts import digest_of, digest_of_wordings
from campaigns.staff.models import Member
from campaigns.staff.queries import owned


def select_messages(organisation_id: int) -> Select[Message]:
    """Select an organisation's messages with their translations, by theme and title."""
    statement = owned(select(Message), Message, organisation_id).options(selectinload(Message.translations))
    return statement.order_by(Message.theme, Message.title, Message.id)


def find_translation(message: Message, language: str) -> Translation | None:
    """Return a message's translation into `language`, or None."""
    return next((each for each in message.translations if each.language == language), None)


def get_translation(message: Message, language: str) -> Translation:
    """Return a message's translation into `language`. Raises NotFoundError when there is none."""
    translation = find_translation(message, language)
    if translation is None:
        raise NotFoundError(N_("This message has no text in this language."))
    return translation


def get_base(message: Message) -> Translation:
    """Return a message's text in its base language. Raises BaseLanguageError when it has none."""
    base = find_translation(message, message.base_language)
    if base is None or not base.text.strip():
        raise BaseLanguageError(
            N_("“%(title)s” has no text in its base language (%(language)s)."),
            title=message.title,
            language=message.base_language,
        )
    return base


def state_of(message: Message, translation: Translation) -> TranslationState:
    """Return how far a translation is trusted now: `stale` when the base text is not the one it was made from."""
    base = find_translation(message, message.base_language)
    if base is None or translation.source_digest != digest_of_wordings(base.text, base.wordings):
        return TranslationState.STALE
    return TranslationState(translation.state)


def current_texts(message: Message) -> dict[str, str]:
    """Return the texts that may be sent, by language: reviewed and not stale. Raises BaseLanguageError."""
    get_base(message)
    return {
        translation.language: translation.text
        for translation in message.translations
        if state_of(message, translation) is TranslationState.REVIEWED
    }


def unreviewed_of(message: Message) -> list[str]:
    """Return the languages in which a message has a text that nobody has reviewed yet."""
    return [
        each.language
        for each in order_translations(message)
        if each.text.strip() and state_of(message, each) is TranslationState.TRANSLATED
    ]


def select_versions(message: Message) -> Select[MessageVersion]:
    """Select the versions of a message that are kept, the newest first."""
    return (
        select(MessageVersion)
        .where(MessageVersion.message_id == message.id)
        .order_by(MessageVersion.version.desc())
    )


def get_version(session: Session, message: Message, version: int) -> MessageVersion:
    """Return the texts of a message at one version. Raises NotFoundError for one that is not kept."""
    kept = session.get(MessageVersion, (message.id, version))
    if kept is None:
        raise NotFoundError(N_("This version of the message is not kept."))
    return kept


def current_wordings(message: Message, languages: Iterable[str]) -> dict[str, dict[str, str]]:
    """Return the other words of single channels, of those of `languages` that have any."""
    found = (find_translation(message, language) for language in languages)
    return {each.language: dict(each.wordings) for each in found if each is not None and each.wordings}


def order_translations(message: Message) -> list[Translation]:
    """Return a message's translations by language code, the base language first."""
    return sorted(message.translations, key=lambda each: (each.language != message.base_language, each.language))


def find_unreviewed(session: Session, organisation_id: int, reader_id: int) -> list[tuple[Message, list[str]]]:
    """Return the messages with texts that `reader_id` may review, each with the languages of these."""
    own = select(TranslationWriter.translation_id).where(TranslationWriter.member_id == reader_id)
    is_others = and_(Translation.translator_id.is_distinct_from(reader_id), Translation.id.not_in(own))
    waiting = Message.translations.any(and_(Translation.state == TranslationState.TRANSLATED, is_others))
    own_ids = set(session.scalars(own))
    found = []
    for message in session.scalars(select_messages(organisation_id).where(waiting)):
        languages = [
            each.language
            for each in order_translations(message)
            if each.translator_id != reader_id
            and each.id not in own_ids
            and state_of(message, each) is TranslationState.TRANSLATED
        ]
        if languages:
            found.append((message, languages))
    return found


def load_translation_facts(message: Message) -> list[TranslationFacts]:
    """Return what the gates need to know of a message's translations, the base language first."""
    return [
        TranslationFacts(
            language=translation.language,
            text=translation.text,
            state=state_of(message, translation),
            translator_id=translation.translator_id,
            reviewer_id=translation.reviewer_id,
        )
        for translation in order_translations(message)
    ]


def select_services(organisation_id: int, *, country: str = "", kind: str = "") -> Select[Service]:
    """Select an organisation's services by country (those of the whole EU last), kind and name."""
    statement = owned(select(Service), Service, organisation_id)
    if country:
        statement = statement.where(Service.country == country)
    if kind:
        statement = statement.where(Service.kind == kind)
    eu_last = case((Service.country == EUROPEAN_UNION, 1), else_=0)
    return statement.order_by(eu_last, Service.country, Service.kind, Service.name, Service.id)


def load_service_facts(session: Session, organisation_id: int) -> list[ServiceFacts]:
    """Return what choosing a signpost needs to know of every service of an organisation."""
    return [facts_of(service) for service in session.scalars(select_services(organisation_id))]


def load_named(session: Session, organisation_id: int, texts: Iterable[str]) -> NamedNumbers:
    """Return the numbers for help that these texts of an organisation may name, read anew."""
    kinds = kinds_in(texts)
    if not kinds:
        return NamedNumbers({}, {})
    stored = select_services(organisation_id).where(Service.kind.in_(kinds), Service.verified_on.is_not(None))
    services = session.scalars(stored.execution_options(populate_existing=True))
    confirmed = load_confirmed_emergencies(session, organisation_id)
    numbers = {country: row.number for country, row in confirmed.items()}
    return nameable(map(facts_of, services), numbers, kinds)


def load_confirmed_emergencies(session: Session, organisation_id: int) -> dict[str, EmergencyNumber]:
    """Return the emergency number that members of an organisation confirmed last, by country."""
    rows = owned(select(EmergencyNumber), EmergencyNumber, organisation_id).order_by(EmergencyNumber.id)
    return {row.country: row for row in session.scalars(rows)}


def load_emergency_numbers(session: Session, organisation_id: int) -> dict[str, str]:
    """Return the emergency number to name in each country, by alpha-2; none where there is no single one."""
    confirmed = load_confirmed_emergencies(session, organisation_id)
    return emergency_numbers({country: row.number for country, row in confirmed.items()})


@dataclass(frozen=True, slots=True)
class Listed:
    """A service in the directory."""

    service: Service
    trust: Trust
    #: None when its hours are not stated.
    open_now: bool | None


def load_directory(session: Session, organisation_id: int, at: datetime, *, max_age_days: int) -> list[Listed]:
    """Return an organisation's services with whether each may be used at `at`."""
    services = session.scalars(select_services(organisation_id))
    return [list_service(service, at, max_age_days=max_age_days) for service in services]


def list_service(service: Service, at: datetime, *, max_age_days: int) -> Listed:
    """Return a service with whether it may be used at `at`."""
    return Listed(
        service=service,
        trust=trust_of(facts_of(service), at, max_age_days),
        open_now=is_open(service.hours, service.time_zone, at),
    )


def count_due_services(session: Session, organisation_id: int, at: datetime, *, max_age_days: int) -> int:
    """Count the services that must be verified before they can be used again."""
    directory = load_directory(session, organisation_id, at, max_age_days=max_age_days)
    return sum(listed.trust is Trust.DUE for listed in directory)


def load_member_names(session: Session, member_ids: Iterable[int | None]) -> dict[int, str]:
    """Return the names of members by id."""
    wanted = {member_id for member_id in member_ids if member_id is not None}
    members = session.scalars(select(Member).where(Member.id.in_(wanted)))
    return {member.id: member.name for member in members}


def select_checks(service: Service) -> Select[ServiceCheck]:
    """Select the history of a service's verification, the newest first."""
    newest = (ServiceCheck.checked_on.desc(), ServiceCheck.id.desc())
    return select(ServiceCheck).where(ServiceCheck.service_id == service.id).order_by(*newest)


def select_dead_since(organisation_id: int, since: datetime) -> Select[*tuple[Any, ...]]:
    """Select what one member took away since a moment (UTC): the check, the service, who; the latest first."""
    return (
        owned(select(ServiceCheck, Service, Member.name), Service, organisation_id)
        .join(Service, Service.id == ServiceCheck.service_id)
        .join(Member, Member.id == ServiceCheck.member_id)
        .where(ServiceCheck.outcome != CheckOutcome.ANSWERS, ServiceCheck.recorded_at > since)
        .order_by(ServiceCheck.recorded_at.desc(), ServiceCheck.id.desc())
    )


def told_digest(service: Service) -> str:
    """Return what a verification is of: a digest of all that a signpost is chosen by, as it stands."""
    facts = {name: value for name, value in asdict(facts_of(service)).items() if name != "verified_on"}
    return digest_of(json.dumps(facts, sort_keys=True, default=str))


def facts_of(service: Service) -> ServiceFacts:
    """Return what choosing a signpost needs to know of one service."""
    return ServiceFacts(
        service_id=service.id,
        name=service.name,
        kind=service.kind,
        country=service.country,
        region_codes=tuple(service.region_codes),
        number_national=service.number_national,
        number_from_abroad=service.number_from_abroad,
        works_from_foreign_sim=service.works_from_foreign_sim,
        languages=tuple(service.languages),
        language_days=service.language_days,
        hours=service.hours,
        time_zone=service.time_zone,
        operator_type=service.operator_type,
        source_status=service.source_status,
        verified_on=service.verified_on,
        expires_on=service.expires_on,
    )
