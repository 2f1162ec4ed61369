"""A large invented audience, made by SQL: people in cells around places, on three channels, in three languages,
and what was sent to them before."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Engine, TextClause, bindparam, insert, literal, select, text
from sqlalchemy.orm import Session

from campaigns.audience.models import Address, AddressState, Channel
from campaigns.core import clock
from campaigns.core.database import UTCDateTime
from campaigns.delivery.models import Delivery
from campaigns.delivery.references import new_reference
from campaigns.delivery.states import SendState
from campaigns.places.models import Place, PlaceKind, Region
from campaigns.places.place_rows import write_cells
from campaigns.planning.models import Run
from campaigns.staff.models import Member, Organisation

PLACES = 40
CELLS_PER_PLACE = 100
FIRST_CELL = 608_000_000_000_000_000
ZONES = ("Europe/Warsaw", "Europe/Bucharest", "Europe/Kyiv")
#: Which people (by their number n) have an address on a channel; one in 20 has none at all.
WAYS = {Channel.SMS: "n % 10 <> 9", Channel.WHATSAPP: "n % 5 < 2", Channel.TELEGRAM: "n % 20 = 9"}
#: One in 50 said stop, one in 50 never agreed, one in 100 has a number that is no more.
STATE = f"""CASE WHEN n % 50 = 3 THEN '{AddressState.OPTED_OUT}' WHEN n % 50 = 11 THEN '{AddressState.PENDING}'
    WHEN n % 100 = 23 THEN '{AddressState.INVALID}' ELSE '{AddressState.ACTIVE}' END"""
#: Where numbers were issued; no sender of the bench writes to Moldova.
COUNTRY = "CASE WHEN n % 12 = 5 THEN 'MD' ELSE 'UA' END"

#: One row a number from 1 to :count, in each database's own words.
NUMBERS = {
    "sqlite": ("WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < :count)"),
    "postgresql": "WITH numbers(n) AS (SELECT generate_series(1, :count))",
}
#: Thirty-two bytes that differ for each n.
LOOKUP = {"sqlite": "CAST(printf('%032d', n) AS BLOB)", "postgresql": "convert_to(lpad(n::text, 32, '0'), 'UTF8')"}


def seed_tenant(session: Session) -> tuple[Organisation, Member]:
    """Add an organisation, a member, three regions and the places with their cells."""
    now = clock.now()
    organisation = Organisation(slug="bench", name="Bench", created_at=now)
    member = Member(email="bench@example.org", name="Bench", fs_uniquifier="bench", created_at=now)
    regions = [Region(code=code, country=code[:2], name=code, names={}) for code in ("PL-18", "RO-SV", "UA-46")]
    session.add_all([organisation, member, *regions])
    session.flush()
    for number in range(PLACES):
        place = Place(
            organisation_id=organisation.id,
            key=f"place-{number}",
            kind=PlaceKind.HOTSPOT,
            name=f"Place {number}",
            geometry={"type": "Point", "coordinates": [22.9, 49.8]},
            radius_m=5000,
            created_at=now,
            updated_at=now,
        )
        session.add(place)
        session.flush()
        first = FIRST_CELL + number * CELLS_PER_PLACE
        cells = range(first, first + CELLS_PER_PLACE)
        write_cells(session, {place.id: [set(cells)]})
    return organisation, member


def seed_people(engine: Engine, session: Session, organisation: Organisation, *, count: int) -> None:
    """Add `count` contacts with their addresses; one in 20 has an old position, one in 4 reads only Polish."""
    numbers = NUMBERS[engine.dialect.name]
    now = clock.now()
    times = {"now": now, "old": now - timedelta(days=90)}
    values = {"count": count, "organisation": organisation.id} | times
    typed = [bindparam(name, type_=UTCDateTime()) for name in times]
    cell = f"{FIRST_CELL} + n % {PLACES * CELLS_PER_PLACE}"
    zones = " ".join(f"WHEN {number} THEN '{zone}'" for number, zone in enumerate(ZONES))
    session.execute(
        text(
            f"""{numbers}
            INSERT INTO contact (id, organisation_id, language, other_language, cell, region_id, time_zone,
                                 position_source, position_at, created_at)
            SELECT n, :organisation, CASE n % 4 WHEN 0 THEN 'ru' WHEN 1 THEN 'pl' ELSE 'uk' END,
                   CASE n % 3 WHEN 0 THEN 'ru' END, {cell}, n % 3 + 1, CASE n % 3 {zones} END, 'import',
                   CASE WHEN n % 20 = 7 THEN :old ELSE :now END, :now FROM numbers"""
        ).bindparams(*typed),
        values,
    )
    for rank, channel in enumerate(WAYS):
        session.execute(_addresses(engine, channel, rank), values)
    session.execute(text("ANALYZE"))


def seed_messages(session: Session, run: Run, *, one_in: int) -> None:
    """Add what an earlier run sent yesterday by SMS: to one person in `one_in`, by their number."""
    yesterday = clock.now() - timedelta(days=1)
    values = {
        "run_id": literal(run.id),
        "contact_id": Address.contact_id,
        "address_id": Address.id,
        "channel": Address.channel,
        "sender_id": literal(run.sender_id),
        "text_id": literal(0),
        "region_id": literal(0),
        "send_state": literal(SendState.ACCEPTED.value),
        "reference": new_reference(is_rehearsal=False),
        "attempts": literal(1),
        **dict.fromkeys(("due_at", "intent_at", "expires_at"), literal(yesterday, UTCDateTime())),
    }
    written_to = (Address.channel == Channel.SMS, Address.contact_id % one_in == 0)
    rows = select(*values.values()).where(*written_to).order_by(Address.contact_id)
    session.execute(insert(Delivery).from_select(list(values), rows))


def _addresses(engine: Engine, channel: Channel, rank: int) -> TextClause:
    """Return the statement that gives people their addresses on one channel."""
    lookup = LOOKUP[engine.dialect.name]
    country = "NULL" if channel is Channel.TELEGRAM else COUNTRY
    return text(
        f"""{NUMBERS[engine.dialect.name]}
        INSERT INTO address (id, organisation_id, contact_id, channel, ciphertext, lookup, number, country, state,
                             rank, created_at)
        SELECT n + {rank} * :count, :organisation, n, '{channel}', {lookup}, {lookup}, {lookup}, {country},
               {STATE}, {rank}, :now FROM numbers WHERE {WAYS[channel]}"""
    ).bindparams(bindparam("now", type_=UTCDateTime()))
