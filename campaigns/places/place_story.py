"""The page of a place tells what only later steps know: how many people are there, and which campaigns were."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from campaigns.places.models import Place


@dataclass(frozen=True, slots=True)
class CampaignThere:
    """A campaign that reaches a place or names it in its audience."""

    id: int
    name: str
    #: As campaigns have it.
    state: str
    #: When it was sent last; None: it was not.
    sent_at: datetime | None


@dataclass(frozen=True, slots=True)
class PlaceStory:
    """What is told of a place."""

    #: Who last said they were there, exactly: the page rounds it. None: they were not counted yet.
    people: int | None
    #: How that count stands (`audience/figures.py`).
    counted: object
    campaigns: Sequence[CampaignThere]


TellPlace = Callable[[Place], PlaceStory]
