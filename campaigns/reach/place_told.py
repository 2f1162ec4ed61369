"""This tells the page of a place, which stands before this step, of the people there and the campaigns."""

from __future__ import annotations

from campaigns.audience.figures import find_figures
from campaigns.audience.kept.people_questions import ask_people
from campaigns.audience.models import Channel
from campaigns.audience.rules import UNKNOWN_ZONE, AudienceRule, Resolution, SenderChoice
from campaigns.audience.shown_counts.look_notes import note_small
from campaigns.core import clock
from campaigns.core.small_numbers import is_told
from campaigns.places.models import Place
from campaigns.places.place_story import PeopleThere, PlaceStory
from campaigns.reach.results.place_campaigns import find_campaigns_at
from campaigns.staff.auth import may_now
from campaigns.staff.permissions import Permission
from campaigns.web.session import session

MOST_CAMPAIGNS = 5


def tell_place(place: Place, *, with_people: bool) -> PlaceStory:
    """Tell of a place's last campaigns, and who is there where a member asks for it."""
    campaigns = find_campaigns_at(session(), place, most=MOST_CAMPAIGNS) if may_now(Permission.READ_PLANS) else []
    return PlaceStory(_people_at(place) if with_people else None, campaigns)


def _people_at(place: Place) -> PeopleThere:
    """Return who is at a place, as counted last; that a member sees few is noted, as of any audience."""
    rule = AudienceRule(place_ids=(place.id,))
    # Over which channel and in which language is no question here.
    anyhow = Resolution((SenderChoice(0, Channel.SMS),), (), None, UNKNOWN_ZONE, clock.now())
    (rows,), counted = find_figures([ask_people(rule, anyhow)])
    people = None if rows is None else sum(row[-1] for row in rows)
    if people is not None and not is_told(people):
        note_small(rule)
    return PeopleThere(people, counted)
