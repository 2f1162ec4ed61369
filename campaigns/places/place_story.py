"""The page of a place tells what only later steps know: how many people are there, and which campaigns were."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, cast

from flask import Flask, current_app, request

from campaigns.places.models import Place

_TOLD = "fingerpost.place_told"
#: By which the address of a place's page asks who is there.
WITH_PEOPLE = "people"


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
class PeopleThere:
    """Who last said they were at a place."""

    #: Exactly: the page rounds it. None: they were not counted yet.
    people: int | None
    #: How that count stands (`audience/figures.py`).
    counted: object


@dataclass(frozen=True, slots=True)
class PlaceStory:
    """What is told of a place."""

    #: None: the member did not ask for them.
    there: PeopleThere | None
    campaigns: Sequence[CampaignThere]


class TellPlace(Protocol):
    """How a page is told of a place, with its people where the member asks for them."""

    def __call__(self, place: Place, *, with_people: bool) -> PlaceStory:
        """Tell of a place."""


def init_story(app: Flask, tell_place: TellPlace) -> None:
    """Tell the pages of `app` how to be told of a place: later steps know."""
    app.extensions[_TOLD] = tell_place


def story_of(place: Place) -> PlaceStory | None:
    """Return what the page of a place tells; None where its form comes back: that tells only what is wrong.

    People are told when a link asks for them, since that a member sees few of them is noted: whoever marks places
    and edits them looks for nobody.
    """
    if request.method == "POST":
        return None
    return cast(TellPlace, current_app.extensions[_TOLD])(place, with_people=WITH_PEOPLE in request.args)
