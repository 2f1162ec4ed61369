"""Databases that are alike in all but how few people are few, each behind an application of its own.

Where one has two people at a hotspot, failed messages or stops, another has five, and the third nobody; every
number of twenty or more rounds to the same.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, select, update
from sqlalchemy.orm import Session

from campaigns.app import create_app
from campaigns.audience.figures import init_counts
from campaigns.audience.models import Address, AddressState, Contact
from campaigns.core import clock
from campaigns.core.database import make_engine, make_sessions
from campaigns.core.keys.crypto import Vault
from campaigns.delivery.models import CanaryState, Delivery, RunCanary, RunLeftOut
from campaigns.delivery.states import ReceiptState, SendState
from campaigns.inbox.conversations.models import Conversation, ConversationState, ConversationTheme
from campaigns.inbox.urgency.levels import Urgency
from campaigns.inbox.urgency.theme_list import Theme
from campaigns.places.models import PlaceCell
from campaigns.planning.models import Run, RunState
from campaigns.reach.counting.service import recount_run
from campaigns.reach.counting.unique_counts import recount_crowds
from campaigns.reach.outcomes.models import LinkDay, Outcome
from campaigns.staff import audit
from campaigns.staff.models import Member, Role
from campaigns.staff.tokens import ApiScope, issue_token
from campaigns.upkeep import COUNTS
from tests.architecture.samples import make_samples
from tests.delivery.builders import a_running_run, all_deliveries, frozen
from tests.factories import (
    NOON,
    a_campaign,
    a_delivery,
    a_message,
    a_place,
    a_region,
    a_run,
    a_sender,
    add,
    an_audience,
)
from tests.web.pages import TEMPLATES, Pages, let_go, page_settings

HOUR = timedelta(hours=1)
#: People of the large run; every part of them that is not few rounds to the same in both worlds.
PEOPLE = 123
STARTED = {"state": RunState.RUNNING, "started_at": NOON}
#: Cells of the two hotspots.
CELLS = (0x871E1D000FFFFFF, 0x871E1D001FFFFFF)
#: What stands in a row and must stand on no page.
PROVIDER_ID, REFERENCE = "SMofoneperson", "referenceofone"
#: Who reads and asks: whoever has all roles but data manager always, those who may less with --whole.
WHO = ("everybody else", *(pytest.param(name, marks=pytest.mark.long) for name in ("author", "viewer")))
#: What differs from one answer to the next by itself.
BY_ITSELF = re.compile(r"<input type=.hidden.[^>]*>|hx-headers='[^']*'|nonce=\"[^\"]*\"")


@dataclass(frozen=True)
class Few:
    """How few a world has of each: always fewer than twenty."""

    failed: int
    unconfirmed: int
    unknown: int
    suppressed: int
    undelivered: int
    left_out: int
    canary_failed: int
    #: At the first hotspot, to whom a run wrote, and at the second, which is only looked at.
    here: int
    there: int
    #: In the audience of all, who read a language of their own, are in a region of their own; and who said stop.
    odd: int
    stopped: int
    assisted: int
    opened: int


#: That something of a run failed or is in doubt is told to whoever has to act on it, so here it does too.
NOBODY = Few(1, 3, 1, 0, 1, 0, 0, here=2, there=0, odd=0, stopped=0, assisted=3, opened=0)
FEW = Few(1, 3, 1, 1, 1, 1, 1, here=2, there=1, odd=2, stopped=1, assisted=3, opened=2)
OTHERS = Few(2, 1, 2, 2, 1, 3, 4, here=5, there=3, odd=4, stopped=3, assisted=7, opened=5)


@dataclass
class World:
    """One of the databases behind an application of its own."""

    app: Flask
    pages: Pages
    members: dict[str, Member]
    token: str
    #: Values of URL arguments; of some there are several.
    values: dict[str, list[Any]]

    def client(self, name: str) -> FlaskClient:
        return self.pages.client(self.members[name])

    def behind(self, app: Flask) -> World:
        """Return this world behind another application."""
        return replace(self, app=app, pages=Pages(app, self.pages.sessions, self.pages.ours, self.pages.theirs))


def build(pages: Pages, vault: Vault) -> tuple[dict[str, Member], str, dict[str, list[Any]]]:
    """Fill a database with everything that both worlds have; who is few comes with `inhabit`."""
    members = {
        "author": pages.member(Role.AUTHOR),
        "viewer": pages.member(Role.VIEWER),
        "everybody else": pages.member(*(set(Role) - {Role.STEWARD})),
    }
    with pages.sessions.begin() as session:
        ours = session.merge(pages.ours)
        values = {name: [value] for name, value in make_samples(session, ours, members["author"], vault).items()}
        region, sender = a_region(session), a_sender(session, organisation_id=ours.id)
        message = a_message(session, ours)
        hotspots = [a_place(session, ours, name=name, region_id=region.id) for name in ("Here", "There")]
        for place, cell in zip(hotspots, CELLS, strict=True):
            add(session, PlaceCell(place_id=place.id, cell=cell))
        everybody = an_audience(session, ours)
        small = [an_audience(session, ours, name=place.name, rule={"place_ids": [place.id]}) for place in hotspots]
        campaigns = [
            a_campaign(session, ours, members["author"], message=message, audience=each, sender=sender)
            for each in (everybody, *small)
        ]
        large = a_running_run(session, vault, count=PEOPLE, campaign=campaigns[0], sender=sender, **STARTED)
        runs = [large, a_run(session, campaigns[1], planned=OTHERS.here, frozen=frozen(), **STARTED)]
        people = all_deliveries(session)[: OTHERS.here]
        for each in people:
            a_delivery(
                session, runs[1], contact_id=each.contact_id, address_id=each.address_id, text_id=each.text_id
            )
        for campaign in campaigns[:2]:
            add(session, LinkDay(campaign_id=campaign.id, region_id=region.id, day=NOON.date(), openings=0))
        add(
            session,
            Outcome(
                organisation_id=ours.id,
                campaign_id=campaigns[0].id,
                step="assisted",
                people=1,
                day=NOON.date(),
                partner="Shelter",
                way="form",
                recorded_at=NOON,
            ),
        )
        values["run_id"] = [run.id for run in runs]
        values["campaign_id"] = [campaign.id for campaign in campaigns]
        values["audience_id"] = [each.id for each in (everybody, *small)]
        values["message_id"].append(message.id)
        values["place_id"] = [place.id for place in hotspots]
        token = issue_token(
            session, ours.id, name="All", scopes=ApiScope, days=30, by=members["everybody else"].id
        )[1]
        session.execute(update(Contact).values(region_id=region.id))
        session.execute(update(Delivery).values(region_id=region.id, intent_at=NOON))
    return members, token, values


def inhabit(
    engine: Engine, few: Few, pages: Pages, members: dict[str, Member], token: str, values: dict[str, list[Any]]
) -> World:
    """Say in a database who is few, count its reach, and put an application before it."""
    sessions, large, small = make_sessions(engine), *values["run_id"]
    with sessions.begin() as session:
        spread(session, few, large)
        shrink(session, few, small)
        own = select(Contact).where(Contact.id.in_(select(Delivery.contact_id).where(Delivery.run_id == large)))
        contacts = session.scalars(own.order_by(Contact.id)).all()
        for contact, cell in zip(contacts, [CELLS[0]] * few.here + [CELLS[1]] * few.there, strict=False):
            contact.cell = cell
        region = a_region(session, code="PL-06", name="Lubelskie")
        last = len(contacts) - few.odd
        for contact in contacts[last:]:
            contact.language, contact.region_id = "so", region.id
        for contact in contacts[last - few.stopped : last]:
            session.execute(
                update(Address).where(Address.contact_id == contact.id).values(state=AddressState.OPTED_OUT)
            )
        write_about(session, few, contacts)
        for campaign_id in values["campaign_id"]:
            session.execute(update(LinkDay).where(LinkDay.campaign_id == campaign_id).values(openings=few.opened))
        session.execute(update(Outcome).values(people=few.assisted))
        run = session.get_one(Run, large)
        told = {"deliveries": few.failed, "people": few.here, "rows": few.left_out}
        audit.record(session, "delivery.resend", subject=run, organisation_id=pages.ours.id, **told)
        told = {"addresses": few.here, "suppressed": few.suppressed}
        audit.record(session, "reply.stop", subject=run, organisation_id=pages.ours.id, **told)
    with sessions.begin() as session:
        for run_id in values["run_id"]:
            recount_run(session, run_id)
    recount_crowds(sessions, fresh_for=timedelta(0))
    app = serve(engine)
    return World(app, Pages(app, sessions, pages.ours, pages.theirs), members, token, values)


@contextmanager
def copy_of(world: World, path: Path) -> Iterator[World]:
    """Copy a world, with its database, into a file that is not there yet."""
    database = world.pages.sessions.kw["bind"].url.database
    with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(path)) as target:
        source.backup(target)
    engine = make_engine(f"sqlite:///{path}")
    app = serve(engine)
    yield replace(world, app=app, pages=replace(world.pages, app=app, sessions=make_sessions(engine)))
    let_go(app)
    engine.dispose()


def serve(engine: Engine) -> Flask:
    """Put an application before a database, and let its pages count people themselves: no worker runs beside it.

    Else each page would say that nobody was counted yet, and be the same in all worlds whatever it shows of them.
    """
    app = create_app(page_settings(engine))
    app.config["WTF_CSRF_ENABLED"] = False
    app.jinja_env.bytecode_cache = TEMPLATES
    init_counts(app, at_once=COUNTS)
    return app


def write_about(session: Session, few: Few, contacts: Sequence[Contact]) -> None:
    """Let everybody write about one thing, few about another one, and some more today."""
    facts = {"urgency": Urgency.OTHER, "reasons": [], "channel": "sms", "last_at": NOON, "created_at": NOON}
    facts |= {"organisation_id": contacts[0].organisation_id, "state": ConversationState.ANSWERED}
    today = clock.now().date()
    for place, contact in enumerate(contacts):
        here = add(session, Conversation(contact_id=contact.id, **facts))
        said = {Theme.SHELTER: today - timedelta(days=1)}
        said |= {Theme.FOOD: today - timedelta(days=1)} if place < few.here else {}
        said |= {Theme.WORK: today} if place < 40 + few.here else {}
        for theme, day in said.items():
            row = {"theme": theme, "on_day": day, "region_id": contact.region_id}
            session.add(ConversationTheme(conversation_id=here.id, organisation_id=here.organisation_id, **row))


def spread(session: Session, few: Few, run_id: int) -> None:
    """Let the messages of the large run fare: most are delivered, few are not."""
    rows = session.scalars(select(Delivery).where(Delivery.run_id == run_id).order_by(Delivery.id)).all()
    states = [
        *[SendState.FAILED] * few.failed,
        *[SendState.UNCONFIRMED] * few.unconfirmed,
        *[SendState.UNKNOWN] * few.unknown,
        *[SendState.SUPPRESSED] * few.suppressed,
    ]
    states += [SendState.ACCEPTED] * (PEOPLE - len(states))
    undelivered = PEOPLE - few.undelivered
    for place, (row, state) in enumerate(zip(rows, states, strict=True)):
        row.send_state, row.provider_id = state, f"{PROVIDER_ID}{place}"
        row.reference = f"{REFERENCE}{place}"
        row.error = {SendState.FAILED: "21614", SendState.UNCONFIRMED: "timeout"}.get(state)
        if place == few.failed and few.canary_failed:
            row.error = "reset"
        if state is SendState.ACCEPTED:
            is_well = place < undelivered
            row.receipt_state = ReceiptState.DELIVERED if is_well else ReceiptState.UNDELIVERED
            row.receipt_error = None if is_well else "30003"
    for reason, people in (("no_address", few.left_out), ("opted_out", 41)):
        if people:
            session.add(RunLeftOut(run_id=run_id, reason=reason, region_id=0, language="en", people=people))
    session.add(
        RunCanary(
            run_id=run_id, state=CanaryState.PASSED, people=50, failed=few.canary_failed, opted_out=few.suppressed
        )
    )


def shrink(session: Session, few: Few, run_id: int) -> None:
    """Leave as many messages of the small run as there are people at its hotspot; one of them failed."""
    rows = session.scalars(select(Delivery).where(Delivery.run_id == run_id).order_by(Delivery.id)).all()
    for place, row in enumerate(rows):
        if place >= few.here:
            session.delete(row)
        row.send_state = SendState.ACCEPTED if place else SendState.FAILED
        row.provider_id, row.reference = f"{PROVIDER_ID}s{place}", f"{REFERENCE}s{place}"
    session.get_one(Run, run_id).planned = few.here


def difference(one: tuple[str, str], other: tuple[str, str]) -> str:
    """Return where two answers to one question differ, with the first lines that do, or nothing."""
    assert one[0] == other[0]
    return "" if one[1] == other[1] else "\n  ".join([one[0], *first_difference(one[1], other[1])])


def first_difference(one: str, other: str) -> tuple[str, str]:
    for mine, theirs in zip(one.splitlines(), other.splitlines(), strict=False):
        if mine != theirs:
            return mine.strip()[:300], theirs.strip()[:300]
    return f"{len(one)} characters", f"{len(other)} characters"
