"""Says what a message asks for by the words of all our languages, however they are typed.

A missed stop hurts more than a wrong one, and a wrong one cuts somebody off who asks for help. So what is a
stop as a whole line stops, behind a word of courtesy too; what begins with one or holds a listed phrase waits for
a member to decide; the rest is text.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Container, Iterable
from enum import StrEnum

from campaigns.audience.phrases.lines import lines_of
from campaigns.audience.phrases.phrase_table import Heading, Listed, Phrases, load_courtesies, load_phrases
from campaigns.core.folding import looks_of, shortened, with_letters_joined, with_letters_o, words_of


class Meaning(StrEnum):
    """What a message asks for, the strongest first: of several lines the strongest counts."""

    STOP = "stop"
    HOLD = "hold"
    START = "start"
    HELP = "help"
    INFO = "info"
    MOVED = "moved"
    YES = "yes"


#: Headings whose phrases ask for the same, whatever their tags.
_PLAIN = {
    Heading.WRONG_PERSON: Meaning.HOLD,
    Heading.START: Meaning.START,
    Heading.HELP: Meaning.HELP,
    Heading.INFO: Meaning.INFO,
    Heading.YES: Meaning.YES,
}
#: A line of nothing but these is the first of them that is in it. Beside START, STOP wins: a doubt must never
#: bring messages back.
_TOGETHER = (
    (Meaning.STOP, {Meaning.STOP, Meaning.START}),
    (Meaning.HOLD, {Meaning.STOP, Meaning.HOLD}),
    *((meaning, {meaning}) for meaning in (Meaning.START, Meaning.HELP, Meaning.INFO, Meaning.YES)),
)
_STRENGTH = {meaning: rank for rank, meaning in enumerate(Meaning)}
#: STOP typed on the wrong keyboard, by what it looks like: a Cyrillic С looks like C, and П has no likeness.
_MISTYPED = frozenset({"ctop", "stoп", "ctoп"})
#: Signs that say it without a word.
_SIGNS = {"🛑": Meaning.STOP, "⛔": Meaning.HOLD, "🚫": Meaning.HOLD, "🔕": Meaning.HOLD}
#: The sign that calls for help in every language, beside which the others count as they do alone.
DISTRESS = "\N{SQUARED SOS}"
#: What says nothing on a line of signs.
_SILENT = frozenset(f" \ufe0f{DISTRESS}")
#: Beside these a sign is a doubt, which a person reads: no machine answers it.
_DOUBTED_BY_SIGNS = (Meaning.INFO, Meaning.MOVED, Meaning.YES)
#: Beside a start a sign counts as a word would, and one that says no lets it wait.
_BESIDE_A_START = _SIGNS | dict.fromkeys("❌❎✖✋🤚🖐👎🙅🚷", Meaning.HOLD)
#: Signs that thank or greet, and say nothing more.
_COURTEOUS_SIGNS = frozenset("🙏👍👌🤝🙂😊👋🌹🌷💐🤗❤💙💛💚🤍")
#: What is heard with words of courtesy around it; a doubt must never bring messages back, nor answer a question.
_HEARD_POLITELY = (Meaning.STOP, Meaning.HOLD, Meaning.HELP)
#: Words of the longest courtesy.
_COURTESY_WORDS = 5
#: What begins with a keyword that people of all languages send: the language of the word, and how many they are.
_KEYWORD = {("en", 1)}
#: Words of a place name after "moved to".
_PLACE_WORDS = range(1, 5)


def meaning_of(text: str, language: str | None = None) -> Meaning | None:
    """Say what a message asks for; None is plain text, for a person to read.

    `language` is the contact's, where we know it. It matters for a yes, which is never a start, and for a few
    words that mean it in one language only; all other words are heard from everybody.
    """
    code = language.partition("-")[0] if language else None
    phrases = load_phrases()
    heard = {_meaning_of_line(line, phrases, code) for line in dict.fromkeys(lines_of(text))}
    # A yes answers a question only when nothing else is said.
    return strongest(heard - {Meaning.YES} or heard)


def _meaning_of_line(line: str, phrases: Phrases, language: str | None) -> Meaning | None:
    words = words_of(line)
    if not words:
        return strongest(map(_SIGNS.get, line)) if _is_of_signs(line) else None
    plain = phrases.plain(words)
    held_down = [phrases.plain([shortened(with_letters_o(word), to=to) for word in words]) for to in (1, 2)]
    heard = strongest([_hear(plain, phrases, language), _hear_anew(held_down[0], plain, phrases, language)])
    # Some languages spell with double letters: JOOOOJI is JOOJI. But "daaa" is a Russian yes before it is Somali.
    heard = heard or _hear_anew(held_down[1], plain, phrases, language)
    # "S.T.O.P. writing me"
    heard = heard or _hear_anew(with_letters_joined(plain), plain, phrases, language)
    if heard is Meaning.START:
        return strongest([heard, *map(_BESIDE_A_START.get, line)])
    is_doubtful = heard in _DOUBTED_BY_SIGNS and any(sign in _SIGNS for sign in line)
    return Meaning.HOLD if is_doubtful else heard


def _is_of_signs(line: str) -> bool:
    return all(sign in _SIGNS or not sign.isprintable() or sign in _SILENT for sign in line)


def _hear_anew(spelled: list[str], plain: list[str], phrases: Phrases, language: str | None) -> Meaning | None:
    """Hear words whose letters were held down (STOOOP) or hit wrongly (ST0P), if they are spelled otherwise."""
    return None if spelled == plain else _hear(spelled, phrases, language)


def _hear(words: list[str], phrases: Phrases, language: str | None) -> Meaning | None:
    whole = _whole(words, phrases, language)
    if whole in (Meaning.STOP, Meaning.HOLD):
        return whole
    if _asks_to_wait(words, phrases, language):
        return Meaning.HOLD
    return whole or _politely(words, phrases, language) or (Meaning.MOVED if _says_moved(words, phrases) else None)


def _politely(words: list[str], phrases: Phrases, language: str | None) -> Meaning | None:
    """Say what a line asks for without the courtesies at its ends: "please STOP", "HELP, please"."""
    asked = _without_courtesies(words)
    if not asked or asked == words:
        return None
    whole = _whole(asked, phrases, language)
    return whole if whole in _HEARD_POLITELY else None


def _without_courtesies(words: list[str]) -> list[str]:
    known, start, end = load_courtesies().by_words, 0, len(words)
    while begins := _courtesy_of(words[start : min(start + _COURTESY_WORDS, end)], known, is_end=False):
        start += begins
    while ends := _courtesy_of(words[max(start, end - _COURTESY_WORDS) : end], known, is_end=True):
        end -= ends
    return words[start:end]


def is_mere_start(line: str) -> bool:
    """Say whether a line holds at most a start and courtesies: no other word, and no sign that may be one."""
    signs = (character for character in line if unicodedata.category(character) == "So")
    if not _COURTEOUS_SIGNS.issuperset(signs):
        return False
    phrases = load_phrases()
    asked = _without_courtesies(phrases.plain(words_of(line)))
    return not asked or _whole(asked, phrases, None) is Meaning.START


def _courtesy_of(words: list[str], known: Container[str], *, is_end: bool) -> int:
    """Return of how many of these words the longest courtesy is with which they begin, or end; 0 for none."""
    for count in range(len(words), 0, -1):
        if " ".join(words[-count:] if is_end else words[:count]) in known:
            return count
    return 0


def _whole(words: list[str], phrases: Phrases, language: str | None) -> Meaning | None:
    """Say what a line asks for that is nothing but listed phrases, or one whose spaces are set otherwise."""
    letters = "".join(words)
    if looks_of(letters) in _MISTYPED:
        return Meaning.STOP
    made_of = (
        meaning for meaning, allowed in _TOGETHER if _is_made_of(words, phrases, language, allowed, needed=meaning)
    )
    return strongest([next(made_of, None), _spaced_out(words, letters, phrases, language)])


def _spaced_out(words: list[str], letters: str, phrases: Phrases, language: str | None) -> Meaning | None:
    asked = strongest(_asked(phrases.by_letters.get(letters, ()), language))
    # A yes is so short that other words run into it.
    if asked is not None and (asked is not Meaning.YES or len(words) == len(letters)):
        return asked
    # STOPSTOPSTOP: the shortest piece of which all of it is made.
    piece = letters[: (letters + letters).find(letters, 1)]
    return Meaning.STOP if Meaning.STOP in _asked(phrases.by_letters.get(piece, ()), language) else None


def _is_made_of(
    words: list[str], phrases: Phrases, language: str | None, allowed: set[Meaning], *, needed: Meaning
) -> bool:
    """Say whether phrases that ask for what is allowed fill the line, at least one of them for what is needed."""
    # Which word may come next: after phrases of which one was needed, and after phrases of which none was.
    reached = {(0, False)}
    for at in range(len(words)):
        for found in {(at, False), (at, True)} & reached:
            reached |= {
                (end, found[1] or needed in asked)
                for end, rows in phrases.starting_at(words, at)
                if (asked := _asked(rows, language)) & allowed
            }
    return (len(words), True) in reached


def _asked(rows: Iterable[Listed], language: str | None) -> set[Meaning]:
    """Return what rows ask for as a whole line."""
    asked = set()
    for row in rows:
        if not row.counts_for(language):
            continue
        if row.heading in _PLAIN:
            asked.add(_PLAIN[row.heading])
        elif row.heading is not Heading.MOVED:
            asked.add(Meaning.HOLD if row.hold else Meaning.STOP)
    return asked


def _asks_to_wait(words: list[str], phrases: Phrases, language: str | None) -> bool:
    """Say whether a line begins with a stop word or holds a phrase of those that count with more beside them."""
    return any(
        row.heading in (Heading.STOP_PHRASE, Heading.WRONG_PERSON) or (row.heading is Heading.STOP and at == 0)
        for at, rows in phrases.within(words)
        for row in rows
        if not row.alone and row.counts_for(language)
    )


def _says_moved(words: list[str], phrases: Phrases) -> bool:
    """Say whether a line is a listed beginning and what may be the name of a place."""
    return _place_at(words, phrases) is not None


def _place_at(words: list[str], phrases: Phrases) -> int | None:
    """Return at which word of a line what may be the name of a place stands, after a listed beginning."""
    ends = [
        end
        for end, rows in phrases.starting_at(words, 0)
        if len(words) - end in _PLACE_WORDS and any(row.heading is Heading.MOVED for row in rows)
    ]
    return max(ends, default=None)


def moved_to(text: str) -> str:
    """Return what may be the name of the place in a message that says MOVED; '' in any other."""
    phrases = load_phrases()
    for line in lines_of(text):
        words = words_of(line)
        at = _place_at(phrases.plain(words), phrases) if words else None
        if at is not None:
            return " ".join(words[at:])
    return ""


def language_of(text: str, *, with_keywords: bool = True) -> str | None:
    """Return the language (BCP 47) in which a message asks for something; None where it may be several.

    One English word, as HELP, is a keyword that stands below messages of all languages: it may be left out.
    """
    phrases, spoken = load_phrases(), set[str]()
    for words in filter(None, map(words_of, lines_of(text))):
        words = phrases.plain(words)
        begun = {(row.language, end) for end, rows in phrases.starting_at(words, 0) for row in rows}
        if with_keywords or begun != _KEYWORD:
            spoken |= {language for language, _ in begun}
    return spoken.pop() if len(spoken) == 1 else None


def strongest(meanings: Iterable[Meaning | None]) -> Meaning | None:
    """Return what counts of several things that are asked for."""
    return min((meaning for meaning in meanings if meaning is not None), key=_STRENGTH.__getitem__, default=None)
