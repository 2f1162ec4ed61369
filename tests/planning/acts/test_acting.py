"""An act waits for an exact count of its people, and is then done whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session, sessionmaker

from campaigns.audience.models import Address, AddressState, Audience
from campaigns.core import clock
from campaigns.core.errors import ChangedError, ForbiddenError, RefusedError, TransitionError
from campaigns.core.keys.crypto import Vault
from campaigns.core.settings import load_settings
from campaigns.planning import service
from campaigns.planning.acts.acting import CLAIMED_FOR, Acting
from campaigns.planning.acts.asked_acts import GIVEN_UP_AFTER, ask_act, find_asked
from campaigns.planning.acts.models import Act, AskedAct
from campaigns.planning.approvals.approved_people import ApprovedPeople
from campaigns.planning.estimates.counted_people import CountedPeople
from campaigns.planning.models import Approval, Campaign, CampaignState, Run, RunState, Sender
from campaigns.planning.policy import USUAL
from campaigns.planning.queries import find_approval
from campaigns.staff.models import Membership
from tests.factories import safeguarded
from tests.planning.story import DUE, START, Story, a_story, more_people

pytestmark = [pytest.mark.one_database, pytest.mark.usefixtures("at_the_start")]

SETTINGS = load_settings({"FINGERPOST_MODE": "demo", "FINGERPOST_SECRET_TWILIO": "AC0:token"})


@pytest.fixture
def story(sessions: sessionmaker[Session], vault: Vault) -> Story:
    with sessions.begin() as session:
        story = a_story(session, vault, people=5)
        story.scheduled()
        safeguarded(session, story.campaign, story.reader)
    return story


def acting(sessions: sessionmaker[Session], **changes: Any) -> Acting:
    usual: dict[str, Any] = {"may_go_on": lambda _: True, "part": 2}
    return Acting(sessions, SETTINGS, **(usual | changes))


def ask(sessions: sessionmaker[Session], story: Story, act: Act, by: int, **values: Any) -> None:
    with sessions.begin() as session:
        campaign = session.get_one(Campaign, story.campaign.id)
        run_id = values.pop("run_id", None)
        run = session.get_one(Run, run_id) if run_id else None
        ask_act(session, act, campaign, by=by, run=run, policy=USUAL, now=clock.now(), **values)


def state(sessions: sessionmaker[Session], story: Story) -> CampaignState:
    with sessions() as session:
        return session.get_one(Campaign, story.campaign.id).state


def refusal(sessions: sessionmaker[Session], story: Story) -> str:
    with sessions() as session:
        asked = find_asked(session, session.get_one(Campaign, story.campaign.id))
        assert asked is not None
        assert asked.due_at is None
        return str(asked.refusal)


def approved_people(sessions: sessionmaker[Session], story: Story) -> int:
    with sessions() as session:
        campaign = session.get_one(Campaign, story.campaign.id)
        approval = find_approval(session, campaign)
        assert approval is not None
        return approval.people


def submitted(sessions: sessionmaker[Session], story: Story) -> None:
    ask(sessions, story, Act.SUBMIT, story.author.id)
    assert acting(sessions).act() == 1
    assert state(sessions, story) == CampaignState.SUBMITTED


@pytest.mark.parametrize("as_urgent", [True, False])
def test_approval_as_urgent_waits_for_its_count_too(
    sessions: sessionmaker[Session], story: Story, as_urgent: bool
) -> None:
    with sessions.begin() as session:
        session.get_one(Campaign, story.campaign.id).urgent_reason = "The border closes."
    submitted(sessions, story)
    ask(sessions, story, Act.APPROVE, story.approver.id, as_urgent=as_urgent)
    assert acting(sessions).act() == 1
    with sessions() as session:
        assert session.scalars(select(Approval.as_urgent)).one() is as_urgent


@pytest.mark.parametrize("is_claimed", [False, True])
@pytest.mark.parametrize("as_urgent", [True, False])
def test_who_asks_again_says_anew_whether_it_is_urgent(
    sessions: sessionmaker[Session], story: Story, as_urgent: bool, is_claimed: bool
) -> None:
    with sessions.begin() as session:
        session.get_one(Campaign, story.campaign.id).urgent_reason = "The border closes."
    submitted(sessions, story)
    ask(sessions, story, Act.APPROVE, story.approver.id, as_urgent=not as_urgent)

    def ask_again(_: float = 0) -> bool:
        ask(sessions, story, Act.APPROVE, story.approver.id, as_urgent=as_urgent)
        return True

    if not is_claimed:
        ask_again()
    assert acting(sessions, may_go_on=ask_again).act() == 1
    with sessions() as session:
        assert session.scalars(select(Approval.as_urgent)).one() is as_urgent


@pytest.mark.both_databases
def test_act_waits_for_its_count_and_keeps_the_same_people(
    sessions: sessionmaker[Session], story: Story, vault: Vault
) -> None:
    """What an approval keeps after a count in parts is what it keeps when it counts itself."""
    submitted(sessions, story)
    ask(sessions, story, Act.APPROVE, story.approver.id)
    assert state(sessions, story) == CampaignState.SUBMITTED
    assert acting(sessions).act() == 1
    assert state(sessions, story) == CampaignState.APPROVED

    def kept() -> tuple[int, str, list[tuple[int, int]]]:
        with sessions() as session:
            approval = find_approval(session, session.get_one(Campaign, story.campaign.id))
            assert approval is not None
            mine = select(ApprovedPeople.block, ApprovedPeople.bits).where(
                ApprovedPeople.approval_id == approval.id
            )
            blocks = [(block, bits) for block, bits in session.execute(mine.order_by(ApprovedPeople.block))]
            return approval.people, approval.digest, blocks

    after_parts = kept()
    assert after_parts[0] == 5
    with sessions.begin() as session:
        campaign = session.get_one(Campaign, story.campaign.id)
        service.take_back_campaign(session, campaign, by=story.author.id)
        digest = service.submit_campaign(session, campaign, by=story.author.id).content.digest
        service.approve_campaign(session, campaign, by=story.approver.id, digest=digest)
    assert kept() == after_parts
    with sessions() as session:
        assert session.scalar(select(func.count()).select_from(AskedAct)) == 0


def test_held_run_starts_after_a_count(sessions: sessionmaker[Session], story: Story) -> None:
    with sessions.begin() as session:
        campaign = session.get_one(Campaign, story.campaign.id)
        digest = service.submit_campaign(session, campaign, by=story.author.id).content.digest
        service.approve_campaign(session, campaign, by=story.approver.id, digest=digest)
        late = DUE + timedelta(hours=3)
        (run,) = service.fire_due(session, now=late)
        assert run.state == RunState.HELD
    with clock.running_on(lambda: late):
        ask(sessions, story, Act.START, story.approver.id, run_id=run.id)
        assert acting(sessions).act() == 1
    with sessions() as session:
        assert session.get_one(Run, run.id).state == RunState.PLANNING
        assert session.scalar(select(func.count()).select_from(Approval)) == 2


def change_rule(session: Session, story: Story) -> None:
    audience = session.get_one(Audience, story.campaign.audience_id)
    audience.rule = audience.rule | {"languages": ["uk"]}


def change_text(session: Session, story: Story) -> None:
    session.get_one(Campaign, story.campaign.id).max_parts += 1


@pytest.mark.parametrize(
    ("act", "change", "when"),
    [
        (Act.SUBMIT, change_rule, "while"),
        (Act.APPROVE, change_rule, "before"),
        (Act.APPROVE, change_rule, "while"),
        (Act.APPROVE, change_text, "while"),
    ],
)
def test_rule_that_changes_meanwhile_is_not_decided_on(
    sessions: sessionmaker[Session], story: Story, change: Callable[[Session, Story], None], act: Act, when: str
) -> None:
    if act is Act.APPROVE:
        submitted(sessions, story)
    before = state(sessions, story)
    ask(sessions, story, act, story.approver.id if act is Act.APPROVE else story.author.id)
    looks: list[int] = []

    def look(_: float) -> bool:
        if not looks:
            with sessions.begin() as session:
                change(session, story)
        looks.append(1)
        return True

    if when == "before":
        look(0)
    assert acting(sessions, may_go_on=look).act() == 1
    assert state(sessions, story) == before
    assert "It was changed while its people were counted." in refusal(sessions, story)
    with sessions() as session:
        assert session.scalar(select(func.count()).select_from(Approval)) == 0


def test_figure_is_of_one_moment(sessions: sessionmaker[Session], story: Story, vault: Vault) -> None:
    """Who stops while others are counted is counted as they were before; nobody is told of half of it."""
    submitted(sessions, story)
    ask(sessions, story, Act.APPROVE, story.approver.id)

    def stop_all(_: float) -> bool:
        with sessions.begin() as session:
            session.execute(update(Address).values(state=AddressState.OPTED_OUT))
        return True

    acting(sessions, may_go_on=stop_all).act()
    assert approved_people(sessions, story) == 5


def test_sender_that_is_switched_off_meanwhile_lets_it_count_again(
    sessions: sessionmaker[Session], story: Story, vault: Vault
) -> None:
    submitted(sessions, story)
    ask(sessions, story, Act.APPROVE, story.approver.id)

    def switch_off(_: float) -> bool:
        with sessions.begin() as session:
            session.execute(update(Sender).values(active=False))
        return True

    assert acting(sessions, may_go_on=switch_off).act() == 1
    assert state(sessions, story) == CampaignState.SUBMITTED
    assert refusal(sessions, story)


def slowly_approved(
    sessions: sessionmaker[Session],
    story: Story,
    vault: Vault,
    monkeypatch: pytest.MonkeyPatch,
    *,
    counting: timedelta,
    waiting: Sequence[timedelta],
) -> None:
    """Ask for an approval; each count takes so long, and after it something else holds it up for so long."""
    submitted(sessions, story)
    ask(sessions, story, Act.APPROVE, story.approver.id)
    moment, waits, count = [START], iter(waiting), Acting._count

    def count_slowly(self: Acting, asked: AskedAct, at: datetime) -> CountedPeople | None:
        counted = count(self, asked, at)
        moment[0] += counting
        return counted

    def do_late(self: Acting, *given: Any, **named: Any) -> object:
        with sessions.begin() as session:
            more_people(replace(story, session=session), vault, 1)
        moment[0] += next(waits)
        return do(self, *given, **named)

    do = Acting._do
    monkeypatch.setattr(Acting, "_count", count_slowly)
    monkeypatch.setattr(Acting, "_do", do_late)
    with clock.running_on(lambda: moment[0]):
        assert acting(sessions).act() == 1


NONE, LONG = timedelta(), timedelta(minutes=3)


def test_old_figure_is_counted_anew(
    sessions: sessionmaker[Session], story: Story, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    slowly_approved(sessions, story, vault, monkeypatch, counting=NONE, waiting=[LONG, NONE])
    assert approved_people(sessions, story) == 6


def test_long_count_is_not_too_old_at_its_end(
    sessions: sessionmaker[Session], story: Story, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    slowly_approved(sessions, story, vault, monkeypatch, counting=LONG, waiting=[timedelta(minutes=2)])
    assert approved_people(sessions, story) == 5


def test_what_is_held_up_after_each_count_says_so(
    sessions: sessionmaker[Session], story: Story, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    slowly_approved(sessions, story, vault, monkeypatch, counting=NONE, waiting=[LONG] * 3)
    assert "It took too long" in refusal(sessions, story)


def test_worker_that_dies_leaves_nothing_half_done(
    sessions: sessionmaker[Session], story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    submitted(sessions, story)
    ask(sessions, story, Act.APPROVE, story.approver.id)
    with monkeypatch.context() as patch:
        # All is written but the end of the transaction.
        patch.setattr(Session, "delete", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            acting(sessions).act()
    assert state(sessions, story) == CampaignState.SUBMITTED
    with sessions() as session:
        assert session.scalar(select(func.count()).select_from(Approval)) == 0
    assert acting(sessions).act() == 0
    with clock.running_on(lambda: START + CLAIMED_FOR + timedelta(seconds=1)):
        assert acting(sessions).act() == 1
    assert state(sessions, story) == CampaignState.APPROVED


def test_worker_that_stops_gives_it_back(sessions: sessionmaker[Session], story: Story) -> None:
    ask(sessions, story, Act.SUBMIT, story.author.id)
    assert acting(sessions, may_go_on=lambda _: False).act() == 0
    assert state(sessions, story) == CampaignState.DRAFT
    assert acting(sessions).act() == 1
    assert state(sessions, story) == CampaignState.SUBMITTED


@pytest.mark.both_databases
def test_what_nobody_counted_in_time_is_not_done_later(sessions: sessionmaker[Session], story: Story) -> None:
    ask(sessions, story, Act.SUBMIT, story.author.id)
    with clock.running_on(lambda: START + GIVEN_UP_AFTER + timedelta(seconds=1)):
        assert acting(sessions).act() == 1
    assert state(sessions, story) == CampaignState.DRAFT
    assert "Nobody counted its people in time." in refusal(sessions, story)


def test_what_waits_for_a_longer_count_is_done_after_it(
    sessions: sessionmaker[Session], story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    with sessions.begin() as session:
        copied = service.duplicate_campaign(
            session, session.get_one(Campaign, story.campaign.id), by=story.author.id
        )
        other = replace(story, session=session, campaign=copied)
        other.scheduled()
        safeguarded(session, copied, story.reader)
    moment, count = [START], Acting._count

    def count_slowly(self: Acting, asked: AskedAct, at: datetime) -> CountedPeople | None:
        counted = count(self, asked, at)
        moment[0] += GIVEN_UP_AFTER + timedelta(seconds=1)
        return counted

    monkeypatch.setattr(Acting, "_count", count_slowly)
    with clock.running_on(lambda: moment[0]):
        ask(sessions, story, Act.SUBMIT, story.author.id)
        ask(sessions, other, Act.SUBMIT, other.author.id)
        assert acting(sessions).act() == 2
    assert [state(sessions, each) for each in (story, other)] == [CampaignState.SUBMITTED] * 2


@pytest.mark.both_databases
def test_what_needs_no_count_is_refused_at_once(sessions: sessionmaker[Session], story: Story) -> None:
    with pytest.raises(TransitionError):
        ask(sessions, story, Act.APPROVE, story.approver.id)
    submitted(sessions, story)
    with pytest.raises(ForbiddenError):
        ask(sessions, story, Act.APPROVE, story.author.id)
    with pytest.raises(ChangedError):
        ask(sessions, story, Act.APPROVE, story.approver.id, digest="of another day")


def test_second_who_asks_waits_for_the_first(sessions: sessionmaker[Session], story: Story) -> None:
    submitted(sessions, story)
    for _ in range(2):
        ask(sessions, story, Act.APPROVE, story.approver.id)
    with pytest.raises(RefusedError, match="asked before"):
        ask(sessions, story, Act.APPROVE, story.reader.id)


def test_member_who_lost_the_right_meanwhile_is_refused(sessions: sessionmaker[Session], story: Story) -> None:
    submitted(sessions, story)
    ask(sessions, story, Act.APPROVE, story.approver.id)
    with sessions.begin() as session:
        session.execute(
            update(Membership).where(Membership.member_id == story.approver.id).values(roles=["author"])
        )
    assert acting(sessions).act() == 1
    assert state(sessions, story) == CampaignState.SUBMITTED
    assert "Your roles do not allow this." in refusal(sessions, story)
