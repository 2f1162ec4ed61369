"""What planning costs: fan-out with all its filters, against a bare INSERT … SELECT of the same rows.

The run asks for everything that planning can: people near places whose position is not too old, who agreed and
did not say stop, in their first or second language or the fallback, over the first of three channels that reaches
them (WhatsApp only where a template says the text, SMS only to countries that its sender covers), at an hour of
their own time zone; who had three messages in a week, of three earlier runs, gets none; whoever is left out is
counted by reason, region and language.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

import click
from sqlalchemy import (
    ColumnElement,
    Constraint,
    Engine,
    Index,
    MetaData,
    Table,
    delete,
    func,
    insert,
    select,
    text,
    true,
)
from sqlalchemy.orm import DeclarativeBase, Session

from bench.harness import fresh_database, measures_each, note, peak_megabytes, summary
from bench.people import seed_messages, seed_people, seed_tenant
from campaigns.audience.models import Channel, Contact
from campaigns.audience.rules import LeftOut
from campaigns.core import clock
from campaigns.core.database import make_sessions
from campaigns.delivery.fanout.fanout import fan_out
from campaigns.delivery.models import Delivery, RunLeftOut, RunQuiet, RunText, RunZone
from campaigns.delivery.monitoring.progress import left_out_of_run
from campaigns.places.models import Place
from campaigns.planning.covers import load_cover
from campaigns.planning.models import Campaign, Run, RunSender, RunState, ZonePolicy
from campaigns.planning.policy import USUAL
from tests.delivery.builders import frozen
from tests.factories import a_campaign, a_run, a_sender, a_service

TEXTS = {
    "uk": "Тримайте паспорт при собі. Порада: ((hotline))",
    "ru": "Держите паспорт при себе. Совет: ((hotline))",
}
#: Only Ukrainian has a template, so people who read Russian are reached by SMS.
TEMPLATES = {"uk": {"content_sid": "HX" + "0" * 32, "slots": ["hotline??112"]}}
#: Senders by channel, in the order in which they are tried, with the countries that they cover.
SENDERS = {Channel.WHATSAPP: ["UA"], Channel.SMS: ["UA", "PL"], Channel.TELEGRAM: []}
#: Three earlier runs wrote to one in two, four and eight people, so one in eight had all three.
EARLIER = (2, 4, 8)
#: Made by every run anew.
OF_A_RUN = (Delivery, RunText, RunZone, RunQuiet, RunLeftOut)


def bare_copy(model: type[DeclarativeBase] = Delivery) -> Table:
    """Return a table with the columns and indexes of a model's under other names, bare_delivery for instance."""
    source: Any = model.__table__
    copy: Table = source.to_metadata(MetaData(), name=f"bare_{source.name}")
    both: list[Index | Constraint] = [*copy.indexes, *copy.constraints]
    for named in both:
        named.name = f"bare_{named.name}"
    return copy


def seed(engine: Engine, people: int) -> int:
    """Fill an empty database; return the id of the campaign."""
    with Session(engine) as session, session.begin():
        organisation, member = seed_tenant(session)
        a_service(session, organisation, country="EU", number_national="112", verified_on=clock.now().date())
        senders = [a_sender(session, channel=channel, countries=SENDERS[channel]) for channel in SENDERS]
        campaign = a_campaign(session, organisation, member, senders=senders)
        seed_people(engine, session, organisation, count=people)
        for one_in in EARLIER:
            seed_messages(session, a_run(session, campaign), one_in=one_in)
        session.execute(text("ANALYZE"))
        return campaign.id


def plan_once(engine: Engine, campaign_id: int, number: int) -> tuple[int, float]:
    """Make a run, fan it out, and return its id and the seconds that took."""
    sessions = make_sessions(engine)
    with sessions.begin() as session:
        campaign = session.get_one(Campaign, campaign_id)
        content = content_of(session, campaign)
        occurrence = datetime(2026, 1, 1, number % 24, 0, tzinfo=UTC).replace(tzinfo=None)
        run = a_run(
            session,
            campaign,
            state=RunState.PLANNING,
            frozen=content,
            started_at=None,
            occurrence=occurrence,
        )
        run_id: int = run.id
    started = time.perf_counter()
    fan_out(sessions, run_id, policy=USUAL)
    return run_id, time.perf_counter() - started


