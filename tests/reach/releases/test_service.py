"""Releases are made of closed periods, once, within the budget, and never change; both databases see to it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import DatabaseError
from sqlalchemy.orm import Session

from campaigns.audience.models import Channel
from campaigns.core import clock
from campaigns.core.errors import AlreadyReleasedError, BudgetError, InputError, OpenPeriodError
from campaigns.core.keys.crypto import Vault
from campaigns.delivery.states import ReceiptState
from campaigns.proposals.models import Proposal
from campaigns.proposals.service import agree
from campaigns.reach.releases.documents.document import read_document
from campaigns.reach.releases.joint import JOINT_RELEASE, ask_for_joint, proposals_of, publish_when_agreed
from campaigns.reach.releases.models import LedgerEntry, Release, ReleaseFile, ScopeKind, View
from campaigns.reach.releases.queries import budget_of
from campaigns.reach.releases.service import Wanted, join_joint, leave_joint, make_release, plan_release
from campaigns.staff.models import AuditEntry, Organisation, Role
from tests.factories import a_campaign, a_contact, a_member, a_schedule, an_address, an_organisation
from tests.reach.releases.reached import (
    IN_MARCH,
    MARCH,
    SETTLED,
    a_done_run,
    no_noise,
    reach,
    reach_again,
    regions,
)

pytestmark = pytest.mark.one_database

APRIL = datetime(2026, 4, 2, tzinfo=UTC)
OF_QUARTER = Wanted(View.REGIONS, ScopeKind.JOINT, "2026-Q1")
OF_MARCH = Wanted(View.REGIONS, ScopeKind.ORGANISATION, MARCH)


@pytest.fixture(autouse=True)
def in_april() -> Iterator[None]:
    with clock.running_on(lambda: SETTLED):
        yield


@pytest.fixture
def ours(session: Session) -> Organisation:
    return an_organisation(session, name="Ours")


def released(session: Session, ours: Organisation, wanted: Wanted = OF_MARCH, reason: str = "") -> Release:
    member = a_member(session, ours)
    return make_release(session, ours, wanted, reason=reason, by=member.id, below=no_noise())


def agreed(session: Session, ours: Organisation, theirs: Organisation) -> Release:
    """Release the first quarter jointly: one organisation asks and the other one agrees."""
    stewards = [a_member(session, owner, Role.STEWARD).id for owner in (ours, theirs)]
    request = ask_for_joint(session, ours, OF_QUARTER, reason="", by=stewards[0])
    [proposal] = proposals_of(session, request)
    release = None

    def apply(session: Session, proposal: Proposal, by: int) -> None:
        nonlocal release
        release = publish_when_agreed(session, request, by=by, below=no_noise())

    agree(session, proposal, replace(JOINT_RELEASE, apply=apply), by=stewards[1])
    assert release is not None
    return release


def figures(release: Release) -> dict[str, int]:
    return {row["key"]: row["people"] for row in read_document(release.body)["rows"] if row["people"] is not None}


def test_person_counts_once_where_first_reached(session: Session, ours: Organisation) -> None:
    places, run = regions(session), a_done_run(session, ours)
    again = a_done_run(session, ours)
    people = reach(session, run, places["PL-18"], 20)
    for person in people:
        reach_again(session, again, places["UA-30"], person, at=IN_MARCH + timedelta(days=2))
    assert figures(released(session, ours)) == {"PL-18": 20}


def test_only_the_period_and_what_reached_counts(session: Session, ours: Organisation) -> None:
    places, run = regions(session), a_done_run(session, ours)
    reach(session, run, places["PL-18"], 15)
    reach(session, run, places["PL-06"], 15, at=APRIL)
    reach(session, run, places["UA-46"], 15, receipt_state=ReceiptState.UNDELIVERED)
    reach(session, a_done_run(session, ours, is_rehearsal=True), places["UA-30"], 15)
    reach(session, a_done_run(session, an_organisation(session)), places["UA-30"], 15)
    assert figures(released(session, ours)) == {"PL-18": 15}


def test_telegram_counts_what_its_server_took(session: Session, ours: Organisation) -> None:
    places, run = regions(session), a_done_run(session, ours)
    reach(session, run, places["PL-18"], 15, channel=Channel.TELEGRAM, receipt_state=None)
    reach(session, run, places["PL-06"], 15, receipt_state=None)
    assert figures(released(session, ours)) == {"PL-18": 15}


def test_every_leaf_is_listed_and_small_ones_fold(session: Session, ours: Organisation) -> None:
    places, run = regions(session), a_done_run(session, ours)
    for code, people in (("PL-18", 6), ("PL-06", 5), ("UA-46", 9), ("FR-75", 12)):
        reach(session, run, places[code], people)
    reach(session, run, None, 3)
    release = released(session, ours)
    rows = read_document(release.body)["rows"]
    assert figures(release) == {"PL": 10, "elsewhere": 10, "*": 10}
    assert len([row for row in rows if row["kind"] == "leaf"]) == 320
    assert {row["key"]: row["counted_in"] for row in rows if row["key"] in ("PL-18", "UA-46", "unknown")} == {
        "PL-18": "PL",
        "UA-46": "*",
        "unknown": "*",
    }
    assert release.total == 30


@pytest.mark.parametrize(("view", "key"), [(View.CHANNELS, "PL/whatsapp"), (View.LANGUAGES, "PL/other")])
def test_channels_and_languages_stop_at_the_country(
    session: Session, ours: Organisation, view: View, key: str
) -> None:
    places, run = regions(session), a_done_run(session, ours)
    reach(session, run, places["PL-18"], 9, channel=Channel.WHATSAPP)
    reach(session, run, places["PL-06"], 9, channel=Channel.WHATSAPP)
    release = released(session, ours, Wanted(view, ScopeKind.ORGANISATION, MARCH))
    assert figures(release) == {key: 20}
    assert b"PL-18" not in release.body


@pytest.mark.both_databases
def test_campaign_is_released_after_its_end(session: Session, ours: Organisation) -> None:
    places, run = regions(session), a_done_run(session, ours)
    reach(session, run, places["PL-18"], 15, at=IN_MARCH - timedelta(seconds=1))
    reach(session, a_done_run(session, ours), places["PL-06"], 15)
    run.created_at = IN_MARCH - timedelta(days=1)
    wanted = Wanted(View.REGIONS, ScopeKind.CAMPAIGN, campaign=run.campaign)
    assert figures(released(session, ours, wanted)) == {"PL-18": 15}


@pytest.mark.both_databases
def test_campaign_that_goes_on_is_refused(session: Session, ours: Organisation) -> None:
    run = a_done_run(session, ours)
    a_schedule(session, run.campaign, next_fire_at=SETTLED + timedelta(days=1))
    wanted = Wanted(View.REGIONS, ScopeKind.CAMPAIGN, campaign=run.campaign)
    with pytest.raises(OpenPeriodError, match="This campaign is not over"):
        released(session, ours, wanted)
    never = a_campaign(session, ours, a_member(session, ours))
    with pytest.raises(InputError, match="has not run yet"):
        released(session, ours, Wanted(View.REGIONS, ScopeKind.CAMPAIGN, campaign=never))


def test_open_period_is_refused_with_its_day(session: Session, ours: Organisation) -> None:
    with pytest.raises(OpenPeriodError, match=r"until 2026-05-04 \(UTC\)"):
        released(session, ours, Wanted(View.REGIONS, ScopeKind.ORGANISATION, "2026-04"))
    assert budget_of(session, ours.id, 2026).used == 0


def test_second_release_needs_a_reason_and_costs_again(session: Session, ours: Organisation) -> None:
    first = released(session, ours)
    with pytest.raises(AlreadyReleasedError, match="say what it corrects"):
        released(session, ours)
    second = released(session, ours, reason="A late import of receipts.")
    assert (first.revision, second.revision) == (1, 2)
    assert read_document(second.body)["reason"] == "A late import of receipts."
    assert budget_of(session, ours.id, 2026).used == 2


def test_ninth_release_of_a_year_is_refused(session: Session, ours: Organisation) -> None:
    for number in range(8):
        released(session, ours, reason=f"Correction {number}")
    with pytest.raises(BudgetError, match="The yearly limit of Ours for 2026 is used up"):
        released(session, ours, reason="One more")
    assert budget_of(session, ours.id, 2026).left == 0
    assert figures(released(session, ours, Wanted(View.REGIONS, ScopeKind.ORGANISATION, "2025-12"))) == {}


def test_database_has_no_room_for_a_ninth_entry(session: Session, ours: Organisation) -> None:
    release = released(session, ours)
    entry = {"organisation_id": ours.id, "year": 2026, "release_id": release.id}
    with pytest.raises(DatabaseError):
        session.execute(insert(LedgerEntry), [entry | {"slot": 9}])


@pytest.mark.both_databases
@pytest.mark.parametrize("model", [Release, ReleaseFile, LedgerEntry])
@pytest.mark.parametrize("is_removal", [False, True])
def test_database_refuses_to_change_what_is_frozen(
    session: Session, ours: Organisation, model: type, is_removal: bool
) -> None:
    released(session, ours)
    column = "slot" if model is LedgerEntry else "sha256"
    act = delete(model) if is_removal else update(model).values({column: 7})
    with pytest.raises(DatabaseError, match="never changed"):
        session.execute(act)


def test_release_leaves_one_entry_without_figures(session: Session, ours: Organisation) -> None:
    reach(session, a_done_run(session, ours), regions(session)["PL-18"], 1234)
    release = released(session, ours)
    entries = session.scalars(select(AuditEntry).where(AuditEntry.action == "release.make")).all()
    assert [entry.subject_id for entry in entries] == [release.id]
    assert "12" not in str(entries[0].detail | {"scope_id": 0})


@pytest.mark.both_databases
def test_joint_release_counts_a_person_of_two_organisations_once(
    session: Session, ours: Organisation, vault: Vault
) -> None:
    theirs, places = an_organisation(session, name="Theirs"), regions(session)
    for number in range(24):
        for owner, region in ((ours, "PL-18"), (theirs, "PL-06")):
            contact = a_contact(session, owner)
            # Half of them the two know on different channels of one phone.
            channel = Channel.WHATSAPP if owner is theirs and number % 2 else Channel.SMS
            an_address(session, contact, vault, channel=channel, number=f"+3805012345{number:02}")
            moment = IN_MARCH + timedelta(hours=owner is theirs)
            reach_again(session, a_done_run(session, owner), places[region], contact.id, at=moment)
        join_joint(session, (ours, theirs)[number % 2], by=a_member(session, ours).id)
    release = agreed(session, ours, theirs)
    assert figures(release) == {"PL-18": 25}
    assert read_document(release.body)["scope"]["organisations"] == ["Ours", "Theirs"]
    assert [budget_of(session, owner.id, 2026).used for owner in (ours, theirs)] == [1, 1]


@pytest.mark.parametrize(
    ("view", "period", "sentence"),
    [(View.REGIONS, MARCH, "by quarter"), (View.CHANNELS, "2026-Q1", "by region only")],
)
def test_joint_releases_are_few(
    session: Session, ours: Organisation, view: View, period: str, sentence: str
) -> None:
    with pytest.raises(InputError, match=sentence):
        plan_release(session, ours, Wanted(view, ScopeKind.JOINT, period))


def test_joint_release_needs_a_partner(session: Session, ours: Organisation) -> None:
    theirs = an_organisation(session)
    for owner in (ours, theirs):
        join_joint(session, owner, by=a_member(session, owner).id)
    leave_joint(session, theirs, by=a_member(session, theirs).id)
    with pytest.raises(InputError, match="at least one other"):
        plan_release(session, ours, OF_QUARTER)
