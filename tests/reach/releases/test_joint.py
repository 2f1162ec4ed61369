"""A joint release spends of each ledger what its own data manager agreed to, and of one quarter little in all."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from campaigns.core import clock
from campaigns.proposals.models import Proposal, ProposalState
from campaigns.reach.releases.models import JointRequest, Release, ScopeKind, View
from campaigns.reach.releases.privacy.disclose import EPSILON
from campaigns.reach.releases.queries import budget_of
from campaigns.reach.releases.service import Wanted, join_joint, leave_joint, make_release
from campaigns.staff.models import AuditEntry, Organisation, Role
from campaigns.staff.service import add_membership
from tests.factories import a_member, an_organisation
from tests.reach.releases.reached import SETTLED, a_done_run, reach, regions
from tests.web.pages import Pages

pytestmark = pytest.mark.one_database

QUARTER = {"view": "regions", "scope": "joint", "period": "2026-Q1"}


@pytest.fixture(autouse=True)
def in_april() -> Iterator[None]:
    with clock.running_on(lambda: SETTLED):
        yield


@pytest.fixture
def partners(pages: Pages) -> list[Organisation]:
    """Three organisations that take part and reached somebody: the one that asks, and two others."""
    with pages.sessions.begin() as session:
        third = an_organisation(session, name="Third")
        places = regions(session)
        for owner in (pages.ours, pages.theirs, third):
            reach(session, a_done_run(session, owner), places["PL-18"], 40)
            join_joint(session, owner, by=a_member(session, owner).id)
        return [pages.ours, pages.theirs, third]


def spent(pages: Pages, owners: list[Organisation]) -> list[int]:
    """Return how many releases each ledger has paid for."""
    with pages.sessions() as session:
        return [budget_of(session, owner.id, 2026).used for owner in owners]


def steward_of(pages: Pages, owner: Organisation) -> FlaskClient:
    return pages.client(pages.member(Role.STEWARD, organisation=owner))


def ask(pages: Pages, **changes: str) -> int:
    """Let a data manager of ours ask for the quarter, and return the status of the answer."""
    answer = steward_of(pages, pages.ours).post("/reach/publications/make", data=QUARTER | changes)
    return answer.status_code


def waiting(pages: Pages, owner: Organisation) -> str:
    """Return the address of what waits for an organisation's agreement."""
    with pages.sessions() as session:
        of_owner = select(Proposal.id).where(Proposal.organisation_id == owner.id)
        return f"/proposals/{session.scalars(of_owner.order_by(Proposal.id.desc()).limit(1)).one()}"


def agree(pages: Pages, owner: Organisation) -> int:
    return steward_of(pages, owner).post(f"{waiting(pages, owner)}/agree").status_code


def releases(pages: Pages) -> int:
    with pages.sessions() as session:
        return len(session.scalars(select(Release.id)).all())


def states(pages: Pages) -> list[ProposalState]:
    """Return what became of everything that was asked for, the first one first."""
    with pages.sessions() as session:
        return list(session.scalars(select(JointRequest.state).order_by(JointRequest.id)))


def test_one_data_manager_spends_no_ledger_however_often_they_ask(
    pages: Pages, partners: list[Organisation]
) -> None:
    assert [ask(pages, reason=f"Correction {number}") for number in range(10)] == [302, *[409] * 9]
    assert (spent(pages, partners), releases(pages)) == ([0, 0, 0], 0)


def test_each_ledger_pays_once_when_all_agreed(pages: Pages, partners: list[Organisation]) -> None:
    ask(pages)
    assert spent(pages, partners) == [0, 0, 0]
    assert agree(pages, partners[1]) == 302
    assert spent(pages, partners) == [0, 0, 0]
    assert agree(pages, partners[2]) == 302
    assert (spent(pages, partners), releases(pages)) == ([1, 1, 1], 1)
    with pages.sessions() as session:
        acts = session.scalars(select(AuditEntry.action).order_by(AuditEntry.id)).all()
    asked, agreed = ["proposal.make", "proposal.make", "release.ask"], ["proposal.agree", "release.make"]
    assert acts[3:] == [*asked, *agreed, "proposal.agree"]


