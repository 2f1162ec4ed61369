"""A cell that we do not know may mean a place, group or language that there is, and is perhaps nearly its name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from functools import lru_cache
from itertools import islice

from campaigns.audience.file_telling import Cause
from campaigns.audience.files.nearly_named import NearlyNamed
from campaigns.core.folding import has_words
from campaigns.core.languages import all_languages
from campaigns.web.filters import language_name

#: What a cell is to say instead, and what members call that.
Choice = tuple[str, str]
#: Of more choices than these some are written down once for all cells, and the others found by typing: a list of
#: a thousand places beside each of two hundred cells would take minutes to load.
MOST_LISTED = 50
#: Sets of names of which a process knows what is nearly called so.
_KEPT = 16


class CellMeanings:
    """What the cells of a file may mean that are none we know."""

    def __init__(self, places: Iterable[Choice], groups: Iterable[str]) -> None:
        """Take the keys of places with their names, and the names of groups."""
        self._places, self._groups = dict(places), {name: name for name in groups}

    def choices(self, cause: Cause) -> list[Choice]:
        """Return all that the cell of a cause may mean."""
        return list(self._choices(column_of(cause)).items())

    def near(self, causes: Iterable[Cause]) -> dict[tuple[str, str], list[Choice]]:
        """Return what is nearly called as the cells are, by column and cell, the likeliest first."""
        explained = [(column_of(cause), cause) for cause in causes if cause.cell]
        nearly = {column: self._finder(column) for column in {column for column, _cause in explained}}
        choices = {column: self._choices(column) for column in nearly}
        return {
            (cause.problem.column, cause.cell): [
                (key, choices[column][key]) for key in nearly[column].find(cause.cell)
            ]
            for column, cause in explained
        }

    def long_lists(self, causes: Iterable[Cause], words: str = "") -> dict[str, list[Choice]]:
        """Return by column some choices that are too many to be listed beside each cell, as they may be typed.

        Those are listed whose names have the `words` that somebody looks for.
        """
        columns = {column_of(cause) for cause in causes if cause.cell}
        return {column: self.find(column, words) for column in columns if len(self._choices(column)) > MOST_LISTED}

    def find(self, column: str, words: str) -> list[Choice]:
        """Return what a cell of a column may mean and has some words in its name, as it may be typed; not all."""
        found = (choice for choice in _typed(self._choices(column)) if has_words(" ".join(choice), words))
        return list(islice(found, MOST_LISTED))

    def _choices(self, column: str) -> Mapping[str, str]:
        """Return what members call each thing that a cell of a column may mean, by what the cell is to say."""
        if column == "language":
            return {code: language_name(code) for code in all_languages()}
        return self._places if column == "place" else self._groups

    def _finder(self, column: str) -> NearlyNamed:
        also = _names_of_languages() if column == "language" else {}
        choices = self._choices(column).items()
        return _nearly(tuple((key, (key, name, *also.get(key, ()))) for key, name in choices))


def column_of(cause: Cause) -> str:
    """Return the column by whose choices the cell of a cause is explained."""
    return "language" if cause.problem.column == "other_language" else cause.problem.column


def _typed(choices: Mapping[str, str]) -> list[Choice]:
    """Return choices by what a member types for them: their names, and keys where a name says not which."""
    names = Counter(name.casefold() for name in choices.values())
    names.update(key.casefold() for key, name in choices.items() if key.casefold() != name.casefold())
    return [(name if names[name.casefold()] == 1 else key, name) for key, name in choices.items()]


def _names_of_languages() -> dict[str, tuple[str, str]]:
    return {code: (language.name, language.autonym) for code, language in all_languages().items()}


@lru_cache(_KEPT)
def _nearly(names: tuple[tuple[str, tuple[str, ...]], ...]) -> NearlyNamed:
    """Return what finds these names; to fold thousands takes longer than to find hundreds among them."""
    return NearlyNamed(names)
