"""A telephone number inside a text that somebody typed is kept whole, and in the order in which it is dialled.

Pure. What we put into a text ourselves has a mark before it (`messages/text/bidi_numbers.py`); what a helper or a
person on the move types has none, so between Arabic words its groups would be shown from the right.
"""

from __future__ import annotations

import re

from markupsafe import Markup, escape

#: Six digits at least, of any script, and no part of an address of the web, of e-mail or of a longer word.
_NUMBER = re.compile(
    r"(?:(?<![\w/.:@#=&?-])|(?<=[.:])(?=\+))"
    r"(\+?\(?\d(?:[ \u00a0().-]{0,3}\d){5,}+"
    # Other lines of the same house, or parts of one; of each as much as there is, so that none is cut.
    r"(?:/\d{1,4}+|,\d\d?+(?!\d))*+)"
    # A date is no number to dial, and its time stays with it.
    r"(?![\w/@]|[.:]\d)"
)
#: What is longer is broken where a narrow phone has to.
_ON_ONE_LINE = 18


def whole_numbers(text: str) -> Markup:
    """Write a text with each telephone number on one line, as far as it fits, and from left to right."""
    parts = _NUMBER.split(text)
    return Markup().join(_whole(part) if at % 2 else escape(part) for at, part in enumerate(parts))


def _whole(number: str) -> Markup:
    fits = Markup(' class="n"') if len(number) <= _ON_ONE_LINE else ""
    return Markup('<bdi dir="ltr"{}>{}</bdi>').format(fits, number)