def content_of(session: Session, campaign: Campaign) -> dict[str, Any]:
    """Return what a run of the campaign freezes, with every filter on."""
    rule = {"place_ids": list(session.scalars(select(Place.id))), "max_position_age_days": 30}
    return frozen(
        TEXTS,
        base_language="uk",
        fallback_language="uk",
        rule=rule,
        cover=load_cover(session, rule, campaign.organisation_id, names=False),
        zone_policy=ZonePolicy.RECIPIENT,
        senders=[{"channel": each.sender.channel} for each in campaign.ranked_senders],
        templates=TEMPLATES,
        cap_messages=len(EARLIER),
        cap_days=7,
    )


def insert_bare(engine: Engine, table: Table, condition: ColumnElement[bool]) -> float:
    """Copy the deliveries that are meant into `table` in one transaction; return the seconds that took."""
    started = time.perf_counter()
    with engine.begin() as connection:
        names = [column.name for column in table.columns]
        source = select(*(Delivery.__table__.c[name] for name in names)).where(condition)
        connection.execute(insert(table).from_select(names, source))
    return time.perf_counter() - started


def measure(kind: str, people: int, rounds: int) -> dict[str, Any]:
    """Return the figures of one database."""
    ratios, planned_seconds, bare_seconds = [], [], []
    with fresh_database(kind) as engine:
        campaign_id = seed(engine, people)
        table = bare_copy()
        table.create(engine)
        # Both grow from the same rows, because an index costs more the larger it is.
        insert_bare(engine, table, true())
        _vacuum(engine)
        for number in range(rounds):
            run_id, planning = plan_once(engine, campaign_id, number)
            bare = insert_bare(engine, table, Delivery.run_id == run_id)
            rows, left_out = _count(engine, run_id, table)
            note(f"{kind} round {number + 1}: {rows:,} planned in {planning:.2f} s, bare {bare:.2f} s")
            planned_seconds.append(planning)
            bare_seconds.append(bare)
            ratios.append(planning / bare)
            _clear(engine, table, run_id)
    return {
        "people": people,
        "planned": rows,
        "left_out": left_out,
        "rounds": rounds,
        "ratio_to_bare": summary(ratios)["median"],
        **summary(ratios),
        "plan_seconds": summary(planned_seconds),
        "bare_seconds": summary(bare_seconds),
        "peak_mb": peak_megabytes(),
    }


def _count(engine: Engine, run_id: int, table: Table) -> tuple[int, dict[str, int]]:
    """Return how many were planned, and how many left out by reason, when nobody is missing."""
    with Session(engine) as session:
        rows = session.scalar(select(func.count()).where(Delivery.run_id == run_id)) or 0
        copied = session.scalar(select(func.count()).where(table.c.run_id == run_id)) or 0
        left_out = left_out_of_run(session, run_id)
        everybody = session.scalar(select(func.count()).select_from(Contact)) or 0
        run = session.get_one(Run, run_id)
        assert run.state == RunState.RUNNING, run.reason
        assert rows == copied == run.planned
        assert rows + sum(left_out.values()) == everybody
        assert left_out[LeftOut.CAPPED]
    return rows, left_out


def _clear(engine: Engine, table: Table, run_id: int) -> None:
    with engine.begin() as connection:
        connection.execute(delete(table).where(table.c.run_id == run_id))
        for model in (*OF_A_RUN, RunSender):
            connection.execute(delete(model).where(model.run_id == run_id))
        connection.execute(delete(Run).where(Run.id == run_id))
    _vacuum(engine)


def _vacuum(engine: Engine) -> None:
    if engine.dialect.name == "postgresql":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM delivery, bare_delivery")


@click.command()
@click.option("--people", default=1_000_000, show_default=True)
@click.option("--rounds", default=3, show_default=True)
@measures_each
def main(kind: str, people: int, rounds: int) -> dict[str, Any]:
    """Measure planning as a ratio to a bare INSERT … SELECT of the same rows."""
    return measure(kind, people, rounds)


if __name__ == "__main__":
    main()
