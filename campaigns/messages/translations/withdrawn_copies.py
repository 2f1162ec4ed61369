"""What says what was withdrawn, a copy or a later version, is found by lineage and words."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sqlalchemy import CTE, ColumnElement, and_, select
from sqlalchemy.orm import Session, aliased

from campaigns.messages.models import Message, MessageVersion, Withdrawal
from campaigns.messages.translations.withdrawals import find_withdrawal
from campaigns.staff.models import Organisation


@dataclass(frozen=True, slots=True)
class Suspect:
    """A message that was copied from a version which its organisation withdrew."""

    message_id: int
    title: str
    organisation_id: int
    #: Name of the organisation that withdrew it.
    partner: str
    withdrawal: Withdrawal
    #: What the withdrawn version said, by language.
    wrong: Mapping[str, str]
    #: What the copy says now, by language.
    texts: Mapping[str, str]
    #: The copy's own present version was withdrawn as well.
    is_withdrawn: bool

    @property
    def says_it(self) -> bool:
        """Whether the copy still says in some language what was withdrawn."""
        return not self.is_withdrawn and says_any(self.texts, self.wrong)


def says_any(texts: Mapping[str, str], wrong: Mapping[str, str]) -> bool:
    """Say whether a text of `texts` is, in its language, one of `wrong` to the letter."""
    return any(texts.get(language) == text for language, text in wrong.items())


def says_withdrawn(session: Session, message: Message) -> bool:
    """Say whether what a message says was withdrawn, here or by whom it was copied from."""
    if find_withdrawal(session, message.id, message.version) is not None:
        return True
    if find_unmended(session, Message.id == message.id):
        return True
    # Whoever writes waits for this: few messages are copies.
    return message.copied_from_id is not None and find_suspect(session, message.id) is not None


def find_withdrawn(session: Session, messages: Collection[Message]) -> set[int]:
    """Return the ids of those messages that say what was withdrawn, as `says_withdrawn` tells of one."""
    are_meant = Message.id.in_([message.id for message in messages])
    is_present = and_(Withdrawal.message_id == Message.id, Withdrawal.version == Message.version)
    own = select(Message.id).join(Withdrawal, is_present).where(are_meant)
    return {*session.scalars(own), *find_still_saying(session, are_meant)}


@dataclass(frozen=True, slots=True)
class StillSaid:
    """What another version of a message said, which was withdrawn, is said in some languages."""

    withdrawal: Withdrawal
    #: Codes of the languages.
    languages: tuple[str, ...]


def find_still_said(session: Session, message_id: int, texts: Mapping[str, str]) -> StillSaid | None:
    """Return the latest withdrawal of a version of a message of which `texts` say one to the letter, or None.

    A version that is new in one language says the same in the others, and nobody notes which of them was wrong.
    """
    theirs = and_(MessageVersion.message_id == Withdrawal.message_id, MessageVersion.version == Withdrawal.version)
    withdrawn = select(Withdrawal, MessageVersion.texts).join(MessageVersion, theirs)
    rows = session.execute(
        withdrawn.where(Withdrawal.message_id == message_id).order_by(Withdrawal.withdrawn_at.desc())
    )
    said = ((each, [code for code, text in wrong.items() if texts.get(code) == text]) for each, wrong in rows)
    return next((StillSaid(each, tuple(sorted(codes))) for each, codes in said if codes), None)


def find_suspects(session: Session, organisation_id: int) -> list[Suspect]:
    """Return an organisation's messages that still say what a partner, or it itself, withdrew."""
    found = _find(session, Message.organisation_id == organisation_id)
    return [suspect for suspect in found if suspect.says_it]


def find_suspect(session: Session, message_id: int) -> Suspect | None:
    """Return what was withdrawn of what a message still says, the latest if there are several, or None."""
    found = [suspect for suspect in find_sources(session, message_id) if suspect.says_it]
    return max(found, key=lambda suspect: suspect.withdrawal.withdrawn_at, default=None)


def find_still_saying(session: Session, which: ColumnElement[bool]) -> set[int]:
    """Return the ids of those among `which` messages that say what was withdrawn, before or at their source.

    Those whose present version was itself withdrawn are not among them.
    """
    copies = (suspect.message_id for suspect in _find(session, which) if suspect.says_it)
    return {*copies, *find_unmended(session, which)}


def find_unmended(session: Session, which: ColumnElement[bool]) -> dict[int, Withdrawal]:
    """Return those among `which` messages, by id, of which no word changed since a version was withdrawn.

    With the latest such withdrawal. Where one of several languages changed, the message counts as mended: nobody
    notes which of them was wrong.
    """
    wrong, own = aliased(MessageVersion), aliased(MessageVersion)
    rows = session.execute(
        select(Message.id, Withdrawal, wrong, own)
        .join(Withdrawal, and_(Withdrawal.message_id == Message.id, Withdrawal.version != Message.version))
        .join(wrong, and_(wrong.message_id == Message.id, wrong.version == Withdrawal.version))
        .join(own, and_(own.message_id == Message.id, own.version == Message.version))
        .where(which)
        .order_by(Withdrawal.withdrawn_at)
    )
    return {message_id: withdrawal for message_id, withdrawal, said, says in rows if _says_all(says, said)}


