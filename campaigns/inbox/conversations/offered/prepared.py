"""A prepared answer is a reviewed message: in the person's language, with the helpline that fits them now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from sqlalchemy import and_, exists
from sqlalchemy.orm import Session

from campaigns.directory.signposting.choice import Need
from campaigns.messages.filled_text import fill_text
from campaigns.messages.help_numbers import KnownHelp
from campaigns.messages.models import Message, Translation, TranslationState
from campaigns.messages.queries import current_text_for, select_messages
from campaigns.messages.text.how_to_stop import StopWay
from campaigns.messages.text.placeholders import filled
from campaigns.messages.translations.withdrawals import is_withdrawn
from campaigns.messages.translations.withdrawn_copies import find_still_saying

#: Messages that one page offers.
MOST_OFFERED = 200


@dataclass(frozen=True, slots=True)
class Prepared:
    """A reviewed text as it can be sent to one person."""

    #: What nobody can fill in here stays in its double brackets, and nobody can send it so.
    words: str
    #: BCP 47 code of the text.
    language: str
    #: There is no reviewed text in the language of the person.
    is_of_another_language: bool


def load_prepared(session: Session, organisation_id: int) -> Mapping[int, str]:
    """Return the titles of an organisation's messages that have a reviewed text and stand, by their ids.

    A copy of what was withdrawn elsewhere stands again once it says something else.
    """
    is_reviewed = exists().where(
        Translation.message_id == Message.id, Translation.state == TranslationState.REVIEWED
    )
    copied = find_still_saying(session, Message.organisation_id == organisation_id)
    stands = and_(~is_withdrawn(), Message.id.not_in(copied))
    found = select_messages(organisation_id).where(is_reviewed, stands).limit(MOST_OFFERED)
    return {message.id: message.title for message in session.scalars(found)}


def fill_prepared(message: Message, need: Need, known: KnownHelp) -> Prepared | None:
    """Return a message's reviewed text for a person, in the base language where there is none of theirs.

    None: none of its texts is reviewed as it stands.
    """
    found = current_text_for(message, need.language)
    if found is None:
        return None
    text, wanted = found
    values = fill_text(text, replace(need, language=wanted), known, stop=StopWay.WORD, given={}).values
    words = "".join(str(piece) if said is None else said for piece, said in filled(text, values))
    return Prepared(words, wanted, is_of_another_language=wanted != need.language)
