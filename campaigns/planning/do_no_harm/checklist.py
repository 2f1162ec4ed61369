"""By this pure checklist a second member asks of a campaign whether it may hurt anybody.

Each point is a statement that is true when the campaign is safe: "yes" to a negative question can be heard as its
opposite. They follow house notes on protection review.
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
    """One point of the checklist."""

    key: str
    statement: str
    #: Why it is asked, in a sentence.
    reason: str


ITEMS = (
    Item(
        "no_blame",
        N_("No text blames the reader."),
        N_("People who feel accused do not ask for help."),
    ),
    Item(
        "no_fear",
        N_("It informs without frightening."),
        N_("Fear makes people look away, or run into something worse."),
    ),
    Item(
        "no_real_case",
        N_("It contains no details from a real case."),
        N_("Somebody may be recognised, by others or by the people they fled from."),
    ),
    Item(
        "no_promise",
        N_("It promises no papers and no rescue."),
        N_("We cannot keep such a promise, and traffickers make the same one."),
    ),
    Item(
        "no_data_by_reply",
        N_("It does not ask people to send personal data."),
        N_("What people send stays on the phone, where others read them."),
    ),
    Item(
        "safe_if_watched",
        N_("It is safe even if a controlling person reads it."),
        N_("Assume that somebody else may hold the phone."),
    ),
    Item(
        "neutral_sender",
        N_("The sender's name and the link are neutral."),
        N_("A name or address can tell everything before the message is opened."),
    ),
    Item(
        "lock_screen",
        N_("The first words are harmless on a locked screen."),
        N_("They are shown to whoever looks at the phone."),
    ),
    Item(
        "safe_for_children",
        N_("It is safe if a child reads it."),
        N_("Children use the phones of their families."),
    ),
    Item(
        "no_rumour",
        N_("It spreads no panic and no rumours."),
        N_("What is passed on loses its source and gains in fright."),
    ),
    Item(
        "no_conflation",
        N_("It does not present migration as trafficking in human beings."),
        N_("Most people on the move are not trafficked, and helping them is no crime."),
    ),
    Item(
        "reading_level",
        N_("Somebody who reads little understands it at once."),
        N_("Short sentences, one thing to do, words of every day."),
    ),
    Item(
        "contact_verified",
        N_("Somebody called the number in it recently, and it answered."),
        N_("A number that does not answer is worse than none."),
    ),
    Item(
        "right_to_left",
        N_("Texts that run from right to left were looked at on a phone."),
        N_("Numbers and links can end up in the wrong order. Without such a language, say so."),
    ),
    Item(
        "short",
        N_("It takes at most two SMS in every language."),
        N_("Longer texts arrive in pieces, or not at all. Where more are needed, say why."),
    ),
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a member answered to one item."""

    yes: bool
    #: Why; may be empty where it is true.
    words: str


def checked_answers(answers: Mapping[str, Answer]) -> dict[str, Answer]:
    """Return the answers clean, in the order of ITEMS; only what is not true, or not sure, needs a sentence.

    Raises InputError for an answer that is missing, and for such a one without a sentence.
    """
    checked = {}
    for item in ITEMS:
        answer = answers.get(item.key)
        words = " ".join(answer.words.split()) if answer else ""
        if answer is None or not (words or answer.yes):
            raise InputError(N_("Answer every point, and say in a sentence why one is not true or not sure."))
        if len(words) > LONGEST_WORDS:
            raise InputError(N_("A sentence has at most %(limit)s characters."), limit=LONGEST_WORDS)
        checked[item.key] = Answer(answer.yes, words)
    return checked


def refused_items(answers: Mapping[str, Answer]) -> list[Item]:
    """Return the items answered with no, or not at all."""
    return [item for item in ITEMS if item.key not in answers or not answers[item.key].yes]
