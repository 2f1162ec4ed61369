"""Who on hold missed a correction is listed for a member who can settle it, until somebody did and told them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from campaigns.audience.models import Contact
from campaigns.core import clock
from campaigns.core.keys.crypto import Vault
from campaigns.delivery.corrections import missed_people
from campaigns.delivery.corrections.missed_people import Missed, count_missing, read_missed
from campaigns.delivery.corrections.service import send_correction
from campaigns.delivery.fanout.fanout import fan_out
from campaigns.delivery.models import Delivery
from campaigns.delivery.states import SendState
from campaigns.inbox.holds import settling
from campaigns.planning.do_no_harm.service import prepare_correction
from campaigns.planning.models import Run
from campaigns.planning.policy import USUAL
from campaigns.planning.service import fire_due
from campaigns.staff.models import Role
from tests.factories import a_message
from tests.planning.story import DUE, START, Story, a_story
from tests.web.pages import Pages

pytestmark = pytest.mark.one_database

PEOPLE = 6


@pytest.fixture(autouse=True)
def when_it_is_due() -> Iterator[None]:
    with clock.running_on(lambda: START):
        yield


class Scene:
    """Six people who got a wrong message, and the correction that is made when it is asked for."""

    def __init__(self, pages: Pages, story: Story, run_id: int, vault: Vault) -> None:
        self.pages, self.story, self.run_id, self.vault = pages, story, run_id, vault
        with pages.sessions() as session:
            rows = select(Delivery.contact_id).where(Delivery.run_id == run_id).order_by(Delivery.contact_id)
            self.contacts = list(session.scalars(rows))
        self.correction_id = 0

    def settle(self, position: int, verb: str) -> None:
        """Let a member decide about a person."""
        with self.pages.sessions.begin() as session:
            contact = session.get_one(Contact, self.contacts[position])
            getattr(settling, verb)(
                session, contact, by=self.story.author.id, reason="She wrote no.", vault=self.vault
            )

    def correct(self) -> None:
        with self.pages.sessions.begin() as session:
            run = session.get_one(Run, self.run_id)
            self.correction_id = send_correction(session, run, by=self.story.approver.id, reason="Wrong.").id
        fan_out(self.pages.sessions, self.correction_id, policy=USUAL)

    def page(self, *roles: Role, query: str = "") -> str:
        client = self.pages.client(self.pages.member(*roles))
        return client.get(f"/delivery/runs/{self.correction_id}/missed{query}").text

    def positions(self) -> dict[int, bool]:
        """Return who is listed, and whether they are on hold."""
        with self.pages.sessions() as session:
            found = read_missed(session, session.get_one(Run, self.correction_id)).people
        return {self.contacts.index(each.contact_id): each.is_held for each in found}

    def missing(self) -> list[int]:
        with self.pages.sessions() as session:
            return [each.people for each in count_missing(session, self.pages.ours.id, limit=8)]


@pytest.fixture
def scene(pages: Pages, vault: Vault) -> Scene:
    with pages.sessions.begin() as session:
        story = a_story(session, vault, organisation=pages.ours, people=PEOPLE)
        message = a_message(
            session, pages.ours, {"en": "Wrong number.", "uk": "Хибний номер."}, title="Correction"
        )
        prepare_correction(session, story.campaign, message_id=message.id, by=story.author.id)
        story.approved()
        (run,) = fire_due(session, now=DUE)
        run_id = run.id
    fan_out(pages.sessions, run_id, policy=USUAL)
    with pages.sessions.begin() as session:
        session.execute(update(Delivery).values(send_state=SendState.ACCEPTED))
    return Scene(pages, story, run_id, vault)


def test_those_on_hold_are_listed_and_counted(scene: Scene) -> None:
    scene.settle(1, "put_on_hold")
    scene.settle(2, "opt_out")
    scene.correct()
    assert scene.positions() == {1: True}
    assert scene.missing() == [1]


def test_hold_that_comes_before_the_call_is_listed(scene: Scene) -> None:
    scene.correct()
    scene.settle(3, "put_on_hold")
    assert scene.positions() == {3: True}
    assert scene.missing() == [1]


def test_who_got_the_correction_before_the_hold_missed_nothing(scene: Scene) -> None:
    scene.correct()
    with scene.pages.sessions.begin() as session:
        session.execute(update(Delivery).values(send_state=SendState.ACCEPTED))
    scene.settle(3, "put_on_hold")
    assert (scene.positions(), scene.missing()) == ({}, [])


@pytest.mark.both_databases
def test_who_never_got_what_was_wrong_is_not_listed(scene: Scene) -> None:
    with scene.pages.sessions.begin() as session:
        mine = update(Delivery).where(Delivery.contact_id == scene.contacts[4])
        session.execute(mine.values(send_state=SendState.FAILED))
    scene.settle(4, "put_on_hold")
    scene.correct()
    assert (scene.positions(), scene.missing()) == ({}, [])


def test_who_is_released_stays_on_the_list_and_waits_no_more(scene: Scene) -> None:
    """Nothing is sent anew when a hold ends, so somebody has to tell them."""
    scene.settle(0, "put_on_hold")
    scene.settle(1, "put_on_hold")
    scene.correct()
    with clock.running_on(lambda: START + timedelta(hours=1)):
        scene.settle(0, "end_hold")
        scene.settle(1, "opt_out")
    assert (scene.positions(), scene.missing()) == ({0: False}, [])


def test_pages_go_on_after_the_last_one(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(missed_people, "PER_PAGE", 2)
    for position in range(5):
        scene.settle(position, "put_on_hold")
    scene.correct()
    with clock.running_on(lambda: START + timedelta(hours=1)):
        scene.settle(1, "end_hold")
    seen, after = list[Missed](), 0
    with scene.pages.sessions() as session:
        run = session.get_one(Run, scene.correction_id)
        for size in (2, 2, 1):
            found = read_missed(session, run, after=after)
            assert len(found.people) == size
            seen, after = seen + found.people, found.next_after or 0
    assert after == 0
    assert seen == [Missed(scene.contacts[position], position != 1) for position in range(5)]
    assert f"after={scene.contacts[1]}" in scene.page(Role.RESPONDER)


def test_each_is_a_link_to_where_it_is_settled(scene: Scene) -> None:
    scene.settle(1, "put_on_hold")
    scene.settle(2, "opt_out")
    scene.correct()
    # A data manager reads how many they are, however few.
    page = scene.page(Role.RESPONDER, Role.STEWARD)
    assert f"/audience/contacts/{scene.contacts[1]}" in page
    assert f"/audience/contacts/{scene.contacts[0]}" not in page
    assert "1 person got what was wrong and has opted out" in page
    assert "+380" not in page
    # A responder alone does not even learn that it is somebody.
    assert "opted out: they are not written to" not in scene.page(Role.RESPONDER)


def test_run_page_and_first_page_lead_there(scene: Scene) -> None:
    scene.settle(1, "put_on_hold")
    scene.correct()
    there = f"/delivery/runs/{scene.correction_id}/missed"
    responder = scene.pages.client(scene.pages.member(Role.RESPONDER, Role.STEWARD))
    assert responder.get(f"/delivery/runs/{scene.correction_id}").text.count(there) == 2
    first = responder.get("/").text
    assert "1 person on hold missed a correction" in first
    assert there in first
    author = scene.pages.client(scene.pages.member(Role.AUTHOR))
    assert there not in author.get(f"/delivery/runs/{scene.correction_id}").text
    assert there not in author.get("/").text
    scene.settle(1, "end_hold")
    assert "missed a correction" not in responder.get("/").text


def test_other_runs_and_organisations_have_no_such_page(scene: Scene) -> None:
    scene.settle(1, "put_on_hold")
    scene.correct()
    responder = scene.pages.client(scene.pages.member(Role.RESPONDER))
    assert responder.get(f"/delivery/runs/{scene.run_id}/missed").status_code == 404
    stranger = scene.pages.client(scene.pages.member(Role.RESPONDER, organisation=scene.pages.theirs))
    assert stranger.get(f"/delivery/runs/{scene.correction_id}/missed").status_code == 404
    assert "missed a correction" not in stranger.get("/").text
