"""A campaign worth looking at: invented people along two borders, adverts, and what partners told."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from campaigns.audience.models import Channel, Contact
from campaigns.core import clock
from campaigns.delivery.models import Delivery, RunText
from campaigns.delivery.states import ReceiptState, SendState
from campaigns.inbox.models import Reply, ReplyKind
from campaigns.places.models import PlaceCell, PlaceKind, Region
from campaigns.places.service import load_regions
from campaigns.planning.models import Campaign, Run, RunState
from campaigns.reach.counting.ladder import Step
from campaigns.reach.counting.run_costs import recount_costs
from campaigns.reach.counting.run_counts import recount_due
from campaigns.reach.counting.unique_counts import check_all, recount_crowds
from campaigns.reach.imported.models import Method, Source
from campaigns.reach.imported.reading import Reported
from campaigns.reach.imported.service import import_reach
from campaigns.reach.outcomes.service import count_opening, lead_link, record_assisted
from campaigns.staff.models import Organisation
from tests.factories import NOON, a_campaign, a_member, a_place, a_route, a_run, a_sender, add, an_audience
from tests.web.pages import Pages

#: Region and how many people were written to there in each run.
PEOPLE = {
    "PL-18": 900,
    "PL-06": 640,
    "PL-14": 310,
    "UA-46": 420,
    "RO-SV": 260,
    "RO-GL": 90,
    "MD-CU": 150,
    "MD-BA": 14,
}
LANGUAGES = {"uk": 7, "ru": 3, "pl": 1}
CELL = 608_000_000_000_000_000


def make_scenery(pages: Pages, *, seed: int = 7) -> Campaign:
    """Make the campaign with three runs, count it as a worker does, and return it."""
    with pages.sessions.begin() as session:
        load_regions(session)
        regions = dict(session.execute(select(Region.code, Region.id).where(Region.code.in_(PEOPLE))).all())
        owner = pages.ours
        places = [
            a_place(session, owner, name=name)
            for name in ("Medyka", "Hrebenne", "Palanca, border hall (Washingtonplatz)")
        ]
        route = a_route(session, owner, name="Lviv – Przemyśl – Rzeszów")
        for stop, name in zip(route.stops, ("Lviv", "Przemyśl"), strict=True):
            stop.place.name, stop.place.kind = name, PlaceKind.STOP
            places.append(stop.place)
        cells = [{"cell": CELL + at, "place_id": place.id, "leg": 0} for at, place in enumerate(places)]
        session.execute(insert(PlaceCell), cells)
        audience = an_audience(session, owner, rule={"place_ids": [places[0].id]})
        senders = [a_sender(session, channel=channel) for channel in Channel]
        member = a_member(session, owner)
        facts = {"name": "Keep your documents", "code": "K7", "audience": audience, "senders": senders}
        campaign = a_campaign(session, owner, member, **facts)
        for week in range(3):
            sent_at = NOON + timedelta(days=7 * week)
            over = {"created_at": sent_at, "finished_at": sent_at + timedelta(hours=5)}
            wall = {"occurrence": sent_at.replace(tzinfo=None), "planned": sum(PEOPLE.values())}
            run = a_run(session, campaign, state=RunState.DONE, **over, **wall)
            texts = [add(session, RunText(run_id=run.id, language=code, body="x")).id for code in LANGUAGES]
            _send(session, run, regions, texts, chance=random.Random(seed * 10 + week))
        _answer(session)
        _tell(session, campaign, by=member.id)
    with clock.running_on(lambda: NOON + timedelta(days=14, hours=6)):
        recount_due(pages.sessions)
        recount_costs(pages.sessions)
        recount_crowds(pages.sessions)
        check_all(pages.sessions)
    return campaign


def _send(session: Session, run: Run, regions: dict[str, int], texts: list[int], *, chance: random.Random) -> None:
    """Write to the same people in each run; contacts are made with the first."""
    if session.scalar(select(Contact.id).limit(1)) is None:
        owner = {"organisation_id": run.organisation_id, "language": "uk", "created_at": NOON}
        everybody = range(1, sum(PEOPLE.values()) + 1)
        session.execute(insert(Contact), [owner | {"id": at, "cell": CELL + at % 9} for at in everybody])
    session.execute(insert(Delivery), list(_deliveries(run, regions, texts, chance)))


def _deliveries(
    run: Run, regions: dict[str, int], texts: list[int], chance: random.Random
) -> Iterator[dict[str, object]]:
    contact_id = 0
    for code, people in PEOPLE.items():
        for _ in range(people):
            contact_id += 1
            channel = list(Channel)[contact_id % 3]
            sent = chance.choices([SendState.ACCEPTED, SendState.FAILED, SendState.EXPIRED], [94, 4, 2])[0]
            heard = chance.choices(
                [ReceiptState.DELIVERED, ReceiptState.READ, ReceiptState.UNDELIVERED], [60, 28, 12]
            )
            receipt = heard[0] if sent is SendState.ACCEPTED and channel is not Channel.TELEGRAM else None
            yield {
                "run_id": run.id,
                "contact_id": contact_id,
                "address_id": contact_id,
                "channel": channel,
                "sender_id": run.sender_id,
                "text_id": chance.choices(texts, list(LANGUAGES.values()))[0],
                "region_id": regions[code],
                "send_state": sent,
                "receipt_state": receipt,
                "receipt_error": "30003" if receipt is ReceiptState.UNDELIVERED else None,
                "error": "21614" if sent is SendState.FAILED else None,
                "reference": uuid4().hex,
                "attempts": 1,
                "due_at": run.created_at,
                "intent_at": run.created_at,
                "expires_at": run.created_at + timedelta(hours=12),
            }


def _answer(session: Session) -> None:
    same = {"gateway": "twilio", "channel": Channel.SMS, "lookup": b"l" * 32, "sealed_text": b""}
    when = {"kind": ReplyKind.TEXT, "received_at": NOON + timedelta(days=15)}
    people = range(3, sum(PEOPLE.values()), 41)
    session.execute(insert(Reply), [same | when | {"provider_id": f"SM{at}", "contact_id": at} for at in people])


def _tell(session: Session, campaign: Campaign, *, by: int) -> None:
    owner = campaign.organisation_id
    reports = (
        (Step.SIGNPOSTED, 31, "La Strada (invented)", "PL-18"),
        (Step.SIGNPOSTED, 12, "Helpline (invented)", None),
    )
    for step, people, partner, region in (*reports, (Step.ASSISTED, 9, "Shelter (invented)", "PL-06")):
        told: dict[str, Any] = {"code": campaign.code, "people": people, "partner": partner, "region_code": region}
        record_assisted(session, owner, day=NOON.date() + timedelta(days=16), step=step, by=by, **told)
    session.get_one(Organisation, owner).link_hosts = ["help.example.org"]
    link = lead_link(session, campaign, "https://help.example.org/", by=by)
    for code in ("PL-18", "PL-18", "PL-06", None, "MD-CU"):
        count_opening(session, link.campaign_id, code)
    adverts = [_advert("PL-18", 41_200, 96_100), _advert("PL-06", 23_900, 51_000), _advert("MD-CU", 8_750, 17_700)]
    given: dict[str, Any] = {"exported_on": date(2026, 3, 20), "campaign_id": campaign.id, "by": by}
    import_reach(session, owner, adverts, source=Source.META_ADS, digest="1" * 64, **given)
    leaflets = [_advert("PL-18", 2_000, None, Method.ONE_LEAFLET_ONE_PERSON, Step.ESTIMATED)]
    import_reach(session, owner, leaflets, source=Source.LEAFLETS, digest="2" * 64, **given)


def _advert(
    code: str,
    people: int,
    impressions: int | None,
    method: Method = Method.PLATFORM_UNIQUE,
    step: Step = Step.PLATFORM_REPORTED,
) -> Reported:
    days = (date(2026, 3, 2), date(2026, 3, 18))
    return Reported(
        2, "Keep your documents", code, code[:2], False, *days, people, method, step, impressions=impressions
    )
