"""By this pure checklist a second member asks of a campaign whether it may hurt anybody.

The questions follow house notes on protection review; each is put so that "yes" means that it is safe.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from campaigns.core.errors import InputError
from campaigns.core.words import N_

#: Longest sentence to an answer, in characters.
LONGEST_WORDS = 300


@dataclass(frozen=True, slots=True)
class Item:
    """One question of the checklist."""

    key: str
    question: str
    #: Why it is asked, in a sentence.
    reason: str


ITEMS = (
    Item(
        "no_blame",
        N_("Does no text blame the person who reads it?"),
        N_("People who feel accused do not ask for help."),
    ),
    Item(
        "no_fear",
        N_("Does it inform without frightening?"),
        N_("Fear makes people look away, or run into something worse."),
    ),
    Item(
        "no_real_case",
        N_("Is it free of details from a real case?"),
        N_("Somebody may be recognised, by others or by the people they fled from."),
    ),
    Item(
        "no_promise",
        N_("Does it promise neither papers nor rescue?"),
        N_("We cannot keep such a promise, and traffickers make the same one."),
    ),
    Item(
        "no_data_by_reply",
        N_("Does it ask for no personal data in a reply?"),
        N_("Replies stay on the phone, where others read them."),
    ),
    Item(
        "safe_if_watched",
        N_("Is it safe when somebody who controls the person reads along?"),
        N_("Assume that somebody else may hold the phone."),
    ),
    Item(
        "neutral_sender",
        N_("Do the sender's name and the link give nothing away?"),
        N_("A name or address can tell everything before the message is opened."),
    ),
    Item(
        "lock_screen",
        N_("Are the first words harmless on a locked screen?"),
        N_("They are shown to whoever looks at the phone."),
    ),
    Item(
        "safe_for_children",
        N_("Is it safe if a child reads it?"),
        N_("Children use the phones of their families."),
    ),
    Item(
        "no_rumour",
        N_("Does it spread neither panic nor rumour?"),
        N_("What is passed on loses its source and gains in fright."),
    ),
    Item(
        "no_conflation",
        N_("Does it keep moving to another country apart from trafficking?"),
        N_("Most people on the move are not trafficked, and helping them is no crime."),
    ),
    Item(
        "reading_level",
        N_("Can somebody who reads little understand it at once?"),
        N_("Short sentences, one thing to do, words of every day."),
    ),
    Item(
        "contact_verified",
        N_("Was the contact it names tried out lately?"),
        N_("A number that does not answer is worse than none."),
    ),
    Item(
        "right_to_left",
        N_("Were texts that run from right to left looked at on a phone?"),
        N_("Numbers and links can end up in the wrong order. Without such a language, say so."),
    ),
    Item(
        "short",
        N_("Does it take at most two SMS in every language?"),
        N_("Longer texts arrive in pieces, or not at all. Where more are needed, say why."),
    ),
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a member answered to one item."""

    yes: bool
    words: str


def checked_answers(answers: Mapping[str, Answer]) -> dict[str, Answer]:
    """Return the answers clean, in the order of ITEMS. Raises InputError for one that is missing."""
    checked = {}
    for item in ITEMS:
        answer = answers.get(item.key)
        words = " ".join(answer.words.split()) if answer else ""
        if answer is None or not words:
            raise InputError(N_("Answer every question with yes or no, and say in a sentence why."))
        if len(words) > LONGEST_WORDS:
            raise InputError(N_("A sentence has at most %(limit)s characters."), limit=LONGEST_WORDS)
        checked[item.key] = Answer(answer.yes, words)
    return checked


def refused_items(answers: Mapping[str, Answer]) -> list[Item]:
    """Return the items answered with no, or not at all."""
    return [item for item in ITEMS if item.key not in answers or not answers[item.key].yes]
