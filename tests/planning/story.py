"""A campaign that is ready to be sent: two members, reviewed texts, people who agreed, a verified service."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.audience.models import Channel
from campaigns.core.keys.crypto import Vault
from campaigns.places.models import Region
from campaigns.planning.models import Campaign, CampaignState, Decision, Schedule, ZonePolicy
from campaigns.planning.policy import USUAL, Policy
from campaigns.planning.queries import find_approval, load_content
from campaigns.planning.schedules.recurrence import Timing
from campaigns.planning.service import approve_campaign, schedule_campaign, submit_campaign
from campaigns.staff.models import Member, Organisation, Role
from tests.factories import (
    a_campaign,
    a_contact,
    a_member,
    a_message,
    a_region,
    a_sender,
    a_service,
    an_address,
    an_organisation,
    safeguarded,
)

#: A Monday in winter, when Warsaw is one hour ahead of UTC.
START = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
EVENING = Timing(datetime(2026, 3, 2, 18, 0), None, ZonePolicy.FIXED, "Europe/Warsaw")
#: When EVENING fires.
DUE = datetime(2026, 3, 2, 17, 0, tzinfo=UTC)


@dataclass
class Story:
    """The rows of a ready campaign; each step of its life is one call."""

    session: Session
    organisation: Organisation
    author: Member
    approver: Member
    campaign: Campaign
    #: Answers the checklist.
    reader: Member

    def in_session(self, session: Session) -> Story:
        """Return the same in another session."""
        return Story(
            session,
            session.merge(self.organisation),
            session.merge(self.author),
            session.merge(self.approver),
            session.get_one(Campaign, self.campaign.id),
            session.merge(self.reader),
        )

    def scheduled(self, timing: Timing = EVENING, **limits: int) -> Schedule:
        """Give the campaign a time."""
        return schedule_campaign(self.session, self.campaign, timing=timing, by=self.author.id, **limits)

    def submitted(self, policy: Policy = USUAL) -> str:
        """Submit it, its checklist answered anew, and return the digest that the approver reads."""
        safeguarded(self.session, self.campaign, self.reader)
        return submit_campaign(self.session, self.campaign, by=self.author.id, policy=policy).content.digest

    def approved(self, timing: Timing = EVENING, *, policy: Policy = USUAL, **limits: int) -> Schedule:
        """Schedule, submit and approve it."""
        schedule = self.scheduled(timing, **limits)
        digest = self.submitted(policy)
        approve_campaign(self.session, self.campaign, by=self.approver.id, digest=digest, policy=policy)
        return schedule

    def is_sound(self) -> bool:
        """Whether the campaign is approved only with exactly the content that an approval in force names."""
        self.session.refresh(self.campaign)
        approval = find_approval(self.session, self.campaign)
        if self.campaign.state != CampaignState.APPROVED:
            return approval is None
        assert approval is not None
        return (
            approval.decision == Decision.APPROVED
            and approval.digest == load_content(self.session, self.campaign).digest
        )


def a_story(
    session: Session,
    vault: Vault,
    *,
    people: int = 3,
    zones: tuple[str, ...] = ("Europe/Warsaw",),
    organisation: Organisation | None = None,
    is_safeguarded: bool = True,
) -> Story:
    """Make a campaign of `people` Ukrainian readers in Podkarpackie, spread over `zones`.

    Its checklist is answered and its correction prepared, unless that is what a test is about.
    """
    organisation = organisation or an_organisation(session)
    author, approver = a_member(session, organisation), a_member(session, organisation, Role.APPROVER)
    region = a_region(session)
    texts = {"en": "Keep your passport. Help: ((hotline))", "uk": "Паспорт тримайте при собі. ((hotline))"}
    message = a_message(session, organisation, texts)
    for translation in message.translations:
        translation.translator_id, translation.reviewer_id = author.id, approver.id
    a_service(session, organisation)
    for number in range(people):
        contact = a_contact(session, organisation, region_id=region.id, time_zone=zones[number % len(zones)])
        an_address(session, contact, vault, number=f"+38050{number:07}")
    sender = a_sender(session, channel=Channel.SMS)
    campaign = a_campaign(session, organisation, author, message=message, sender=sender)
    reader = a_member(session, organisation, Role.APPROVER)
    if is_safeguarded:
        safeguarded(session, campaign, reader)
    return Story(session, organisation, author, approver, campaign, reader)


def more_people(story: Story, vault: Vault, count: int) -> None:
    """Add Ukrainian readers in the story's region."""
    region_id = story.session.scalars(select(Region.id)).one()
    for _ in range(count):
        contact = a_contact(story.session, story.organisation, region_id=region_id)
        an_address(story.session, contact, vault, number=f"+38067{contact.id:07}")
