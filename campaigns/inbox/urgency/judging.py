"""How urgent a message is, by the word lists of all our languages; pure.

The lists only order the queue and tag: nothing is hidden or answered by them. A negation is not read, because a
false alarm is cheap. What nobody can read is never last.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from campaigns.audience.phrases.phrase_table import load_rows
from campaigns.core.folding import words_of
from campaigns.inbox.models import ReplyKind
from campaigns.inbox.urgency.levels import Urgency

#: Headings of the lists, and how urgent what is found under them is.
HEADINGS = {
    "urgent_now": Urgency.DANGER,
    "urgent_violence": Urgency.DANGER,
    "urgent_trapped": Urgency.DANGER,
    "urgent_selfharm": Urgency.DANGER,
    "urgent_child": Urgency.DAY,
    "need_medical": Urgency.DAY,
    "need_shelter": Urgency.QUESTION,
    "need_food_water": Urgency.QUESTION,
    "need_legal_documents": Urgency.QUESTION,
    "need_money_job": Urgency.QUESTION,
    "need_transport": Urgency.QUESTION,
    "report_suspicion": Urgency.REPORT,
    "who_are_you": Urgency.OTHER,
}


@dataclass(frozen=True, slots=True)
class Reason:
    """A phrase that was found in a message."""

    heading: str
    language: str
    phrase: str

    def to_json(self) -> dict[str, str]:
        """Return the value that Conversation.reasons stores."""
        return {"heading": self.heading, "language": self.language, "phrase": self.phrase}


@dataclass(frozen=True, slots=True)
class Judged:
    """What the lists say of a message."""

    urgency: Urgency
    reasons: tuple[Reason, ...] = ()
    #: Headings that were found.
    tags: frozenset[str] = frozenset()
    #: BCP 47 code of the language of most phrases; None: nobody knows.
    language: str | None = None


def judge(text: str, kind: ReplyKind) -> Judged:
    """Judge a message by its words and by what it asks."""
    words, lists = words_of(text), _lists()
    reasons = dict.fromkeys(
        reason
        for at in range(len(words))
        for length in lists.lengths.get(words[at], ())
        for reason in lists.phrases.get(" ".join(words[at : at + length]), ())
    )
    spoken = Counter(reason.language for reason in reasons).most_common(1)
    return Judged(
        _level(reasons, kind),
        tuple(reasons),
        frozenset(reason.heading for reason in reasons),
        spoken[0][0] if spoken else None,
    )


def _level(reasons: Iterable[Reason], kind: ReplyKind) -> Urgency:
    """Return the level of the most urgent heading; what is on no list is a question."""
    found = max((HEADINGS[reason.heading] for reason in reasons), default=Urgency.QUESTION)
    # "Help" alone may be danger: one level up.
    return max(found, Urgency.DAY) if kind is ReplyKind.HELP else found


@dataclass(frozen=True, slots=True)
class _Lists:
    phrases: dict[str, tuple[Reason, ...]]
    lengths: dict[str, tuple[int, ...]]


@cache
def _lists() -> _Lists:
    lists = _Lists({}, {})
    for row in load_rows():
        if row["meaning"] in HEADINGS:
            words = words_of(row["phrase"])
            reason, key = Reason(row["meaning"], row["language"], row["phrase"]), " ".join(words)
            lists.phrases[key] = (*lists.phrases.get(key, ()), reason)
            lengths = lists.lengths.get(words[0], ())
            lists.lengths[words[0]] = tuple({*lengths, len(words)})
    return lists
