"""A sender without a credential is never said to work: not in its list, not by the gate, not on the first page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session, sessionmaker

from campaigns.core import clock
from campaigns.core.errors import GateError
from campaigns.core.keys.crypto import Vault
from campaigns.core.settings import Mode, Settings
from campaigns.planning.gates.assessment import assess
from campaigns.planning.models import CampaignSender, CampaignState, Run, RunState
from campaigns.planning.runs.firing import fire_due, let_run_start
from campaigns.planning.runs.ticker import Clockwork
from campaigns.planning.senders.connections import fault_of, find_faults, find_unconnected, load_connections
from campaigns.planning.service import approve_campaign, submit_campaign
from campaigns.staff.credentials import load_credentials
from campaigns.staff.models import Organisation, Role
from tests.factories import NOON, a_campaign, a_member, a_run, a_sender, an_organisation
from tests.planning.story import DUE, START, a_story
from tests.web.pages import Pages, page_settings

pytestmark = pytest.mark.one_database

MISSING = "Set FINGERPOST_SECRET_ELSEWHERE to account:token."


@pytest.fixture(autouse=True)
def at_the_start(request: pytest.FixtureRequest) -> Iterator[None]:
    """Pages are drawn now, everything else on the day of the story."""
    if "pages" in request.fixturenames:
        yield
        return
    with clock.running_on(lambda: START):
        yield


@pytest.fixture
def settings(engine: Engine) -> Settings:
    # Of one organisation; pages have two, and one of these owns what is set.
    return page_settings(engine)


def test_missing_credential_is_the_fault_that_the_worker_names(session: Session, settings: Settings) -> None:
    owner = an_organisation(session).id
    known = load_credentials(session, settings)
    assert fault_of(known, a_sender(session), owner) == ""
    assert fault_of(known, a_sender(session, secret_name="elsewhere"), owner) == MISSING
    console = a_sender(session, gateway="console", secret_name="none")
    assert fault_of(known, console, owner) == ""
    live = replace(known, settings=replace(settings, mode=Mode.LIVE))
    assert "reaches nobody" in fault_of(live, console, owner)


def test_campaign_over_it_alone_is_neither_submitted_nor_approved(
    session: Session, vault: Vault, settings: Settings
) -> None:
    story = a_story(session, vault)
    story.scheduled()
    story.campaign.sender.secret_name = "elsewhere"
    digest = story.submitted()
    lacking = find_unconnected(session, settings, story.organisation.id)
    assert list(lacking) == [story.campaign.sender_id]
    with pytest.raises(GateError, match="No provider key"):
        approve_campaign(session, story.campaign, by=story.approver.id, digest=digest, unconnected=lacking)
    story.campaign.state = CampaignState.DRAFT
    with pytest.raises(GateError, match="No provider key"):
        submit_campaign(session, story.campaign, by=story.author.id, unconnected=lacking)


def test_run_over_it_alone_is_held_until_there_is_one(session: Session, vault: Vault, settings: Settings) -> None:
    story = a_story(session, vault)
    story.approved()
    lacking = partial(find_faults, replace(settings, secrets={}))
    (run,) = fire_due(session, now=DUE, find_faults=lacking)
    fired = run.state
    assert str(run.reason).startswith("No provider key: NGOINFO. Nothing can be sent over it")
    with clock.running_on(lambda: DUE):
        with pytest.raises(GateError, match="No provider key: NGOINFO"):
            let_run_start(session, run, by=story.approver.id, find_faults=lacking)
        refused = run.state
        let_run_start(session, run, by=story.approver.id, find_faults=partial(find_faults, settings))
    assert (fired, refused, run.state) == (RunState.HELD, RunState.HELD, RunState.PLANNING)


@pytest.mark.both_databases
def test_run_goes_over_the_sender_that_has_one(session: Session, vault: Vault, settings: Settings) -> None:
    story = a_story(session, vault)
    lost = a_sender(session, name="Lost", secret_name="elsewhere")
    session.add(CampaignSender(campaign_id=story.campaign.id, rank=1, sender_id=lost.id))
    session.flush()
    story.approved()
    (run,) = fire_due(session, now=DUE, find_faults=partial(find_faults, settings))
    assert (run.state, run.reason) == (RunState.PLANNING, None)


def test_clock_knows_the_credentials_of_its_instance(
    sessions: sessionmaker[Session], vault: Vault, settings: Settings
) -> None:
    with sessions.begin() as session:
        a_story(session, vault).approved()
    with clock.running_on(lambda: DUE):
        Clockwork(sessions, replace(settings, secrets={})).tick()
    with sessions() as session:
        run = session.scalars(select(Run)).one()
    assert (run.state, str(run.reason)[:15]) == (RunState.HELD, "No provider key")


def test_release_on_the_page_asks_for_them(pages: Pages, vault: Vault, settings: Settings) -> None:
    with clock.running_on(lambda: START), pages.sessions.begin() as session:
        story = a_story(session, vault, organisation=pages.ours)
        story.campaign.sender.secret_name = "elsewhere"
        story.approved()
        (run,) = fire_due(session, now=DUE, find_faults=partial(find_faults, settings))
    with clock.running_on(lambda: DUE):
        approver = pages.client(story.approver)
        page = approver.post(f"/delivery/runs/{run.id}/let-start", follow_redirects=True).text
    assert page.count("No provider key: NGOINFO") == 2
    with pages.sessions() as session:
        assert session.get_one(Run, run.id).state == RunState.HELD


def test_one_of_two_senders_only_warns(session: Session, vault: Vault) -> None:
    story = a_story(session, vault)
    senders = [a_sender(session, name="Ours"), a_sender(session, name="Other")]
    campaign = a_campaign(session, story.organisation, story.author, senders=senders)
    gates = assess(session, campaign, now=START, unconnected={senders[1].id}).gates
    gate = next(each for each in gates if each.name == "sender")
    assert (gate.passed, gate.warns) == (True, True)
    assert "No provider key: Other" in str(gate.sentence)


def test_sender_that_nobody_tried_is_not_said_to_work(session: Session, vault: Vault, settings: Settings) -> None:
    story = a_story(session, vault)
    (before,) = load_connections(session, settings, story.organisation.id)
    assert before.used_at is None
    a_run(session, story.campaign, started_at=NOON, planned=3, is_rehearsal=True)
    (rehearsed,) = load_connections(session, settings, story.organisation.id)
    assert rehearsed.used_at is None
    a_run(session, story.campaign, started_at=NOON, planned=3)
    (after,) = load_connections(session, settings, story.organisation.id)
    assert after.used_at == NOON


def test_when_others_used_a_shared_sender_is_not_told(session: Session, vault: Vault, settings: Settings) -> None:
    theirs = a_story(session, vault)
    theirs.campaign.sender.organisation_id = None
    a_run(session, theirs.campaign, started_at=NOON, planned=3)
    ours = an_organisation(session)
    used = {
        organisation.id: [each.used_at for each in load_connections(session, settings, organisation.id)]
        for organisation in (ours, theirs.organisation)
    }
    assert used == {ours.id: [None], theirs.organisation.id: [NOON]}


def test_pages_say_it(pages: Pages) -> None:
    with pages.sessions.begin() as session:
        ours = session.get_one(Organisation, pages.ours.id)
        lost = a_sender(session, name="Lost", secret_name="elsewhere", organisation_id=ours.id)
        a_sender(session, name="New", organisation_id=ours.id)
        used = a_sender(session, name="Used", organisation_id=ours.id)
        campaign = a_campaign(session, ours, a_member(session, ours), senders=[used])
        a_run(session, campaign, started_at=NOON, planned=1)
        alone = a_campaign(session, ours, a_member(session, ours), senders=[lost])
    admin, author = pages.client(pages.member(Role.ADMIN)), pages.client(pages.member(Role.AUTHOR))
    listed = admin.get("/campaigns/senders").text
    assert [listed.count(words) for words in ("No provider key", "Not tried yet", "Works")] == [1, 1, 1]
    assert MISSING in listed
    page = admin.get(f"/campaigns/senders/{lost.id}").text
    assert "No provider key yet" in page
    assert re.findall(r"FINGERPOST_\w+=[\w:]+", page) == [
        "FINGERPOST_SECRET_ELSEWHERE=account:token",
        "FINGERPOST_OWNERS_ELSEWHERE=ours",
    ]
    assert MISSING in admin.get("/").text
    assert MISSING in author.get("/").text
    assert MISSING not in pages.client(pages.member(Role.VIEWER)).get("/").text
    for path in (f"/campaigns/{alone.id}", f"/campaigns/{alone.id}/checks"):
        assert "No provider key: Lost" in author.get(path).text