def test_others_are_asked_on_their_first_page_by_the_name_of_who_asks(
    pages: Pages, partners: list[Organisation]
) -> None:
    ask(pages)
    steward = steward_of(pages, pages.theirs)
    page = steward.get("/").text
    assert "Joint publication" in page
    assert pages.ours.name in page
    shown = steward.get(waiting(pages, pages.theirs)).text
    assert "2026: 8" in shown
    assert "2026: 7" in shown
    assert "Joint publication" not in steward_of(pages, pages.ours).get("/").text


def test_quarter_tells_no_more_than_one_epsilon(pages: Pages, partners: list[Organisation]) -> None:
    for reason in ("", "A late import."):
        assert ask(pages, reason=reason) == 302
        assert [agree(pages, owner) for owner in partners[1:]] == [302, 302]
    assert ask(pages, reason="Once more.") == 409
    assert spent(pages, partners) == [2, 2, 2]
    assert EPSILON * 2 == 1


@pytest.mark.both_databases
def test_nothing_is_spent_when_one_refuses(pages: Pages, partners: list[Organisation]) -> None:
    ask(pages)
    assert agree(pages, partners[1]) == 302
    steward_of(pages, partners[2]).post(f"{waiting(pages, partners[2])}/refuse")
    assert (spent(pages, partners), releases(pages)) == ([0, 0, 0], 0)
    with pages.sessions() as session:
        assert session.scalars(select(JointRequest.state)).one() == ProposalState.REFUSED
    assert ask(pages) == 302


def test_what_is_taken_back_cannot_be_agreed_to(pages: Pages, partners: list[Organisation]) -> None:
    asker = steward_of(pages, pages.ours)
    page = asker.post("/reach/publications/make", data=QUARTER).location
    assert asker.post(f"{page}/take-back").status_code == 302
    assert [agree(pages, owner) for owner in partners[1:]] == [409, 409]
    assert spent(pages, partners) == [0, 0, 0]


@pytest.mark.parametrize("role", sorted(set(Role) - {Role.STEWARD}))
def test_nobody_but_a_data_manager_agrees(pages: Pages, partners: list[Organisation], role: Role) -> None:
    ask(pages)
    client = pages.client(pages.member(role, organisation=pages.theirs))
    assert client.post(f"{waiting(pages, pages.theirs)}/agree").status_code == 409
    assert steward_of(pages, pages.ours).post(f"{waiting(pages, pages.theirs)}/agree").status_code == 404


def test_stolen_session_without_the_password_agrees_to_nothing(pages: Pages, partners: list[Organisation]) -> None:
    ask(pages)
    client = steward_of(pages, pages.theirs)
    with client.session_transaction() as cookie:
        cookie["fs_paa"] -= 600
    assert "/sign-in/again" in client.post(f"{waiting(pages, pages.theirs)}/agree").location
    with pages.sessions() as session:
        assert set(session.scalars(select(Proposal.state))) == {ProposalState.WAITING}


def test_member_of_two_organisations_does_not_agree_with_themselves(
    pages: Pages, partners: list[Organisation]
) -> None:
    both = pages.member(Role.STEWARD)
    with pages.sessions.begin() as session:
        add_membership(session, session.merge(pages.theirs), session.merge(both), roles=[Role.STEWARD])
    client = pages.client(both)
    client.post("/reach/publications/make", data=QUARTER)
    client.post("/organisation", data={"organisation_id": pages.theirs.id})
    assert client.post(f"{waiting(pages, pages.theirs)}/agree").status_code == 409


