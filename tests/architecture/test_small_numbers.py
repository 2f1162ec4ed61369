"""Nothing that anybody but a data manager may open depends on how few people few are, nor shows a single message.

Two databases are alike in all but small numbers: where one has two people at a hotspot, failed messages or stops,
the other has five, or one has nobody and the other three; every number of twenty or more rounds to the same. So
each page, file and answer must be the same in both, letter by letter. It walks the URL map, as test_permissions.py
does.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import product
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, delete, select, update
from sqlalchemy.orm import Session

from campaigns.app import create_app
from campaigns.audience.models import Contact
from campaigns.core import clock
from campaigns.core.crypto import Vault
from campaigns.core.database import make_engine, make_sessions
from campaigns.delivery.models import CanaryState, Delivery, RunCanary, RunLeftOut
from campaigns.delivery.states import ReceiptState, SendState
from campaigns.places.models import PlaceCell
from campaigns.planning.models import Run, RunState
from campaigns.reach.crowds import recount_crowds
from campaigns.reach.outcomes.models import LinkDay, Outcome
from campaigns.reach.service import recount_run
from campaigns.schema import metadata
from campaigns.staff import audit
from campaigns.staff.models import Member, Membership, Role
from campaigns.staff.tokens import ApiScope, issue_token
from tests.architecture.samples import make_samples
from tests.architecture.test_permissions import address_of, read_table
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
from tests.web.pages import Pages, make_pages, page_settings

HOUR = timedelta(hours=1)
#: People of the large run; every part of them that is not few rounds to the same in both worlds.
PEOPLE = 121
STARTED = {"state": RunState.RUNNING, "started_at": NOON}
#: Cells of the two hotspots.
CELLS = (0x871E1D000FFFFFF, 0x871E1D001FFFFFF)
#: What stands in a row and must stand on no page.
PROVIDER_ID, REFERENCE = "SMofoneperson", "referenceofone"
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
    assisted: int
    opened: int


FEW = Few(3, 4, 2, 5, 1, 4, 1, here=2, there=0, assisted=3, opened=2)
OTHERS = Few(5, 2, 4, 2, 3, 9, 4, here=5, there=3, assisted=7, opened=5)


@dataclass
class World:
    """One of the two databases behind an application of its own."""

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


@pytest.fixture(scope="module", autouse=True)
def at_one_moment() -> Iterator[None]:
    with clock.running_on(lambda: NOON + HOUR):
        yield


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, World]]:
    folder, vault = tmp_path_factory.mktemp("worlds"), Vault(keys={1: b"k" * 32}, lookup_key=b"l" * 32)
    first = make_engine(f"sqlite:///{folder / 'first.db'}")
    metadata.create_all(first)
    with make_pages(first) as pages:
        members, token, values = build(pages, vault)
    first.dispose()
    shutil.copy(folder / "first.db", folder / "second.db")
    engines = [make_engine(f"sqlite:///{folder / name}.db") for name in ("first", "second")]
    yield tuple(  # type: ignore[misc]
        inhabit(engine, few, pages, members, token, values)
        for engine, few in zip(engines, (FEW, OTHERS), strict=True)
    )
    for engine in engines:
        engine.dispose()


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
            for each in (everybody, small[0])
        ]
        large = a_running_run(session, vault, count=PEOPLE, campaign=campaigns[0], sender=sender, **STARTED)
        runs = [large, a_run(session, campaigns[1], planned=OTHERS.here, frozen=frozen(), **STARTED)]
        people = all_deliveries(session)[: OTHERS.here]
        for each in people:
            a_delivery(
                session, runs[1], contact_id=each.contact_id, address_id=each.address_id, text_id=each.text_id
            )
        for campaign in campaigns:
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
        token = issue_token(session, ours.id, name="All", scopes=ApiScope, days=30, by=members["author"].id)[1]
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
        for campaign_id in values["campaign_id"]:
            session.execute(update(LinkDay).where(LinkDay.campaign_id == campaign_id).values(openings=few.opened))
        session.execute(update(Outcome).values(people=few.assisted))
        run = session.get_one(Run, large)
        told = {"deliveries": few.failed, "people": few.here, "rows": few.left_out}
        audit.record(session, "delivery.resend", subject=run, organisation_id=pages.ours.id, **told)
    with sessions.begin() as session:
        for run_id in values["run_id"]:
            recount_run(session, run_id)
    recount_crowds(sessions, fresh_for=timedelta(0))
    app = serve(engine)
    return World(app, Pages(app, sessions, pages.ours, pages.theirs), members, token, values)


def serve(engine: Engine) -> Flask:
    app = create_app(page_settings(engine))
    app.config["WTF_CSRF_ENABLED"] = False
    return app


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
        if state is SendState.ACCEPTED:
            is_well = place < undelivered
            row.receipt_state = ReceiptState.DELIVERED if is_well else ReceiptState.UNDELIVERED
            row.receipt_error = None if is_well else "30003"
    for reason, people in (("no_address", few.left_out), ("opted_out", 41)):
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


def addresses(world: World) -> Iterator[tuple[str, str]]:
    """Yield the method and address of everything that is read, each kind of thing under every name it has."""
    for rule in world.app.url_map.iter_rules():
        if "GET" in (rule.methods or ()) and rule.endpoint not in NOT_WALKED:
            names = sorted(rule.arguments)
            for chosen in product(*(world.values[name] for name in names)):
                yield rule.endpoint, address_of(world.app, rule, dict(zip(names, chosen, strict=True)))
    here, there = world.values["place_id"]
    run = world.values["run_id"][0]
    for place in (here, there):
        yield "audience.preview", f"/audience/preview?place_ids={place}"
    for audience in world.values["audience_id"]:
        yield "planning.coverage.show", f"/campaigns/languages/{world.values['message_id'][1]}?audience={audience}"
    for query in ("all=1&cause=timeout", "all=1&language=en", "all=1&country=UA&channel=sms", "chosen=1"):
        yield "delivery.rows.resend", f"/delivery/runs/{run}/resend?{query}"
    yield "delivery.rows.index", f"/delivery/runs/{run}/deliveries?state=failed"


#: Ends the session; answers the time; is signed for somebody else.
NOT_WALKED = {"static", "security.logout"}


def read(world: World, who: str) -> Iterator[tuple[str, str]]:
    """Yield each address and what it answers somebody, without what differs from one answer to the next."""
    stranger, client = world.app.test_client(), world.client(who)
    for endpoint, address in addresses(world):
        if endpoint.startswith("api_"):
            answer = stranger.get(address, headers={"Authorization": f"Bearer {world.token}"})
        else:
            answer = client.get(address)
        assert answer.status_code < 500, f"{address} answered {answer.status}"
        yield address, f"{answer.status} {answer.headers.get('Location', '')} {BY_ITSELF.sub('', answer.text)}"


def difference(one: tuple[str, str], other: tuple[str, str]) -> str:
    """Return where two answers to one address differ, with the first lines that do, or nothing."""
    assert one[0] == other[0]
    return "" if one[1] == other[1] else "\n  ".join([one[0], *first_difference(one[1], other[1])])


def first_difference(one: str, other: str) -> tuple[str, str]:
    for mine, theirs in zip(one.splitlines(), other.splitlines(), strict=False):
        if mine != theirs:
            return mine.strip()[:300], theirs.strip()[:300]
    return f"{len(one)} characters", f"{len(other)} characters"


@pytest.mark.parametrize("who", ["author", "viewer", "everybody else"])
def test_nothing_depends_on_how_few_people_are(worlds: tuple[World, World], who: str) -> None:
    leaks, now = [], clock.now()
    # A minute that ends between two answers is no leak.
    with clock.running_on(lambda: now):
        for one, other in zip(read(worlds[0], who), read(worlds[1], who), strict=True):
            leaks.append(difference(one, other))
            address, text = one
            assert PROVIDER_ID not in text, address
            assert REFERENCE not in text, address
            assert "/deliveries" not in address or text.startswith("403"), address
    assert not any(leaks), "\n".join(filter(None, leaks))


def test_data_managers_see_what_others_do_not(worlds: tuple[World, World]) -> None:
    """What is hidden is there: else the walk would be blind."""
    steward = worlds[0].pages.member(Role.STEWARD)
    client, run = worlds[0].pages.client(steward), worlds[0].values["run_id"][0]
    assert PROVIDER_ID in client.get(f"/delivery/runs/{run}/deliveries/{first_row(worlds[0], run)}").text
    assert f'<span class="figure-number">{FEW.failed}</span>' in client.get(f"/delivery/runs/{run}").text
    # The worlds stay alike, in whichever order these tests run.
    with worlds[0].pages.sessions.begin() as session:
        session.execute(delete(Membership).where(Membership.member_id == steward.id))


def first_row(world: World, run_id: int) -> int:
    with world.pages.sessions() as session:
        return session.scalars(select(Delivery.id).where(Delivery.run_id == run_id).order_by(Delivery.id)).first()


@pytest.mark.parametrize("name", ["shown", "figure", "coarse", "rounded"])
def test_the_walk_sees_a_leak(worlds: tuple[World, World], monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Each way to write a number is planted as a leak, one at a time.

    In applications of their own: what templates import keeps the filters that it saw first, so that a leak would
    miss it where a page was read before, and outlive the test where none was.
    """
    leaky = [world.behind(serve(world.pages.sessions.kw["bind"])) for world in worlds]
    for world in leaky:
        monkeypatch.setitem(world.app.jinja_env.filters, name, lambda count: count)
    pairs = zip(read(leaky[0], "author"), read(leaky[1], "author"), strict=True)
    assert next((found for pair in pairs if (found := difference(*pair))), None)


def test_every_kind_of_page_is_walked(worlds: tuple[World, World]) -> None:
    walked = {endpoint for endpoint, _ in addresses(worlds[0])}
    readable = {endpoint for endpoint, method in read_table() if method == "GET"}
    assert readable - NOT_WALKED <= walked


def test_no_file_lists_contacts_messages_or_conversations(worlds: tuple[World, World]) -> None:
    """None is given out; whoever adds one asks for a data manager with a fresh password, and says so here."""
    steps = ("audience.contacts.", "delivery.", "inbox", "settling.")
    files = {
        rule.endpoint
        for rule in worlds[0].app.url_map.iter_rules()
        if rule.endpoint.startswith(steps) and re.search(r"\.(csv|xlsx|json|pdf|txt)$|export|download", rule.rule)
    }
    # Shows the columns, and holds nobody.
    assert files == {"audience.contacts.example"}
