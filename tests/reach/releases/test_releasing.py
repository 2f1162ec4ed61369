"""A publication of many people is counted and made by a worker, once, or not at all with its reason."""

from __future__ import annotations

import re
import threading
import time
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from campaigns.core import clock
from campaigns.proposals.models import Proposal, ProposalState
from campaigns.reach.releases import asked_releases, releasing
from campaigns.reach.releases.models import AskedRelease, JointRequest, Release
from campaigns.reach.releases.queries import budget_of
from campaigns.reach.releases.releasing import CLAIMED_FOR, GIVEN_UP_AFTER, Releasing
from campaigns.reach.releases.service import Planned, count_true, join_joint, leave_joint
from campaigns.staff.models import AuditEntry, Organisation, Role
from tests.factories import a_member
from tests.reach.releases.reached import MARCH, SETTLED, a_done_run, no_noise, reach, regions
from tests.web.counting import counting
from tests.web.pages import Pages

pytestmark = pytest.mark.one_database

PUBLICATIONS = "/reach/publications"
ASKED = {"view": "regions", "scope": "organisation", "period": MARCH}
JOINT = {"view": "regions", "scope": "joint", "period": "2026-Q1"}
#: What reads deliveries, addresses or themes, unless it ends after some thousands.
OF_ALL = re.compile(r"(?s)^(?=.*\b(?:FROM|JOIN) (?:delivery|address|conversation_theme)\b)(?!.*\bLIMIT\b)")


