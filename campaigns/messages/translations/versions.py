"""The history of a message's texts tells what each version changed, and what a translation was made from."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session

from campaigns.core.written_text import digest_of_wordings
from campaigns.messages.models import Message, MessageVersion, Translation
from campaigns.messages.queries import find_translation, select_versions
from campaigns.messages.text.diff import LanguageChange, Stretch, compare_texts, compare_versions

#: Versions that are read at most, the newest ones.
MOST_VERSIONS = 200


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """One version with what it changed since the one before."""

    version: MessageVersion
    changes: tuple[LanguageChange, ...]


def load_history(session: Session, message: Message) -> list[HistoryLine]:
    """Return the kept versions of a message, the newest first."""
    versions = load_versions(session, message)
    return [
        HistoryLine(version, changes_between(before, version))
        for version, before in zip(versions, [*versions[1:], None], strict=True)
    ]


def load_versions(session: Session, message: Message) -> list[MessageVersion]:
    """Return the kept versions of a message, the newest first."""
    return list(session.scalars(select_versions(message).limit(MOST_VERSIONS)))


def changes_between(before: MessageVersion | None, after: MessageVersion) -> tuple[LanguageChange, ...]:
    """Return what changed from one version to a later one; everything, when there is none before."""
    return compare_versions(
        before.texts if before else {},
        after.texts,
        wordings_before=before.wordings if before else {},
        wordings_after=after.wordings,
    )


def find_source(session: Session, message: Message, translation: Translation) -> MessageVersion | None:
    """Return the newest version whose source text is the one that a translation was made from, if it is kept."""
    base = message.base_language
    return next(
        (
            version
            for version in load_versions(session, message)
            if digest_of_wordings(version.texts.get(base, ""), version.wordings.get(base, {}))
            == translation.source_digest
        ),
        None,
    )


def base_changes(session: Session, message: Message, translation: Translation) -> tuple[Stretch, ...]:
    """Return the source text with what changed in it since a translation was made; empty when that is not kept."""
    source, base = find_source(session, message, translation), find_translation(message, message.base_language)
    if source is None or base is None:
        return ()
    return compare_texts(source.texts.get(message.base_language, ""), base.text)
