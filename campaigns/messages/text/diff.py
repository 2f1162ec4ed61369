"""Pure functions find word by word what changed between two texts, for pages and for screen readers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum

#: A placeholder is one word; so is each sign, each stretch of white space and each run of letters and digits.
_WORD = re.compile(r"\(\([^()\n]*\)\)|\s+|[^\W_]+(?:['’ʼ-][^\W_]+)*|.", re.DOTALL)


class Change(StrEnum):
    """What became of a stretch of text."""

    KEPT = "kept"
    REMOVED = "removed"
    ADDED = "added"


@dataclass(frozen=True, slots=True)
class Stretch:
    """Some words that have the same fate."""

    change: Change
    text: str


@dataclass(frozen=True, slots=True)
class LanguageChange:
    """What happened to the text of one language, or to its words for one channel, between two versions."""

    language: str
    #: "" for the text that all channels share.
    channel: str
    stretches: tuple[Stretch, ...]


def compare_texts(before: str, after: str) -> tuple[Stretch, ...]:
    """Return `after` in stretches, with what was removed from `before` where it stood."""
    old, new = _WORD.findall(before), _WORD.findall(after)
    found: list[Stretch] = []
    for tag, i, j, k, m in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            _extend(found, Change.KEPT, old[i:j])
            continue
        _extend(found, Change.REMOVED, old[i:j])
        _extend(found, Change.ADDED, new[k:m])
    return tuple(found)


def compare_versions(
    before: Mapping[str, str],
    after: Mapping[str, str],
    *,
    wordings_before: Mapping[str, Mapping[str, str]] | None = None,
    wordings_after: Mapping[str, Mapping[str, str]] | None = None,
) -> tuple[LanguageChange, ...]:
    """Return the languages whose texts differ, in the order of the newer version; then words for one channel."""
    old, new = dict(_cells(before, wordings_before or {})), dict(_cells(after, wordings_after or {}))
    changed = [key for key in dict.fromkeys([*new, *old]) if old.get(key) != new.get(key)]
    return tuple(LanguageChange(*key, compare_texts(old.get(key, ""), new.get(key, ""))) for key in changed)


def _cells(
    texts: Mapping[str, str], wordings: Mapping[str, Mapping[str, str]]
) -> Iterator[tuple[tuple[str, str], str]]:
    for language, text in texts.items():
        yield (language, ""), text
    for language, words in wordings.items():
        for channel, text in words.items():
            yield (language, channel), text


def _extend(found: list[Stretch], change: Change, words: list[str]) -> None:
    if words:
        found.append(Stretch(change, "".join(words)))
