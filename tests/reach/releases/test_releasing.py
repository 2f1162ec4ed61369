"""A publication of many people is counted and made by a worker, once, or not at all with its reason."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from campaigns.core import clock
from campaigns.proposals.models import Proposal, ProposalState
from campaigns.reach.releases import asked_releases
from campaigns.reach.releases.models import AskedRelease, JointRequest, Release
from campaigns.reach.releases.queries import budget_of
from campaigns.reach.releases.releasing import CLAIMED_FOR, Releasing
from campaigns.reach.releases.service import join_joint, leave_joint
from campaigns.staff.models import Organisation, Role
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


def test_few_are_counted_at_once(
    pages: Pages, monkeypatch: pytest.MonkeyPatch, partners: list[Organisation]
) -> None:
    monkeypatch.setattr(asked_releases, "FEW", 40)
    steward_of(pages, pages.ours).post(f"{PUBLICATIONS}/make", data=ASKED)
    assert len(totals(pages)) == 1
