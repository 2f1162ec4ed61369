"""Loads what the texts of a run are rendered with: its services, regions and places as they are now."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.delivery.fanout.send_times import due_in
from campaigns.delivery.fanout.texts import Combination, Dimensions, Renderer
from campaigns.messages.named import NamedNumbers
from campaigns.messages.queries import load_help
from campaigns.places.models import Place, Region
from campaigns.planning.campaign_content import FrozenRun
from campaigns.planning.estimates.rendered_texts import Whereabouts
from campaigns.planning.models import Run
from campaigns.planning.policy import Policy


def load_renderer(session: Session, run: Run, wanted: Iterable[Combination], *, policy: Policy) -> Renderer:
    """Return the renderer of a run, with the regions and places of the combinations that are wanted.

    It knows no number for help but those that were approved.
    """
    wanted = list(wanted)
    region_ids = {combination.region_id for combination in wanted}
    place_ids = {combination.place_id for combination in wanted}
    regions = session.execute(select(Region.id, Region.code, Region.country).where(Region.id.in_(region_ids)))
    places = session.execute(select(Place.id, Place.name).where(Place.id.in_(place_ids)))
    frozen = FrozenRun.from_json(run.frozen)
    known = load_help(session, run.organisation_id, fresh_days=policy.service_max_age_days)
    if frozen.numbers is not None:
        known = NamedNumbers.from_json(frozen.numbers).of(known)
    return Renderer(
        frozen=frozen,
        known=known,
        regions={row.id: Whereabouts(row.code, row.country) for row in regions},
        places={row.id: row.name for row in places},
        pages=frozen.pages or policy.pages,
    )


def read_at(run: Run, combination: Combination, renderer: Renderer, *, now: datetime) -> datetime:
    """Return the hour for which a signpost is chosen; a roaming number counts as one of no country."""
    frozen, where = renderer.frozen, renderer.regions.get(combination.region_id)
    country = "" if combination.roaming or where is None else where.country or ""
    zone = combination.time_zone if Dimensions.of(frozen).zone else frozen.time_zone
    return max(now, due_in(run, frozen, zone, country, now=now))
