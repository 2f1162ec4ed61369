"""Words for what a conversation is about, why it is urgent and how it ended."""

from __future__ import annotations

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import lazy_pgettext as _lp

from campaigns.gateways.callbacks import MediaKind
from campaigns.inbox.conversations.models import Conversation, Outcome
from campaigns.inbox.conversations.queries import Shelf
from campaigns.inbox.models import WEB
from campaigns.inbox.urgency.theme_list import Theme

#: What a conversation is about, by the headings of the word lists and by what shows without words.
TOPICS = {
    "urgent_now": _l("Danger now"),
    "urgent_violence": _l("Violence or threats"),
    "urgent_trapped": _l("Locked in or controlled"),
    "urgent_selfharm": _l("May hurt themselves"),
    "urgent_child": _l("A child alone or in danger"),
    "need_medical": _l("Ill, hurt or pregnant"),
    "need_shelter": _l("A place to sleep"),
    "need_food_water": _l("Food or water"),
    "need_legal_documents": _l("Papers and law"),
    "need_money_job": _l("Work or money"),
    "need_transport": _l("Travel"),
    "report_suspicion": _l("Tells of a suspicion"),
    "who_are_you": _l("Asks who writes"),
    "asks_for_help": _l("Asks for help"),
    "no_words": _l("Without words: a voice note, a picture or a place"),
    "unlisted_language": _l("Perhaps in a language that no list is in"),
    "machine": _l("Perhaps automatic"),
    "came_back": _l("Not taken over by another organisation"),
    "not_taken": _l("Nobody took it whom it was offered to"),
    "receiver_gone": _l("Nobody works any more at whom it was handed to"),
    "complaint": _l("A complaint about us"),
    "given_back": _l("Two readers say that it is no complaint"),
    "number_died": _l("The number that they were given is dead"),
    "not_arrived": _l("Our answer did not reach them"),
}
#: What people write about, as members tick it and as counts are made of it.
THEMES = {
    Theme.VIOLENCE: _lp("theme", "Violence, threats, or being locked in"),
    Theme.CHILDREN: _lp("theme", "Children's safety"),
    Theme.HEALTH: _lp("theme", "Health"),
    Theme.SUSPICION: _lp("theme", "A suspicion about others"),
    Theme.SHELTER: _lp("theme", "A place to sleep"),
    Theme.FOOD: _lp("theme", "Food or water"),
    Theme.PAPERS: _lp("theme", "Papers and law"),
    Theme.WORK: _lp("theme", "Work or an offer of work"),
    Theme.MONEY: _lp("theme", "Money or debts"),
    Theme.TRANSPORT: _lp("theme", "Travel"),
    Theme.FAMILY: _lp("theme", "Family"),
    Theme.OTHER: _lp("theme", "Something else"),
}
OUTCOMES = {
    Outcome.INFORMED: _lp("outcome", "Got the information"),
    Outcome.GIVEN_HELPLINE: _lp("outcome", "Was given a helpline"),
    Outcome.HANDED_OVER: _lp("outcome", "Handed over to another organisation"),
    Outcome.NO_REPLY: _lp("outcome", "Did not write again"),
    Outcome.WRONG_NUMBER: _lp("outcome", "Wrong number: the person is somebody else"),
    Outcome.NOT_FOR_US: _lp("outcome", "Not for us"),
    Outcome.ABUSE: _lp("outcome", "Insults or advertising"),
}
KINDS_OF_MEDIA = {
    MediaKind.VOICE: _l("A voice note"),
    MediaKind.PICTURE: _l("A picture"),
    MediaKind.FILM: _l("A video"),
    MediaKind.FILE: _l("A file"),
}
SHELVES = {
    Shelf.WAITING: _lp("conversations", "Waiting"),
    Shelf.MINE: _lp("conversations", "Mine"),
    Shelf.SNOOZED: _lp("conversations", "Put off"),
    Shelf.ANSWERED: _lp("conversations", "Answered"),
    Shelf.CLOSED: _lp("conversations", "Closed"),
    Shelf.ALL: _lp("conversations", "All"),
}
#: How long a conversation can be put off, in hours.
PUT_OFF = {"1": _l("1 hour"), "4": _l("4 hours"), "24": _l("1 day"), "72": _l("3 days"), "168": _l("1 week")}


def answered_words(conversation: Conversation) -> str:
    """Return what a member reads once their answer is given."""
    if conversation.channel == WEB:
        return str(_("Your answer is kept for them. They find it when they come back with their code."))
    return str(_("Your answer is on its way. Whether it arrived stands beside it."))
