"""Each gap of languages is counted by the people whom it leaves out."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from campaigns.audience.kept.counting import Span, count_resolved
from campaigns.audience.models import AddressState, Channel
from campaigns.core.keys.crypto import Vault
from campaigns.messages.models import Message, TranslationState
from campaigns.messages.queries import find_translation
from campaigns.planning.estimates.language_coverage import LanguageCoverage, ask_coverage, coverage_from
from campaigns.staff.models import Organisation
from tests.audience.people import person
from tests.factories import NOON, a_message, an_audience, an_organisation


@pytest.fixture
def ours(session: Session) -> Organisation:
    return an_organisation(session)


@pytest.fixture
def message(session: Session, ours: Organisation) -> Message:
    return a_message(session, ours, {"en": "Keep it.", "uk": "Тримайте.", "ro": "Pastrati."})


def covered(session: Session, ours: Organisation, message: Message) -> dict[str, LanguageCoverage]:
    asked = ask_coverage(message, an_audience(session, ours), [Channel.SMS])
    rows = coverage_from(message, count_resolved(session, asked.values, Span(ours.id, NOON)))
    return {row.language: row for row in rows}


def test_each_language_counts_whom_it_reaches_or_leaves_out(
    session: Session, ours: Organisation, message: Message, vault: Vault
) -> None:
    for language, people in (("uk", 3), ("en", 1), ("ar", 2)):
        for _ in range(people):
            person(session, ours, vault, language=language)
    rows = covered(session, ours, message)
    # None of them are many enough to come first.
    assert list(rows) == ["ar", "en", "uk"]
    assert rows["uk"] == LanguageCoverage("uk", TranslationState.REVIEWED, reached=3, left_out=0)
    assert rows["ar"] == LanguageCoverage("ar", None, reached=0, left_out=2)


def test_unreviewed_text_leaves_its_readers_out(
    session: Session, ours: Organisation, message: Message, vault: Vault
) -> None:
    person(session, ours, vault, language="ro")
    romanian = find_translation(message, "ro")
    assert romanian is not None
    romanian.state = TranslationState.TRANSLATED
    assert covered(session, ours, message)["ro"] == LanguageCoverage("ro", TranslationState.TRANSLATED, 0, 1)


def test_people_without_an_address_are_no_gap(
    session: Session, ours: Organisation, message: Message, vault: Vault
) -> None:
    person(session, ours, vault, language="ar", state=None)
    person(session, ours, vault, language="ar", state=AddressState.OPTED_OUT)
    assert covered(session, ours, message) == {}


def test_message_without_a_base_text_leaves_everybody_out(
    session: Session, ours: Organisation, vault: Vault
) -> None:
    person(session, ours, vault, language="uk")
    unwritten = a_message(session, ours, {"uk": "Тримайте."})
    assert covered(session, ours, unwritten)["uk"].left_out == 1