@pytest.fixture(autouse=True)
def many(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Forty people are too many to be counted while a member waits; it is April."""
    monkeypatch.setattr(asked_releases, "FEW", 10)
    with clock.running_on(lambda: SETTLED):
        yield


@pytest.fixture
def partners(pages: Pages) -> list[Organisation]:
    """Two organisations that take part in joint publications, each with forty people reached."""
    with pages.sessions.begin() as session:
        places = regions(session)
        for owner in (pages.ours, pages.theirs):
            reach(session, a_done_run(session, owner, planned=40), places["PL-18"], 40)
            join_joint(session, owner, by=a_member(session, owner).id)
    return [pages.ours, pages.theirs]


def steward_of(pages: Pages, owner: Organisation) -> FlaskClient:
    return pages.client(pages.member(Role.STEWARD, organisation=owner))


def work(pages: Pages) -> int:
    return Releasing(pages.sessions, lambda: False, no_noise()).release()


def due_at(pages: Pages) -> datetime:
    with pages.sessions() as session:
        due = session.scalars(select(AskedRelease.due_at)).one()
    assert due is not None
    return due


def totals(pages: Pages) -> list[int]:
    with pages.sessions() as session:
        return list(session.scalars(select(Release.total)))


def spent(pages: Pages, owners: list[Organisation]) -> list[int]:
    with pages.sessions() as session:
        return [budget_of(session, owner.id, 2026).used for owner in owners]


def agreeing(pages: Pages) -> str:
    """Let ours ask for a joint publication, and return where theirs agrees to it."""
    assert steward_of(pages, pages.ours).post(f"{PUBLICATIONS}/make", data=JOINT).status_code == 302
    with pages.sessions() as session:
        return f"/proposals/{session.scalars(select(Proposal.id).order_by(Proposal.id.desc())).first()}/agree"


@pytest.mark.both_databases
def test_worker_counts_while_nobody_waits(pages: Pages, partners: list[Organisation]) -> None:
    steward = steward_of(pages, pages.ours)
    with counting(pages, OF_ALL) as found:
        address = steward.post(f"{PUBLICATIONS}/make", data=ASKED).location
        page = steward.get(address).text
    assert found == []
    assert "The people are being counted." in page
    assert address in steward.get(PUBLICATIONS).text
    assert (totals(pages), spent(pages, partners)) == ([], [0, 0])
    assert work(pages) == 1
    assert (totals(pages), spent(pages, partners)) == ([40], [1, 0])
    assert steward.get(address, headers={"HX-Request": "true"}).headers["HX-Refresh"] == "true"
    assert "40</td>" in steward.get(address, follow_redirects=True).text
    assert work(pages) == 0


def test_what_waits_is_asked_for_once(pages: Pages, partners: list[Organisation]) -> None:
    steward = steward_of(pages, pages.ours)
    first, second = (steward.post(f"{PUBLICATIONS}/make", data=ASKED).location for _ in range(2))
    assert first == second
    assert work(pages) == 1
    assert spent(pages, partners) == [1, 0]


def test_another_reason_is_not_lost_in_silence(pages: Pages, partners: list[Organisation]) -> None:
    steward = steward_of(pages, pages.ours)
    steward.post(f"{PUBLICATIONS}/make", data=ASKED | {"reason": "Towns were wrong."})
    answer = steward.post(f"{PUBLICATIONS}/make", data=ASKED | {"reason": "Villages were wrong."})
    assert answer.status_code == 409
    assert "for another reason already" in answer.text


def test_page_says_since_when_no_worker_came(pages: Pages, partners: list[Organisation]) -> None:
    steward = steward_of(pages, pages.ours)
    address = steward.post(f"{PUBLICATIONS}/make", data=ASKED).location
    assert "It has waited since" not in steward.get(address).text
    with clock.running_on(lambda: SETTLED + timedelta(minutes=2)):
        assert "It has waited since" in steward.get(address).text
        Releasing(pages.sessions, lambda: False, no_noise())._claim()
        assert "It has waited since" not in steward.get(address).text


def test_others_see_nothing_of_it(pages: Pages, partners: list[Organisation]) -> None:
    address = steward_of(pages, pages.ours).post(f"{PUBLICATIONS}/make", data=ASKED).location
    assert steward_of(pages, pages.theirs).get(address).status_code == 404


def test_whoever_lost_the_right_publishes_nothing(pages: Pages, partners: list[Organisation]) -> None:
    asker = pages.member(Role.STEWARD)
    address = pages.client(asker).post(f"{PUBLICATIONS}/make", data=ASKED).location
    with pages.sessions.begin() as session:
        session.merge(asker).memberships[0].roles = [Role.VIEWER]
    assert work(pages) == 1
    assert spent(pages, partners) == [0, 0]
    assert "Not published" in steward_of(pages, pages.ours).get(PUBLICATIONS).text
    page = steward_of(pages, pages.ours).get(address).text
    assert "Whoever asked for this publication may not publish any more." in page


@pytest.mark.parametrize(("who", "told"), [("ours", "Whoever asked"), ("theirs", "Whoever agreed")])
def test_joint_one_of_whoever_lost_the_right_is_not_made(
    pages: Pages, partners: list[Organisation], who: str, told: str
) -> None:
    members = {side: pages.member(Role.STEWARD, organisation=getattr(pages, side)) for side in ("ours", "theirs")}
    pages.client(members["ours"]).post(f"{PUBLICATIONS}/make", data=JOINT)
    with pages.sessions() as session:
        proposal_id = session.scalars(select(Proposal.id)).one()
    pages.client(members["theirs"]).post(f"/proposals/{proposal_id}/agree")
    with pages.sessions.begin() as session:
        session.merge(members[who]).memberships[0].roles = [Role.VIEWER]
    assert work(pages) == 1
    assert totals(pages) == []
    with pages.sessions() as session:
        request_id = session.scalars(select(JointRequest.id)).one()
    page = steward_of(pages, pages.ours).get(f"{PUBLICATIONS}/joint/{request_id}").text
    assert f"{told} " in page.partition("nothing was spent.")[2]


@pytest.mark.both_databases
def test_joint_one_is_counted_after_the_last_has_agreed(pages: Pages, partners: list[Organisation]) -> None:
    address = agreeing(pages)
    with counting(pages, OF_ALL) as found:
        assert steward_of(pages, pages.theirs).post(address).status_code == 302
    assert found == []
    with pages.sessions() as session:
        request = session.scalars(select(JointRequest)).one()
    assert request.state == ProposalState.WAITING
    page = f"{PUBLICATIONS}/joint/{request.id}"
    assert "Waits for another member" not in steward_of(pages, pages.ours).get(PUBLICATIONS).text
    assert "The people are being counted." in steward_of(pages, pages.ours).get(page).text
    assert work(pages) == 1
    assert (totals(pages), spent(pages, partners)) == ([80], [1, 1])
    assert "Open the publication" in steward_of(pages, pages.ours).get(page).text


def test_joint_one_whose_partner_left_may_be_asked_for_anew(pages: Pages, partners: list[Organisation]) -> None:
    steward_of(pages, pages.theirs).post(agreeing(pages))
    with pages.sessions.begin() as session:
        theirs = session.merge(pages.theirs)
        leave_joint(session, theirs, by=a_member(session, theirs).id)
    assert work(pages) == 1
    assert spent(pages, partners) == [0, 0]
    with pages.sessions.begin() as session:
        request = session.scalars(select(JointRequest)).one()
        join_joint(session, session.merge(pages.theirs), by=a_member(session, pages.theirs).id)
    assert request.state == ProposalState.OVERTAKEN
    page = steward_of(pages, pages.ours).get(f"{PUBLICATIONS}/joint/{request.id}").text
    assert "It was not published, and nothing was spent." in page
    assert agreeing(pages)


def test_joint_one_that_was_taken_back_is_not_made(pages: Pages, partners: list[Organisation]) -> None:
    steward_of(pages, pages.theirs).post(agreeing(pages))
    with pages.sessions() as session:
        request_id = session.scalars(select(JointRequest.id)).one()
    steward_of(pages, pages.ours).post(f"{PUBLICATIONS}/joint/{request_id}/take-back")
    work(pages)
    assert (totals(pages), spent(pages, partners)) == ([], [0, 0])
    page = steward_of(pages, pages.ours).get(f"{PUBLICATIONS}/joint/{request_id}").text
    assert "Being counted" not in page
    assert "Then it is published by itself." not in page


@pytest.mark.both_databases
def test_count_of_a_dead_worker_is_made_by_another(pages: Pages, partners: list[Organisation]) -> None:
    steward_of(pages, pages.ours).post(f"{PUBLICATIONS}/make", data=ASKED)
    dead = Releasing(pages.sessions, lambda: False, no_noise())
    claimed = dead._claim()
    assert claimed is not None
    assert work(pages) == 0
    with clock.running_on(lambda: SETTLED + CLAIMED_FOR + timedelta(seconds=1)):
        assert work(pages) == 1
    # It was not dead, only slow.
    dead._make(claimed, Counter())
    assert spent(pages, partners) == [1, 0]
    with pages.sessions() as session:
        assert session.scalars(select(AskedRelease.due_at)).one() is None


def test_what_nobody_counted_in_time_is_not_made(pages: Pages, partners: list[Organisation]) -> None:
    steward = steward_of(pages, pages.ours)
    address = steward.post(f"{PUBLICATIONS}/make", data=ASKED).location
    with clock.running_on(lambda: SETTLED + GIVEN_UP_AFTER + timedelta(seconds=1)):
        assert work(pages) == 1
    assert totals(pages) == []
    assert "Nobody counted its people in time. Ask again." in steward.get(address).text


def test_what_waits_for_a_longer_count_is_made_after_it(
    pages: Pages, monkeypatch: pytest.MonkeyPatch, partners: list[Organisation]
) -> None:
    steward, moment = steward_of(pages, pages.ours), [SETTLED]
    for view in ("regions", "channels"):
        steward.post(f"{PUBLICATIONS}/make", data=ASKED | {"view": view})

    def count_long(session: Session, planned: Planned) -> Counter[str]:
        moment[0] += GIVEN_UP_AFTER + timedelta(seconds=1)
        return count_true(session, planned)

    monkeypatch.setattr(releasing, "count_true", count_long)
    with clock.running_on(lambda: moment[0]):
        assert work(pages) == 2
    assert totals(pages) == [40, 40]


@pytest.mark.both_databases
def test_what_was_taken_back_is_not_made(pages: Pages, partners: list[Organisation]) -> None:
    steward = steward_of(pages, pages.ours)
    address = steward.post(f"{PUBLICATIONS}/make", data=ASKED).location
    counting_it = Releasing(pages.sessions, lambda: False, no_noise())
    claimed = counting_it._claim()
    assert claimed is not None
    assert f"{address}/take-back" in steward.get(address).text
    assert "It was taken back." in steward.post(f"{address}/take-back", follow_redirects=True).text
    counting_it._make(claimed, counting_it._count(claimed))
    assert (work(pages), totals(pages), spent(pages, partners)) == (0, [], [0, 0])
    assert f"{address}/take-back" not in steward.get(address).text
    assert steward.post(f"{address}/take-back").status_code == 409


@pytest.mark.both_databases
def test_worker_that_stops_leaves_it_to_another_at_once(
    pages: Pages, monkeypatch: pytest.MonkeyPatch, partners: list[Organisation]
) -> None:
    steward_of(pages, pages.ours).post(f"{PUBLICATIONS}/make", data=ASKED)
    stops = threading.Event()

    def count_for_ever(session: Session, planned: Planned) -> Counter[str]:
        stops.set()
        forever = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT 1 FROM n) SELECT count(*) FROM n"
        session.execute(text(forever))
        raise AssertionError

    with monkeypatch.context() as patched:
        patched.setattr(releasing, "LOOK_SECONDS", 0.05)
        patched.setattr(releasing, "count_true", count_for_ever)
        assert Releasing(pages.sessions, stops.is_set, no_noise()).release() == 0
    assert work(pages) == 1
    assert totals(pages) == [40]


def test_worker_whose_count_is_long_keeps_it(
    pages: Pages, monkeypatch: pytest.MonkeyPatch, partners: list[Organisation]
) -> None:
    steward_of(pages, pages.ours).post(f"{PUBLICATIONS}/make", data=ASKED)
    later, others = SETTLED + 2 * CLAIMED_FOR, list[int]()

    def count_long(session: Session, planned: Planned) -> Counter[str]:
        with clock.running_on(lambda: later):
            while due_at(pages) < later:
                time.sleep(0.01)
            others.append(work(pages))
        return count_true(session, planned)

    monkeypatch.setattr(releasing, "BEAT_SECONDS", 0.02)
    monkeypatch.setattr(releasing, "count_true", count_long)
    assert work(pages) == 1
    assert (others, totals(pages)) == ([0], [40])


def test_fault_of_ours_is_met_thrice_and_then_told(
    pages: Pages, monkeypatch: pytest.MonkeyPatch, partners: list[Organisation]
) -> None:
    steward = steward_of(pages, pages.ours)
    address = steward.post(f"{PUBLICATIONS}/make", data=ASKED).location
    met: Counter[str] = Counter()

    def fail(session: Session, planned: Planned) -> Counter[str]:
        met["fault"] += 1
        raise ZeroDivisionError

    monkeypatch.setattr(releasing, "count_true", fail)
    assert (work(pages), work(pages), met["fault"]) == (1, 0, 3)
    assert "Tell whoever runs it, then ask again." in steward.get(address).text


@pytest.mark.both_databases
def test_list_tells_what_was_not_made_until_it_is_asked_for_again(
    pages: Pages, partners: list[Organisation]
) -> None:
    steward = steward_of(pages, pages.ours)
    address = steward.post(f"{PUBLICATIONS}/make", data=ASKED).location
    assert "Not published" not in steward.get(PUBLICATIONS).text
    steward.post(f"{address}/take-back")
    page = steward.get(PUBLICATIONS).text
    assert "Being counted" not in page
    assert address in page.partition("Not published")[2]
    again = steward.post(f"{PUBLICATIONS}/make", data=ASKED).location
    page = steward.get(PUBLICATIONS).text
    assert "Not published" not in page
    assert again in page.partition("Being counted")[2]


def test_audit_tells_who_asked_and_what_was_not_made(pages: Pages, partners: list[Organisation]) -> None:
    steward = steward_of(pages, pages.ours)
    address = steward.post(f"{PUBLICATIONS}/make", data=ASKED).location
    steward.post(f"{address}/take-back")
    steward.post(f"{PUBLICATIONS}/make", data=ASKED)
    with clock.running_on(lambda: SETTLED + GIVEN_UP_AFTER + timedelta(seconds=1)):
        work(pages)
    with pages.sessions() as session:
        of_asked = select(AuditEntry).where(AuditEntry.subject_type == AskedRelease.__tablename__)
        told = [
            (each.action, each.member_id is None) for each in session.scalars(of_asked.order_by(AuditEntry.id))
        ]
    asked = ("release.ask_count", False)
    assert told == [asked, ("release.take_back", False), asked, ("release.refuse", True)]


def test_few_are_counted_at_once(
    pages: Pages, monkeypatch: pytest.MonkeyPatch, partners: list[Organisation]
) -> None:
    monkeypatch.setattr(asked_releases, "FEW", 40)
    steward_of(pages, pages.ours).post(f"{PUBLICATIONS}/make", data=ASKED)
    assert len(totals(pages)) == 1
