"""Published rules about variables, words and types say whether WhatsApp would approve a template."""

import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

CATEGORIES = ("MARKETING", "UTILITY", "AUTHENTICATION")
NAME = re.compile(r"[a-z0-9_]{1,512}")
VARIABLE = re.compile(r"{{\s*(\w+)\s*}}")

_MOST_VARIABLES = 100
#: Types that live inside the 24-hour window only.
_SESSION_TYPES = frozenset(("twilio/list-picker", "twilio/location"))
#: Words around each variable, at least.
_WORDS_PER_VARIABLE = 2


def reason_against(types: Mapping[str, Any], body: str) -> str:
    """Return why a template is rejected, an empty text when it is approved (Twilio: template approval rules)."""
    if session_only := sorted(_SESSION_TYPES & set(types)):
        return f"{session_only[0]} cannot be approved: it is for use inside the 24-hour window."
    text = body.strip()
    if not text:
        return "The template has no text."
    found = list(VARIABLE.finditer(text))
    if not found:
        return ""
    if found[0].start() == 0 or found[-1].end() == len(text):
        return "Variables cannot stand at the start or the end of the template."
    if any(not text[one.end() : two.start()].strip() for one, two in pairwise(found)):
        return "Variables cannot stand next to each other."
    names = list(dict.fromkeys(one[1] for one in found))
    if names != [str(number) for number in range(1, len(names) + 1)] or len(names) > _MOST_VARIABLES:
        return f"Variables must be numbered from 1 on without gaps, {_MOST_VARIABLES} at most."
    if len(VARIABLE.sub(" ", text).split()) < _WORDS_PER_VARIABLE * len(names):
        return "The template has too many variables for its length."
    return ""
