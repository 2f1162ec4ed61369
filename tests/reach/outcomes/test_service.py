"""What partners tell counts once it is sound and until it is withdrawn; links count and know nobody."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from campaigns.core.errors import CellError, InputError, TransitionError
from campaigns.planning.models import Campaign
from campaigns.reach.counting.ladder import Step
from campaigns.reach.outcomes.models import LinkDay, Way
from campaigns.reach.outcomes.queries import Openings, find_link, openings_of, outcomes_of
from campaigns.reach.outcomes.service import count_opening, lead_link, record_assisted, withdraw_outcome
from campaigns.staff.models import AuditEntry
from tests.factories import NOON, a_campaign, a_member, a_region, an_organisation
from tests.moments import standing_at

pytestmark = pytest.mark.one_database


@pytest.fixture
def campaign(session: Session) -> Campaign:
    organisation = an_organisation(session, link_hosts=["help.example.org"])
    return a_campaign(session, organisation, a_member(session, organisation), code="K7")


def record(session: Session, campaign: Campaign, **changes: Any) -> Any:
    values: dict[str, Any] = {"code": "k7 ", "people": 3, "day": NOON.date(), "partner": "Shelter (invented)"}
    return record_assisted(session, campaign.organisation_id, **values | changes)


def test_reports_are_told_by_step(session: Session, campaign: Campaign) -> None:
    a_region(session)
    record(session, campaign, region_code="PL-18")
    record(session, campaign, people=2, partner="Clinic", way=Way.API, recurrent=True)
    record(session, campaign, people=9, step=Step.SIGNPOSTED)
    told = outcomes_of(session, campaign.organisation_id, campaign.id)
    assert (told[Step.ASSISTED].people, told[Step.SIGNPOSTED].people) == (5, 9)
    assert (told[Step.ASSISTED].recurrent, told[Step.ASSISTED].partners) == (2, 2)
    assert told[Step.ASSISTED].by_way == {Way.FORM: 3, Way.API: 2}


@pytest.mark.parametrize(
    "wrong",
    [
        {"code": "X9"},
        {"people": 0},
        {"people": 10**6},
        {"partner": " "},
        {"day": date(2099, 1, 1)},
        {"day": NOON.date() - timedelta(days=1)},
        {"region_code": "QQ-1"},
        {"step": Step.READ},
    ],
)
def test_what_cannot_be_is_refused(session: Session, campaign: Campaign, wrong: dict[str, Any]) -> None:
    with pytest.raises(CellError):
        record(session, campaign, **wrong)
    assert outcomes_of(session, campaign.organisation_id, campaign.id) == {}


def test_code_of_another_organisation_is_not_known(session: Session, campaign: Campaign) -> None:
    with pytest.raises(CellError):
        record_assisted(session, an_organisation(session).id, code="K7", people=1, day=NOON.date(), partner="P")


def test_withdrawn_report_counts_nowhere_and_only_once(session: Session, campaign: Campaign) -> None:
    outcome = record(session, campaign)
    withdraw_outcome(session, outcome, by=None)
    assert outcomes_of(session, campaign.organisation_id, campaign.id) == {}
    with pytest.raises(TransitionError):
        withdraw_outcome(session, outcome, by=None)
    entries = select(AuditEntry.action).where(AuditEntry.subject_type == "outcome").order_by(AuditEntry.id)
    actions = session.scalars(entries).all()
    assert actions == ["reach.record_outcome", "reach.withdraw_outcome"]


@pytest.mark.both_databases
def test_link_counts_by_region_and_day(session: Session, campaign: Campaign) -> None:
    region = a_region(session)
    lead_link(session, campaign, "https://help.example.org/a", by=campaign.created_by_id)
    link = find_link(session, "k7")
    assert link is not None
    assert link.target == "https://help.example.org/a"
    for moment, region_code in ((NOON, None), (NOON, "pl-18"), (NOON + timedelta(days=1), "PL-18"), (NOON, "ZZ")):
        with standing_at(moment):
            count_opening(session, link.campaign_id, region_code)
    openings = openings_of(session, campaign.id)
    assert openings is not None
    assert (openings.total, openings.by_region) == (4, {0: 2, region.id: 2})
    days = session.execute(select(LinkDay.day, func.sum(LinkDay.openings)).group_by(LinkDay.day))
    assert dict(days.all()) == {NOON.date(): 3, NOON.date() + timedelta(days=1): 1}
    assert {column.name for column in LinkDay.__table__.columns} == {"campaign_id", "region_id", "day", "openings"}


def test_openings_of_our_own_page_are_told_as_those_of_another(session: Session, campaign: Campaign) -> None:
    assert openings_of(session, campaign.id) is None
    count_opening(session, campaign.id)
    # Nobody said where else the address leads.
    assert openings_of(session, campaign.id) == Openings(None, 1, {0: 1})


@pytest.mark.parametrize(
    "target",
    [
        "http://help.example.org",
        "javascript:alert(1)",
        "https://",
        "https://help.example.org/go/K7",
        "https://a.example",
    ],
)
def test_link_that_is_no_page_is_refused(session: Session, campaign: Campaign, target: str) -> None:
    with pytest.raises(InputError):
        lead_link(session, campaign, target, by=campaign.created_by_id)


def test_unknown_code_leads_nowhere(session: Session, campaign: Campaign) -> None:
    assert find_link(session, "K7") is None
    assert find_link(session, "NOBODYS") is None
