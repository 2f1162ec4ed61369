"""A machine of ours writes to one person so often at most: two that answer each other fall silent; pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from campaigns.inbox.conversations.models import Occasion

_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
#: Most automatic answers to one person within each time.
MOST_IN_AN_HOUR, MOST_IN_A_DAY = 3, 10
#: The longest time that is looked back.
LOOKED_BACK = _DAY
#: What is asked again within it needs no second answer; a call for help none within an hour.
APART = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Past:
    """One automatic answer of the last day."""

    occasion: Occasion
    at: datetime


def is_exhausted(past: Collection[Past], occasion: Occasion, *, now: datetime, is_choice: bool = False) -> bool:
    """Say whether somebody got so many automatic answers that a machine may be writing.

    Whoever has just joined, chosen a language and told where they are is still answered when they call for help,
    and `is_choice`, when they chose what we asked: we ask once, and a machine does not choose.
    """
    lately = sum(each.at > now - _HOUR for each in past)
    is_spared = occasion is Occasion.HELP or is_choice
    return len(past) >= MOST_IN_A_DAY or (lately >= MOST_IN_AN_HOUR and not is_spared)


def is_repeated(past: Collection[Past], occasion: Occasion, *, now: datetime) -> bool:
    """Say whether the same was answered just now."""
    apart = _HOUR if occasion is Occasion.HELP else APART
    return any(each.occasion is occasion and each.at > now - apart for each in past)
