"""The instance whose pages `bench.pages` opens: people, places, messages and campaigns, and what they were sent.

People and deliveries are made by SQL, campaigns by the factories of the tests. One campaign wrote to everybody who
has a telephone; the others share the rest of three messages a person.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Engine, case, func, insert, literal, select, text, true, update
from sqlalchemy.orm import Session

from bench.people import CELLS_PER_PLACE, FIRST_CELL, PLACES, seed_people, seed_tenant
from campaigns.audience.models import Address, Channel
from campaigns.core import clock
from campaigns.core.database import UTCDateTime
from campaigns.delivery.models import Delivery, RunText
from campaigns.delivery.references import new_reference
from campaigns.delivery.states import ReceiptState, SendState
from campaigns.places.models import Place, PlaceKind
from campaigns.places.place_rows import write_cells
from campaigns.planning.models import Campaign, CampaignState, Run, RunState, Sender
from campaigns.reach.counting.service import recount_run
from campaigns.staff.models import Member, Organisation
from tests.delivery.builders import frozen
from tests.factories import a_campaign, a_message, a_run, a_schedule, a_sender, a_service, add, an_audience

TEXTS = {"uk": "Тримайте документи при собі. ((hotline))", "pl": "Miej dokumenty przy sobie. ((hotline))"}
#: So often everybody with a telephone, nine in ten, is written to by the runs that share people; the last time one
#: in three is. Together with the large run that makes three messages a person.
TURNS = 3
#: Cells of a place that is added; those of others overlap with it.
CELLS_EACH = 20
#: Campaigns that write to one audience.
SHARED_BY = 10
#: Number of the one that is over, of which something may be published: it is not sent again.
ENDED = 5
#: What the campaigns stand at, in turn.
STATES = (CampaignState.APPROVED, CampaignState.DRAFT, CampaignState.APPROVED, CampaignState.SUBMITTED)


@dataclass(frozen=True, slots=True)
class Size:
    """How many of each there are; there are as many messages as campaigns."""

    people: int
    campaigns: int
    places: int


@dataclass(frozen=True, slots=True)
class Seeded:
    """Whose instance it is, and the ids of what is large, by the arguments of addresses."""

    organisation_id: int
    large: dict[str, int]


def seed_instance(engine: Engine, size: Size) -> Seeded:
    """Fill an empty database."""
    with Session(engine) as session, session.begin():
        organisation, member = seed_tenant(session)
        seed_people(engine, session, organisation, count=size.people)
        _count_on(session)
        _add_places(session, organisation, count=size.places - PLACES)
        service = a_service(
            session, organisation, country="EU", number_national="112", verified_on=clock.now().date()
        )
        senders = [a_sender(session, channel=channel, organisation_id=organisation.id) for channel in Channel]
        campaigns = _add_campaigns(session, organisation, member, senders, count=size.campaigns)
        runs = [_add_run(session, campaign, number) for number, campaign in enumerate(campaigns)]
        _send(session, runs[:1])
        for turn in range(min(TURNS, len(runs) - 1)):
            _send(session, runs[1:], turn=turn, to=None if turn < 2 else Address.contact_id % 3 == 0)
        texts = update(RunText).where(RunText.run_id == runs[0].id)
        session.execute(texts.values(service_ids=[service.id]))
        sent = select(func.count()).where(Delivery.run_id == Run.id).scalar_subquery()
        session.execute(update(Run).values(planned=sent))
        session.execute(text("ANALYZE"))
        for run in runs:
            recount_run(session, run.id)
        large = campaigns[0]
        ids = {"campaign": large.id, "run": runs[0].id, "message": large.message_id, "audience": large.audience_id}
        ids |= {"service": service.id, "ended": campaigns[min(ENDED, len(campaigns) - 1)].id}
        ids["delivery"] = session.scalar(select(func.min(Delivery.id))) or 0
        return Seeded(organisation.id, {f"{name}_id": number for name, number in ids.items()})


def _count_on(session: Session) -> None:
    """Let PostgreSQL name the next rows by ids that follow those which people were given."""
    if session.get_bind().dialect.name == "postgresql":
        for name in ("contact", "address"):
            last = f"(SELECT max(id) FROM {name})"
            session.execute(text(f"SELECT setval(pg_get_serial_sequence('{name}', 'id'), {last})"))


def _add_places(session: Session, organisation: Organisation, *, count: int) -> None:
    """Add hotspots on a grid over the three regions, beside those around which people are."""
    shared = {"organisation_id": organisation.id, "kind": PlaceKind.HOTSPOT, "radius_m": 5000}
    shared |= dict.fromkeys(("created_at", "updated_at"), clock.now())
    rows = [
        {
            "key": f"crossing-{number}",
            "name": f"Crossing {number}",
            "geometry": {"type": "Point", "coordinates": [20 + number % 40 / 10, 47 + number // 40 / 10]},
            "region_id": number % 3 + 1,
        }
        for number in range(count)
    ]
    if rows:
        session.execute(insert(Place), [row | shared for row in rows])
    added = session.scalars(select(Place.id).where(Place.key.startswith("crossing-")))
    cells = {}
    for number, place_id in enumerate(added):
        first = FIRST_CELL + number * CELLS_EACH % (PLACES * CELLS_PER_PLACE)
        cells[place_id] = [set(range(first, first + CELLS_EACH))]
    write_cells(session, cells)


def _add_campaigns(
    session: Session, organisation: Organisation, member: Member, senders: list[Sender], *, count: int
) -> list[Campaign]:
    """Add campaigns, each with a message of its own; ten share an audience."""
    campaigns = []
    for number in range(count):
        message = a_message(session, organisation, TEXTS, base_language="uk", title=f"Documents {number}")
        if number % SHARED_BY == 0:
            audience = an_audience(
                session, organisation, name=f"Audience {number}", rule={"languages": ["uk", "ru"]}
            )
        shared = {"senders": senders, "message": message, "audience": audience}
        changes: dict[str, Any] = {"name": f"Campaign {number}", "state": STATES[number % len(STATES)]}
        campaigns.append(a_campaign(session, organisation, member, **shared | changes))
    return campaigns


def _add_run(session: Session, campaign: Campaign, number: int) -> Run:
    """Add a run that ended, of a time that passed, and mostly a time that is yet to come."""
    now = clock.now()
    if number != ENDED:
        a_schedule(session, campaign, starts_at=_wall_clock(now + timedelta(days=number % 28, hours=number % 9)))
    began = now - timedelta(days=1 + number % 60)
    passed = a_schedule(session, campaign, starts_at=_wall_clock(began))
    facts: dict[str, Any] = {"created_at": began, "started_at": began, "finished_at": began + timedelta(hours=1)}
    facts |= {"schedule": passed, "state": RunState.DONE, "frozen": frozen(TEXTS, base_language="uk")}
    run = a_run(session, campaign, **facts)
    for language, body in TEXTS.items():
        add(session, RunText(run_id=run.id, language=language, body=body, parts=2))
    return run


def _wall_clock(moment: datetime) -> datetime:
    return moment.replace(tzinfo=None, second=0, microsecond=0)


def _send(session: Session, runs: list[Run], *, turn: int = 0, to: ColumnElement[bool] | None = None) -> None:
    """Add a message to everybody with a telephone, or to some of them, each from one of these runs.

    With each further turn everybody has it from another run.
    """
    first_text = select(func.min(RunText.id)).where(RunText.run_id == Run.id).scalar_subquery()
    number = (func.row_number().over(order_by=Run.id) - 1).label("number")
    numbered = select(Run.id, Run.sender_id, first_text.label("text_id"), number)
    of_them = numbered.where(Run.id.in_([run.id for run in runs])).subquery()
    some, yesterday = Address.contact_id % 20, literal(clock.now() - timedelta(days=1), UTCDateTime())
    values: dict[str, Any] = {
        "run_id": of_them.c.id,
        "contact_id": Address.contact_id,
        "address_id": Address.id,
        "channel": Address.channel,
        "sender_id": of_them.c.sender_id,
        "text_id": of_them.c.text_id + Address.contact_id % len(TEXTS),
        "region_id": Address.contact_id % 3 + 1,
        "send_state": case((some == 18, SendState.FAILED.value), else_=SendState.ACCEPTED.value),
        "error": case((some == 18, "21610")),
        "receipt_state": case(
            (some < 16, ReceiptState.DELIVERED.value), (some < 18, ReceiptState.UNDELIVERED.value)
        ),
        "receipt_error": case((some.in_((16, 17)), "30003")),
        "reference": new_reference(is_rehearsal=False),
        "attempts": literal(1),
        **dict.fromkeys(("due_at", "intent_at", "expires_at"), yesterday),
    }
    theirs = (Address.contact_id + turn * max(1, len(runs) // TURNS)) % len(runs)
    written_to = [Address.channel == Channel.SMS, theirs == of_them.c.number]
    rows = (
        select(*values.values())
        .join_from(Address, of_them, true())
        .where(*written_to, *([] if to is None else [to]))
    )
    session.execute(insert(Delivery).from_select(list(values), rows))
