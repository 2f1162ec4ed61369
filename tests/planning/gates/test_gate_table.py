"""Every gate is red for its reason and green again, and stops what it has to stop."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from campaigns.audience.models import Address, Channel
from campaigns.core.errors import GateError
from campaigns.core.keys.crypto import Vault
from campaigns.core.settings import PROJECT_ROOT
from campaigns.core.written_text import digest_of_wordings
from campaigns.planning import service
from campaigns.planning.gates.assessment import assess, assess_start
from campaigns.planning.gates.frequency import with_fatigue
from campaigns.planning.gates.safety import FOR_APPROVERS
from campaigns.planning.labels import GATES
from campaigns.planning.models import CampaignSender, CampaignState
from campaigns.planning.policy import USUAL
from tests.factories import a_sender
from tests.planning.gates.gate_cases import (
    CASES,
    Act,
    Case,
    in_a_country_with_a_number,
    numbers_of,
    over,
    ukrainian,
)
from tests.planning.story import START, Story, a_story

pytestmark = [pytest.mark.one_database, pytest.mark.usefixtures("at_the_start")]

#: Gates that only warn.
NEVER_CLOSED = {"coverage", "fatigue", "typed"}
README = PROJECT_ROOT / "campaigns" / "planning" / "README.md"
by_gate = pytest.mark.parametrize("case", CASES, ids=lambda case: case.gate)


@pytest.fixture
def story(session: Session, vault: Vault) -> Story:
    story = a_story(session, vault)
    story.scheduled()
    return story


def is_green(story: Story, gate: str) -> bool:
    found = {each.name: each.passed for each in assess(story.session, story.campaign, now=START).gates}
    # A gate that has nothing to ask is not there.
    return found.get(gate, True)


@pytest.mark.both_databases
@by_gate
def test_gate_is_red_then_green(story: Story, case: Case) -> None:
    assert is_green(story, case.gate)
    case.close(story)
    assert not is_green(story, case.gate)
    case.open(story)
    assert is_green(story, case.gate)


@by_gate
def test_red_gate_stops_submission_and_approval(story: Story, case: Case) -> None:
    case.close(story)
    # The checklist is not for those who submit: whoever approves answers it.
    with nullcontext() if case.gate in FOR_APPROVERS else pytest.raises(GateError):
        service.submit_campaign(story.session, story.campaign, by=story.author.id)
    story.campaign.state = CampaignState.SUBMITTED
    digest = assess(story.session, story.campaign, now=START).content.digest
    with pytest.raises(GateError):
        service.approve_campaign(story.session, story.campaign, by=story.approver.id, digest=digest)


@pytest.mark.parametrize("case", [case for case in CASES if case.at_start], ids=lambda case: case.gate)
def test_red_gate_stops_a_start(story: Story, case: Case) -> None:
    case.close(story)
    start = assess_start(story.session, story.campaign, story.campaign.schedules[0], now=START)
    assert case.gate in {gate.name for gate in start.red}


@pytest.mark.both_databases
def test_every_gate_has_a_title_and_a_case(story: Story) -> None:
    over(Channel.WHATSAPP)(story)
    found = assess(story.session, story.campaign, now=START)
    names = {gate.name for gate in with_fatigue(story.campaign, found, [], None).gates}
    assert names - {*GATES} == set()
    assert names - {case.gate for case in CASES} == NEVER_CLOSED


def test_only_what_goes_out_over_a_name_needs_the_link(story: Story) -> None:
    story.campaign.sender.identity, policy = "NGOINFO", replace(USUAL, pages="https://info.example")

    def is_open() -> bool:
        found = assess(story.session, story.campaign, now=START, policy=policy).gates
        return next(each.passed for each in found if each.name == "stop")

    assert not is_open()
    base = story.campaign.message.translations[0]
    for each in story.campaign.message.translations:
        # The text for all channels goes out over those alone that can be answered.
        each.wordings = {"sms": f"{each.text} ((stop))"}
        each.source_digest = digest_of_wordings(base.text, base.wordings)
    story.session.flush()
    assert is_open()


@pytest.mark.parametrize(
    ("gate", "text", "sms", "where"),
    [
        (
            "signposts",
            "Паспорт. ((hotline??консульство))",
            "Паспорт. ((hotline))",
            in_a_country_with_a_number(False),
        ),
        ("link", "((hotline)) ((link??сайт))", "((hotline)) ((link))", numbers_of("UA")),
        ("place", "((hotline)) ((place??місто))", "((hotline)) ((place))", numbers_of("UA")),
        ("country", "Паспорт. ((hotline))", "Паспорт. bit.ly/abc", numbers_of("PL")),
    ],
)
def test_words_for_sms_are_what_gates_read(story: Story, gate: str, text: str, sms: str, where: Act) -> None:
    """Whoever gets these words gets nothing, or what a country forbids, however good the text for all is."""
    where(story)
    ukrainian(text=text)(story)
    assert is_green(story, gate)
    ukrainian(wordings={"sms": sms})(story)
    assert not is_green(story, gate)


@pytest.mark.parametrize("channel", [Channel.SMS, Channel.TELEGRAM])
def test_words_of_another_channel_count_for_those_whom_it_writes_to(story: Story, channel: Channel) -> None:
    in_a_country_with_a_number(False)(story)
    words = {"text": "Паспорт. ((hotline??консульство))", "wordings": {"telegram": "Паспорт. ((hotline))"}}
    ukrainian(**words)(story)
    bot = a_sender(story.session, channel=Channel.TELEGRAM)
    story.session.add(CampaignSender(campaign_id=story.campaign.id, rank=1, sender_id=bot.id))
    story.session.execute(update(Address).values(channel=channel))
    story.session.flush()
    assert is_green(story, "signposts") == (channel is Channel.SMS)


def test_readme_has_the_table() -> None:
    rows = [
        line.split(" | ") for line in README.read_text(encoding="utf-8").splitlines() if line.startswith("| `")
    ]
    assert {(row[0].strip("| `"), row[1]) for row in rows} == {(case.gate, case.sentence) for case in CASES}
