"""How long a member waits for the pages of an organisation of `--people` contacts.

Each page is opened once before anything was counted (`first_ms`), then a worker counts whatever the pages asked
for (`counting_s`, all questions together), and each is opened `--times` again: `p50_ms` and `p95_ms` are what it
takes on the server, with the database but without a network; `queries` and `kb` are of the last answer. With
`--at-once` pages count themselves, as they did before counts were kept.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import click
from flask.testing import FlaskClient
from sqlalchemy import Engine, event, text
from sqlalchemy.orm import Session

from bench.harness import fresh_database, measures_each, note
from bench.people import seed_messages, seed_people, seed_tenant
from campaigns.audience.figures import init_counts
from campaigns.audience.kept.renewing import Renewal
from campaigns.audience.models import Channel
from campaigns.core import clock
from campaigns.core.database import make_sessions
from campaigns.staff.models import Organisation, Role
from campaigns.upkeep import COUNTS
from campaigns.web.session import database
from tests.factories import a_campaign, a_message, a_run, a_schedule, a_sender, a_service, an_audience
from tests.web.pages import make_pages

ADDRESSES = {
    "now": "/",
    "campaigns": "/campaigns",
    "campaign": "/campaigns/{campaign}",
    "gates": "/campaigns/{campaign}/checks",
    "edit": "/campaigns/{campaign}/edit",
    "languages": "/campaigns/languages/{message}?audience={audience}",
    "audiences": "/audience",
    "audience": "/audience/{audience}",
    "contacts": "/audience/contacts",
    "contacts_by_language": "/audience/contacts?language=pl",
    "contacts_by_state": "/audience/contacts?state=invalid",
    "silent": "/audience/silent",
}


def seed(engine: Engine, people: int) -> tuple[int, dict[str, int]]:
    """Fill an empty database; return the organisation, and what its pages are about."""
    with Session(engine) as session, session.begin():
        organisation, member = seed_tenant(session)
        a_service(session, organisation, country="EU", number_national="112", verified_on=clock.now().date())
        senders = [a_sender(session, channel=channel, organisation_id=organisation.id) for channel in Channel]
        texts = {"uk": "Тримайте документи при собі. ((hotline))", "pl": "Miej dokumenty przy sobie. ((hotline))"}
        message = a_message(session, organisation, texts, base_language="uk")
        audience = an_audience(session, organisation)
        campaign = a_campaign(session, organisation, member, senders=senders, message=message, audience=audience)
        a_schedule(session, campaign)
        seed_people(engine, session, organisation, count=people)
        seed_messages(session, a_run(session, campaign), one_in=3)
        session.execute(text("ANALYZE"))
        return organisation.id, {"campaign": campaign.id, "message": message.id, "audience": audience.id}


def open_page(client: FlaskClient, address: str, statements: list[str]) -> dict[str, float]:
    """Open a page, and return what it took."""
    statements.clear()
    began = time.perf_counter()
    answer = client.get(address)
    took = 1000 * (time.perf_counter() - began)
    if answer.status_code != 200:
        raise AssertionError(f"{address} answers {answer.status_code}")
    return {"ms": took, "queries": len(statements), "kb": round(len(answer.data) / 1024, 1)}


def measure(kind: str, *, people: int, times: int, at_once: bool) -> dict[str, Any]:
    """Return the figures of one database."""
    with fresh_database(kind) as engine:
        organisation_id, ids = seed(engine, people)
        with make_pages(engine) as pages:
            init_counts(pages.app, at_once=COUNTS if at_once else None)
            with pages.sessions() as session:
                organisation = session.get_one(Organisation, organisation_id)
            client = pages.client(pages.member(*Role, organisation=organisation))
            statements: list[str] = []
            with pages.app.app_context():
                pool = database.engine
            event.listen(pool, "before_cursor_execute", lambda *given: statements.append(given[2]))
            opening = {
                name: partial(open_page, client, address.format(**ids), statements)
                for name, address in ADDRESSES.items()
            }
            first = {name: look()["ms"] for name, look in opening.items()}
            counted, counting = count_what_is_asked(engine, opening)
            found = {name: figures_of([look() for _ in range(times)]) for name, look in opening.items()}
    for name, figures in found.items():
        figures["first_ms"] = round(first[name], 1)
        note(f"{kind} {name}: {figures}")
    return {"people": people, "counts": counted, "counting_s": round(counting, 2), "pages": found}


def count_what_is_asked(engine: Engine, opening: Mapping[str, Callable[[], object]]) -> tuple[int, float]:
    """Count what the pages ask for, and what they ask for then; return how many counts, and their seconds."""
    renewal, counted, seconds = Renewal(make_sessions(engine), COUNTS, lambda _: True), 0, 0.0
    for _ in range(3):
        began = time.perf_counter()
        counted += renewal.renew()
        seconds += time.perf_counter() - began
        for look in opening.values():
            look()
    return counted, seconds


def figures_of(looks: list[dict[str, float]]) -> dict[str, float]:
    """Return the figures of one page that was opened some times."""
    took = sorted(look["ms"] for look in looks)
    return {
        "p50_ms": round(statistics.median(took), 1),
        "p95_ms": round(took[int(0.95 * (len(took) - 1))], 1),
        "queries": looks[-1]["queries"],
        "kb": looks[-1]["kb"],
    }


@click.command()
@click.option("--people", default=1_000_000, show_default=True)
@click.option("--times", default=20, show_default=True, help="Views of each page.")
@click.option("--at-once", is_flag=True, help="Let pages count themselves.")
@measures_each
def main(kind: str, people: int, times: int, *, at_once: bool) -> dict[str, Any]:
    """Measure, and print one JSON object or a table."""
    return measure(kind, people=people, times=times, at_once=at_once)


if __name__ == "__main__":
    main()
