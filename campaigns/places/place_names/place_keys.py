"""Names of places are compared by keys, in which case, marks, spaces and the Arabic article make no difference.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterable

from campaigns.core.folding import words_of

_ARTICLE = "ال"
#: Letters that must be left where the article is taken off: الله is no لله.
_SHORTEST_BARE = 3


def key_of(text: str) -> str:
    """Return the key of a name; empty for what has no letter or digit."""
    return key_of_words(words_of(text))


def key_of_words(words: Iterable[str]) -> str:
    """Return the key of a name whose words are folded already."""
    return "".join(_without_article(word) for word in words)


def _without_article(word: str) -> str:
    bare = word.removeprefix(_ARTICLE)
    return bare if len(bare) >= _SHORTEST_BARE else word
