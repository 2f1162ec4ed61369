"""What an organisation needs before its first run: a step is done by what makes it so, and by its own alone."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy.orm import Session, sessionmaker

from campaigns.audience.models import ContactImport, EntryPoint, ImportState
from campaigns.core.settings import load_settings
from campaigns.delivery.fanout.fanout import fan_out
from campaigns.example.service import Names, add_example, throw_example_away
from campaigns.members.first_steps import find_first_steps
from campaigns.members.founding import find_founding
from campaigns.messages.models import TranslationState
from campaigns.places.service import load_regions
from campaigns.planning.models import CampaignState, Run, RunState
from campaigns.planning.policy import USUAL
from campaigns.planning.runs.rehearsal import rehearse
from campaigns.staff.models import Member, Organisation, Role
from tests.factories import (
    NOON,
    a_campaign,
    a_member,
    a_message,
    a_place,
    a_run,
    a_sender,
    a_service,
    add,
    an_audience,
    an_organisation,
)
from tests.web.pages import KEYS, Pages

pytestmark = pytest.mark.one_database

MEMBERS, PLACE, SERVICE, PEOPLE, AUDIENCE, TEXT, SENDER, REHEARSAL, CAMPAIGN = range(9)


def done(session: Session, organisation: Organisation) -> set[int]:
    founding = find_founding(session, organisation.id)
    assert founding is not None
    told = KEYS | {"FINGERPOST_SECRET_TWILIO": "AC0:token", "FINGERPOST_OWNERS_TWILIO": organisation.slug}
    steps = find_first_steps(session, load_settings(told), organisation.id, founding)
    return {number for number, (_, is_done) in enumerate(steps) if is_done}


def a_file(session: Session, organisation: Organisation, state: ImportState) -> None:
    add(session, ContactImport(organisation_id=organisation.id, state=state, report={}, created_at=NOON))


def an_entry(session: Session, organisation: Organisation, **changes: object) -> None:
    add(
        session,
        EntryPoint(organisation_id=organisation.id, code="square", name="Square", created_at=NOON, **changes),
    )


def a_draft(session: Session, organisation: Organisation) -> None:
    message = a_message(session, organisation)
    for translation in message.translations:
        translation.state = TranslationState.TRANSLATED
    session.flush()


def an_approval(session: Session, organisation: Organisation) -> None:
    member = a_member(session, organisation, Role.AUTHOR)
    a_campaign(session, organisation, member, state=CampaignState.APPROVED)


def a_rehearsal(session: Session, organisation: Organisation) -> None:
    member = a_member(session, organisation, Role.AUTHOR)
    a_run(session, a_campaign(session, organisation, member), is_rehearsal=True, started_at=NOON)


def the_example(session: Session, organisation: Organisation) -> None:
    load_regions(session)
    member = a_member(session, organisation, Role.AUTHOR)
    add_example(session, organisation, names=Names("a", "b", "c", "d", "e"), by=member.id)


Make = Callable[[Session, Organisation], object]


@pytest.mark.parametrize(
    ("make", "steps"),
    [
        (lambda session, ours: a_member(session, ours, Role.ADMIN), set()),
        (lambda session, ours: a_member(session, ours, Role.APPROVER, Role.ADMIN), {MEMBERS}),
        (lambda session, ours: a_sender(session, organisation_id=ours.id), {SENDER}),
        (lambda session, ours: a_sender(session, organisation_id=ours.id, active=False), set()),
        # Its key is entered later: until then it sends nothing.
        (lambda session, ours: a_sender(session, organisation_id=ours.id, secret_name="later"), set()),
        (lambda session, ours: a_sender(session, organisation_id=None), {SENDER}),
        (lambda session, ours: a_service(session, ours), {SERVICE}),
        (lambda session, ours: a_service(session, ours, verified_on=None), set()),
        (lambda session, ours: a_file(session, ours, ImportState.DONE), {PEOPLE}),
        (lambda session, ours: a_file(session, ours, ImportState.CHECKED), set()),
        (lambda session, ours: an_entry(session, ours), {PEOPLE}),
        (lambda session, ours: an_entry(session, ours, removed_at=NOON), set()),
        (lambda session, ours: an_audience(session, ours), {AUDIENCE}),
        (lambda session, ours: a_message(session, ours), {TEXT}),
        (a_draft, set()),
        (an_approval, {SENDER, AUDIENCE, TEXT, CAMPAIGN}),
        (lambda session, ours: a_place(session, ours), {PLACE}),
        (a_rehearsal, {SENDER, AUDIENCE, TEXT, REHEARSAL}),
        # It is there to practise on, not to be counted.
        (the_example, set()),
    ],
)
def test_step_is_done_by_what_makes_it_so(session: Session, make: Make, steps: set[int]) -> None:
    ours, others = an_organisation(session), an_organisation(session)
    a_member(session, ours, Role.ADMIN)
    assert done(session, ours) == set()
    make(session, ours)
    assert done(session, ours) == steps
    # Another organisation has only what the instance shares.
    assert done(session, others) <= {SENDER}


def test_steps_stand_on_now_until_the_first_run(pages: Pages) -> None:
    admin = pages.member(Role.ADMIN)
    page = pages.client(admin).get("/").text
    assert "To the first run" in page
    assert 'href="/settings/members">A second administrator' in page
    # Who may not open a page reads what others do there.
    author = pages.client(pages.member(Role.AUTHOR)).get("/").text
    assert "A second administrator" in author
    assert 'href="/settings/members"' not in author
    assert "To the first run" not in pages.client(pages.member(Role.VIEWER)).get("/").text


def test_steps_are_put_away_and_brought_back_by_each_member(pages: Pages) -> None:
    one, other = pages.client(pages.member(Role.ADMIN, Role.AUTHOR)), pages.client(pages.member(Role.ADMIN))
    assert one.post("/now/first-steps", data={"hidden": "1"}).location == "/"
    page = one.get("/").text
    assert "To the first run" not in page
    assert "Show the steps to the first run" in page
    assert "To the first run" in other.get("/").text
    one.post("/now/first-steps", data={"hidden": "0"})
    assert "To the first run" in one.get("/").text


def test_example_comes_and_goes_by_one_button_each(pages: Pages) -> None:
    with pages.sessions.begin() as session:
        load_regions(session)
    client = pages.client(pages.member(Role.AUTHOR))
    assert "Add the example" in client.get("/").text
    campaign = client.post("/example/add").location
    page = client.get(campaign).text
    assert "This is the example." in page
    assert "Submitted" not in client.post(f"{campaign}/submit", follow_redirects=True).text
    page = client.get("/").text
    assert f'href="{campaign}#rehearsals"' in page
    # Its sender has no provider key, which is no news.
    assert "No provider key" not in page
    assert client.post("/example/throw-away").location == "/"
    assert "Add the example" in client.get("/").text
    assert client.get(campaign).status_code == 404


def test_example_that_was_kept_is_not_offered_again(pages: Pages) -> None:
    with pages.sessions.begin() as session:
        load_regions(session)
    client = pages.client(pages.member(Role.AUTHOR))
    client.post("/example/add")
    client.post("/example/keep")
    assert "Add the example" not in client.get("/").text
    # Who has the button on a page from before reads why.
    told = "Places or routes of an earlier example are yours now."
    assert told in client.post("/example/add", follow_redirects=True).text


def test_steps_go_with_founding(pages: Pages, founded: Member) -> None:
    assert "To the first run" not in pages.client(founded).get("/").text


@pytest.fixture
def founded(pages: Pages) -> Member:
    """An author whose organisation has sent something to people."""
    author = pages.member(Role.AUTHOR)
    with pages.sessions.begin() as session:
        ours = session.merge(pages.ours)
        a_run(session, a_campaign(session, ours, session.get_one(Member, author.id)), started_at=NOON)
    return author


def test_rehearsal_counts_when_the_example_is_gone(sessions: sessionmaker[Session]) -> None:
    names = Names("Message", "Correction", "Audience", "Sender", "Campaign")
    with sessions.begin() as session:
        load_regions(session)
        ours = an_organisation(session)
        by = a_member(session, ours, Role.AUTHOR).id
        run = rehearse(session, add_example(session, ours, names=names, by=by), by=by, now=NOON)
        assert REHEARSAL not in done(session, ours)
    fan_out(sessions, run.id, policy=USUAL)
    with sessions.begin() as session:
        session.get_one(Run, run.id).state = RunState.STOPPED
        ours = session.merge(ours)
        throw_example_away(session, ours, by=by)
        assert REHEARSAL in done(session, ours)
