"""An organisation chooses a reviewed message for each occasion to write by itself; it is filled for one person."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from campaigns.core.errors import InputError
from campaigns.core.languages import all_languages
from campaigns.core.words import N_
from campaigns.directory.models import ServiceKind
from campaigns.directory.signposting.choice import Need
from campaigns.inbox.automatic.models import AutomaticText
from campaigns.inbox.automatic.open_questions import Choice
from campaigns.inbox.conversations.models import Occasion
from campaigns.messages.filled_text import fill_text
from campaigns.messages.gates import WITHDRAWN
from campaigns.messages.help_numbers import KnownHelp
from campaigns.messages.models import Message
from campaigns.messages.queries import current_text_for, current_texts
from campaigns.messages.text.how_to_stop import StopWay
from campaigns.messages.text.placeholders import AGAIN, EMERGENCY, HOTLINE, KIND_MARK, STOP, names_in
from campaigns.messages.translations.withdrawn_copies import says_withdrawn
from campaigns.staff import audit
from campaigns.staff.models import Organisation
from campaigns.staff.queries import get_owned

#: Languages that are offered to somebody of whom none is known: one digit each.
MOST_LANGUAGES = 9
#: The automatic field for the place that somebody named.
PLACE = "place"
#: Automatic fields that anybody can fill in when somebody writes.
_ALWAYS = {HOTLINE, STOP, *(f"{HOTLINE}{KIND_MARK}{kind.value}" for kind in ServiceKind)}
#: What can be filled in on one occasion alone.
_MORE = {Occasion.MOVED: {PLACE}, Occasion.OFF_DUTY: {EMERGENCY, AGAIN}, Occasion.STILL_WAITING: {EMERGENCY}}


@dataclass(frozen=True, slots=True)
class Saying:
    """What is written to one person."""

    body: str
    #: BCP 47 code.
    language: str
    #: Services that it names.
    service_ids: tuple[int, ...]


def fields_of(occasion: Occasion) -> Collection[str]:
    """Return the automatic fields that a text for an occasion may have."""
    return _ALWAYS | _MORE.get(occasion, set())


def load_chosen(session: Session, organisation_id: int) -> Mapping[Occasion, Message]:
    """Return the messages that an organisation sends by itself."""
    chosen = select(AutomaticText.occasion, Message).join(Message, Message.id == AutomaticText.message_id)
    rows = session.execute(chosen.where(AutomaticText.organisation_id == organisation_id))
    return {Occasion(occasion): message for occasion, message in rows}


def find_chosen(session: Session, organisation_id: int, occasion: Occasion) -> Message | None:
    """Return the message of an occasion; None where nothing is sent by itself, or its words were withdrawn.

    Also by whom they were copied from, until the copy says something else.
    """
    chosen = select(Message).join(AutomaticText, AutomaticText.message_id == Message.id)
    message = session.scalar(
        chosen.where(AutomaticText.organisation_id == organisation_id, AutomaticText.occasion == occasion)
    )
    return None if message is None or says_withdrawn(session, message) else message


def choose(session: Session, ours: Organisation, chosen: Mapping[Occasion, int | None], *, by: int) -> None:
    """Let messages, by their ids, be sent by themselves on occasions; None: nothing is.

    Raises InputError for one that was withdrawn, without a reviewed text, or with an automatic field that nobody
    can fill in then, NotFoundError for one of another organisation.
    """
    present = load_chosen(session, ours.id)
    changed = {
        occasion: message_id
        for occasion, message_id in chosen.items()
        if message_id != (present[occasion].id if occasion in present else None)
    }
    for occasion, message_id in changed.items():
        session.execute(delete(AutomaticText).filter_by(organisation_id=ours.id, occasion=occasion))
        if message_id is not None:
            message = get_owned(session, Message, message_id, ours.id)
            _check(session, message, occasion)
            session.add(AutomaticText(organisation_id=ours.id, occasion=occasion, message_id=message.id))
    session.flush()
    if changed:
        detail = {occasion.value: message_id for occasion, message_id in changed.items()}
        audit.record(session, "automatic.choose", subject=ours, organisation_id=ours.id, member_id=by, **detail)


def say(message: Message, need: Need, known: KnownHelp, *, given: Mapping[str, str]) -> Saying | None:
    """Return what a message says to a person, in its base language where there is no reviewed text in theirs.

    None: no text is reviewed as it stands, or a number for help is missing that it must name.
    """
    found = current_text_for(message, need.language)
    if found is None:
        return None
    text, language = found
    filled = fill_text(text, replace(need, language=language), known, stop=StopWay.WORD, given=given)
    if filled.body is None:
        return None
    named = (each.signpost.service_id for each in filled.help_numbers if each.signpost is not None)
    return Saying(filled.body, language, tuple(dict.fromkeys(named)))


def languages_offered(message: Message) -> list[Choice]:
    """Return the languages in which a message may be sent, by their own names; none where there is no choice."""
    names = {code: language.autonym for code, language in all_languages().items()}
    codes = [code for code in names if code in current_texts(message)][:MOST_LANGUAGES]
    return [Choice(names[code], language=code) for code in codes] if len(codes) > 1 else []


def _check(session: Session, message: Message, occasion: Occasion) -> None:
    if says_withdrawn(session, message):
        raise InputError(WITHDRAWN)
    texts = current_texts(message)
    if message.base_language not in texts:
        raise InputError(
            N_("The text of “%(title)s” in its source language is not reviewed."), title=message.title
        )
    strange = sorted(set().union(*map(names_in, texts.values())) - set(fields_of(occasion)))
    if strange:
        raise InputError(
            N_("“%(title)s” has %(fields)s, which nobody fills in when somebody writes."),
            title=message.title,
            fields=tuple(f"(({name}))" for name in strange),
        )
