"""The lists that say how urgent a message is (audience/data/inbound_words.csv), read and folded once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache

from campaigns.audience.phrases.phrase_book import PhraseBook
from campaigns.audience.phrases.phrase_table import GREETING, PLEASE, load_rows
from campaigns.core.folding import words_of
from campaigns.inbox.urgency.latin_letters import consonants_of, is_latin, sounds_of
from campaigns.inbox.urgency.levels import Urgency
from campaigns.inbox.urgency.nearby import NearbyBook, Slot, slots_of

#: Heading of what may complain about us: the lists suggest it, and a member says that it is so.
COMPLAINT = "complaint"
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
    COMPLAINT: Urgency.QUESTION,
    "who_are_you": Urgency.OTHER,
}
#: Form of a row whose words stand near each other.
_NEARBY = "nearby"
#: Languages whose words are compared by sounds, and by consonants, where somebody types them in Latin letters.
_CYRILLIC = ("uk", "ru")
_CONSONANTAL = ("ar", "fa", "ps", "am", "ti")
#: A phrase in Latin letters needs so many sounds, or consonants, since other languages have short words like it.
_FEWEST_SOUNDS = 6
_FEWEST_CONSONANTS = 7
#: The age that samples in the lists have, and the ages for which it stands.
_SAMPLE_AGE = "16"
_AGES = frozenset(map(str, range(8, 18)))


@dataclass(frozen=True, slots=True)
class Reason:
    """A phrase that was found in a message, or what a message shows without one."""

    heading: str
    #: Language of the list; '' without a phrase.
    language: str = ""
    phrase: str = ""

    def to_json(self) -> dict[str, str]:
        """Return the value that Conversation.reasons stores."""
        return {"heading": self.heading, "language": self.language, "phrase": self.phrase}


class WordLists:
    """All lists in all the ways in which their phrases may be typed."""

    def __init__(self, rows: list[dict[str, str]]) -> None:
        """Fold the rows of the table, of which those under our headings are looked for."""
        #: All words of all lists, those for stopping too; an "ok" and a "hello" are of any language.
        told = (row["phrase"] for row in rows if row["meaning"] not in (PLEASE, GREETING))
        self.vocabulary = frozenset(word for phrase in told for word in words_of(phrase))
        ours = [row for row in rows if row["meaning"] in HEADINGS]
        in_a_row = [(row["language"], row["phrase"], _reason(row)) for row in ours if row["form"] != _NEARBY]
        near = [(slots_of(row["phrase"]), _reason(row)) for row in ours if row["form"] == _NEARBY]
        self._phrases, self._nearby = PhraseBook(in_a_row), NearbyBook(near)
        self._by_sounds = PhraseBook(_typed_phrases(in_a_row, _CYRILLIC, sounds_of, _FEWEST_SOUNDS))
        self._nearby_by_sounds = NearbyBook(_typed_nearby(near))
        self._by_consonants = PhraseBook(_typed_phrases(in_a_row, _CONSONANTAL, consonants_of, _FEWEST_CONSONANTS))

    def plain(self, words: list[str]) -> list[str]:
        """Return words in which each that mixes scripts is the listed word that it looks like, if any."""
        return self._phrases.plain(words)

    def within(self, words: list[str]) -> Iterator[Reason]:
        """Yield what is found in the words of a message, in Latin letters too."""
        words = [_SAMPLE_AGE if word in _AGES else word for word in words]
        for _, rows in self._phrases.within(words):
            yield from rows
        yield from _worded(self._nearby.within(words))
        if any(map(is_latin, words)):
            yield from self._typed_in_latin(words)

    def _typed_in_latin(self, words: list[str]) -> Iterator[Reason]:
        sounds = _spelled(words, sounds_of)
        yield from _worded(self._nearby_by_sounds.within(sounds), fewest=_FEWEST_SOUNDS)
        for book, spelled in ((self._by_sounds, sounds), (self._by_consonants, _spelled(words, consonants_of))):
            for _, rows in book.within(spelled):
                yield from rows


def _spelled(words: list[str], spelling: Callable[[str], str]) -> list[str]:
    return [letters for word in words if (letters := spelling(word) if is_latin(word) else word)]


def _reason(row: dict[str, str]) -> Reason:
    return Reason(row["meaning"], row["language"], row["phrase"])


def _worded(found: Iterator[tuple[Reason, str]], *, fewest: int = 0) -> Iterator[Reason]:
    """Name the words of rows that were found, not all of which one would have done."""
    for row, words in found:
        if sum(map(str.isalpha, words)) >= fewest:
            yield replace(row, phrase=words.replace("*", "…"))


def _typed_phrases(
    phrases: list[tuple[str, str, Reason]], languages: tuple[str, ...], spelling: Callable[[str], str], fewest: int
) -> Iterator[tuple[str, str, Reason]]:
    for language, phrase, reason in phrases:
        spelled = [spelling(word) for word in words_of(phrase) if not is_latin(word)]
        if language in languages and sum(map(len, spelled)) >= fewest and all(spelled):
            # Nothing of the language's own letters is left, so its ways to set spaces do not matter.
            yield "", " ".join(spelled), reason


def _typed_nearby(
    rows: list[tuple[tuple[Slot, ...], Reason]],
) -> Iterator[tuple[tuple[Slot, ...], Reason]]:
    for slots, reason in rows:
        if reason.language in _CYRILLIC:
            yield tuple(tuple(map(_typed_word, slot)) for slot in slots), reason


def _typed_word(word: str) -> str:
    piece = word.strip("*")
    return word.replace(piece, sounds_of(piece) or piece)


@cache
def load_lists() -> WordLists:
    """Read and fold the lists; the first call takes a moment, every other none."""
    return WordLists(load_rows())