def _says_all(says: MessageVersion, said: MessageVersion) -> bool:
    """Say whether a version still says, for all channels and for single ones, all that another one said."""
    words = ((code, channel, text) for code, on in said.wordings.items() for channel, text in on.items())
    return said.texts.items() <= says.texts.items() and all(
        says.wordings.get(code, {}).get(channel) == text for code, channel, text in words
    )


def find_versions_saying(session: Session, which: ColumnElement[bool]) -> set[tuple[int, int]]:
    """Return which versions of `which` messages, by id and number, said what was withdrawn of their source."""
    lineage = _lineage()
    wrong, own = aliased(MessageVersion), aliased(MessageVersion)
    rows = session.execute(
        select(own.message_id, own.version, own.texts, wrong.texts)
        .join(Message, Message.id == own.message_id)
        .join(lineage, lineage.c.message_id == Message.id)
        .join(wrong, and_(wrong.message_id == lineage.c.source_id, wrong.version == lineage.c.version))
        .join(Withdrawal, and_(Withdrawal.message_id == wrong.message_id, Withdrawal.version == wrong.version))
        .where(which)
    )
    return {(message_id, version) for message_id, version, says, said in rows if says_any(says, said)}


def find_withdrawn_words(session: Session, message_ids: Collection[int]) -> set[tuple[int, str, str]]:
    """Return what was withdrawn of messages and of what they were copied from: the message, a language, a text.

    Words that were for one channel are among the texts.
    """
    lineage = _lineage()
    own = select(MessageVersion.message_id, MessageVersion.texts, MessageVersion.wordings)
    theirs = select(lineage.c.message_id, MessageVersion.texts, MessageVersion.wordings).join_from(
        lineage,
        MessageVersion,
        and_(MessageVersion.message_id == lineage.c.source_id, MessageVersion.version == lineage.c.version),
    )
    same = and_(MessageVersion.message_id == Withdrawal.message_id, MessageVersion.version == Withdrawal.version)
    found = (
        row
        for each, message_id in ((own, MessageVersion.message_id), (theirs, lineage.c.message_id))
        for row in session.execute(each.join(Withdrawal, same).where(message_id.in_(message_ids)))
    )
    return {
        (message_id, language, text)
        for message_id, texts, wordings in found
        for language in texts
        for text in (texts[language], *wordings.get(language, {}).values())
    }


def find_withdrawn_languages(session: Session, message: Message, texts: Mapping[str, str]) -> tuple[str, ...]:
    """Return the languages in which `texts` of a message were withdrawn, here or of what it was copied from."""
    said = find_withdrawn_words(session, [message.id])
    wrong = {language for _, language, text in said if texts.get(language) == text}
    if not wrong and says_withdrawn(session, message):
        # It is another language that says it, and nobody notes which of them was wrong.
        wrong = set(texts)
    return tuple(sorted(wrong))


def find_copies(session: Session, message_id: int, version: int) -> list[Suspect]:
    """Return every copy of a withdrawn version in all organisations, also what says something else by now."""
    return _find(session, and_(Withdrawal.message_id == message_id, Withdrawal.version == version))


def find_sources(session: Session, message_id: int) -> list[Suspect]:
    """Return what was withdrawn of what a message was copied from, also what it does not say any more."""
    return _find(session, Message.id == message_id)


def _lineage() -> CTE:
    """Follow each copied message to the versions that it, and its sources, were copied from."""
    source = aliased(Message)
    lineage = (
        select(
            Message.id.label("message_id"),
            Message.copied_from_id.label("source_id"),
            Message.copied_from_version.label("version"),
        )
        .where(Message.copied_from_id.is_not(None))
        .cte("lineage", recursive=True)
    )
    return lineage.union(
        select(lineage.c.message_id, source.copied_from_id, source.copied_from_version)
        .join(source, source.id == lineage.c.source_id)
        .where(source.copied_from_id.is_not(None))
    )


def _find(session: Session, which: ColumnElement[bool]) -> list[Suspect]:
    lineage = _lineage()
    wrong, own, withdrawn = aliased(MessageVersion), aliased(MessageVersion), aliased(Withdrawal)
    origin = aliased(Message)
    rows = session.execute(
        select(Message, Organisation.name, Withdrawal, wrong.texts, own.texts, withdrawn.version)
        .join(lineage, lineage.c.message_id == Message.id)
        .join(
            Withdrawal,
            and_(Withdrawal.message_id == lineage.c.source_id, Withdrawal.version == lineage.c.version),
        )
        .join(wrong, and_(wrong.message_id == Withdrawal.message_id, wrong.version == Withdrawal.version))
        .join(own, and_(own.message_id == Message.id, own.version == Message.version))
        .join(origin, origin.id == Withdrawal.message_id)
        .join(Organisation, Organisation.id == origin.organisation_id)
        .outerjoin(withdrawn, and_(withdrawn.message_id == Message.id, withdrawn.version == Message.version))
        .where(which)
        .order_by(Message.title, Message.id)
    )
    return [
        Suspect(
            message.id, message.title, message.organisation_id, partner, withdrawal, said, says, is_own is not None
        )
        for message, partner, withdrawal, said, says, is_own in rows
    ]