def test_organisation_that_nobody_asked_pays_nothing(pages: Pages, partners: list[Organisation]) -> None:
    ask(pages)
    with pages.sessions.begin() as session:
        late = an_organisation(session, name="Late")
        join_joint(session, late, by=a_member(session, late).id)
    assert [agree(pages, owner) for owner in partners[1:]] == [302, 409]
    assert (spent(pages, [*partners, late]), releases(pages)) == ([0, 0, 0, 0], 0)


def test_organisation_that_left_pays_nothing(pages: Pages, partners: list[Organisation]) -> None:
    ask(pages)
    agree(pages, partners[1])
    with pages.sessions.begin() as session:
        leave_joint(session, session.merge(partners[1]), by=a_member(session, partners[1]).id)
    assert agree(pages, partners[2]) == 409
    assert spent(pages, partners) == [0, 0, 0]


@pytest.mark.both_databases
def test_quarter_whose_partner_left_is_asked_for_anew(pages: Pages, partners: list[Organisation]) -> None:
    ask(pages)
    agree(pages, partners[1])
    with pages.sessions.begin() as session:
        leave_joint(session, session.merge(partners[1]), by=a_member(session, partners[1]).id)
    assert ask(pages) == 302
    assert states(pages) == [ProposalState.OVERTAKEN, ProposalState.WAITING]
    assert agree(pages, partners[2]) == 302
    assert (spent(pages, partners), releases(pages)) == ([1, 0, 1], 1)


@pytest.mark.both_databases
def test_correction_that_others_paid_for_is_told_and_not_opened(
    pages: Pages, partners: list[Organisation]
) -> None:
    ask(pages)
    assert [agree(pages, owner) for owner in partners[1:]] == [302, 302]
    with pages.sessions.begin() as session:
        leave_joint(session, session.merge(partners[1]), by=a_member(session, partners[1]).id)
    ask(pages, reason="A late import.")
    assert agree(pages, partners[2]) == 302
    with pages.sessions() as session:
        first, second = session.scalars(select(Release.id).order_by(Release.id))
    left = steward_of(pages, partners[1])
    page = left.get(f"/reach/publications/{first}").text
    assert "Publication no. 2" in page
    assert f"/reach/publications/{second}" not in page
    assert left.get(f"/reach/publications/{second}").status_code == 404
    page = steward_of(pages, partners[2]).get(f"/reach/publications/{first}").text
    assert f"/reach/publications/{second}" in page


def test_quarter_that_another_joined_is_asked_for_anew(pages: Pages, partners: list[Organisation]) -> None:
    ask(pages)
    with pages.sessions.begin() as session:
        late = an_organisation(session, name="Late")
        join_joint(session, late, by=a_member(session, late).id)
    assert [ask(pages), ask(pages)] == [302, 409]
    assert [agree(pages, owner) for owner in (*partners[1:], late)] == [302, 302, 302]
    assert spent(pages, [*partners, late]) == [1, 1, 1, 1]
    assert states(pages) == [ProposalState.OVERTAKEN, ProposalState.AGREED]


def test_spent_ledger_of_one_costs_the_others_nothing(pages: Pages, partners: list[Organisation]) -> None:
    ask(pages)
    with pages.sessions.begin() as session:
        by, wanted = a_member(session, partners[1]).id, Wanted(View.REGIONS, ScopeKind.ORGANISATION, "2026-03")
        for number in range(8):
            make_release(session, partners[1], wanted, reason=f"Correction {number}", by=by)
    assert [agree(pages, owner) for owner in partners[1:]] == [302, 409]
    assert spent(pages, partners) == [0, 8, 0]


def test_whoever_lost_the_right_asks_for_nothing(pages: Pages, partners: list[Organisation]) -> None:
    asker = pages.member(Role.STEWARD)
    pages.client(asker).post("/reach/publications/make", data=QUARTER)
    with pages.sessions.begin() as session:
        session.merge(asker).memberships[0].roles = [Role.VIEWER]
    assert [agree(pages, owner) for owner in partners[1:]] == [409, 409]
    assert spent(pages, partners) == [0, 0, 0]
