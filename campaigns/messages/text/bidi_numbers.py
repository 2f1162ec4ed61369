"""Telephone numbers inside a text are marked so that they are read in the order in which they are dialled."""

from __future__ import annotations

from campaigns.core.languages import is_right_to_left

#: LEFT-TO-RIGHT MARK: invisible; one before a number keeps its groups and its plus in order (Unicode Standard
#: Annex #9, W7 and N1). Isolates would do the same, but old phones show them as boxes.
LEFT_TO_RIGHT_MARK = "\u200e"


def number_in_text(number: str, language: str) -> str:
    """Return a number as it stands in a text of `language`.

    Between Arabic words the groups of "+48 22 628 01 20" would be shown from the right, and somebody would dial
    another number. Digits alone keep their order by themselves.
    """
    if not is_right_to_left(language) or number.isdigit():
        return number
    return LEFT_TO_RIGHT_MARK + number
