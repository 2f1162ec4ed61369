"""The people of a campaign are counted part by part here, all of them as they are at one moment.

Whoever decides on a campaign needs an exact figure, and who it is made of. Both come from one snapshot of the
database, whose parts are short statements: meanwhile others write, and are told how far it is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from campaigns.audience.kept.counting import Row, add_up, alike, cut
from campaigns.audience.kept.people_questions import ask_people
from campaigns.audience.rules import UNKNOWN_ZONE, AudienceRule, Resolution, select_resolved
from campaigns.planning.approvals.approved_people import keep_blocks, keep_people, select_blocks
from campaigns.planning.campaign_content import Content
from campaigns.planning.estimates.audience_counts import Tally, load_resolution, select_people, tally_from
from campaigns.planning.models import Approval, Campaign
from campaigns.planning.queries import load_content


@dataclass(frozen=True, slots=True)
class CountedPeople:
    """The people of a campaign at one moment: in numbers, and a bit for each who is written to."""

    #: What was counted; once it is another question, others are meant.
    question: str
    tally: Tally
    #: As `approved_people.py` keeps them: some 30,000 numbers for a million people.
    blocks: Mapping[int, int]

    def is_of(self, session: Session, campaign: Campaign, *, now: datetime) -> bool:
        """Say whether the campaign means these still, over the senders it has. Raises AudienceRuleError."""
        content, resolution = _resolve(session, campaign, now)
        return ask_people(AudienceRule.from_json(content.rule), resolution).digest == self.question


def count_people(
    session: Session, campaign: Campaign, *, now: datetime, part: int, go_on: Callable[[int, int], bool]
) -> CountedPeople | None:
    """Count the people of a campaign; `session` sees the database at one moment.

    Before each part `go_on` is told which one it is, of how many, and says whether to go on; None: it did not.
    Raises AudienceRuleError for an unreadable rule.
    """
    content, resolution = _resolve(session, campaign, now)
    rule, groups, blocks = AudienceRule.from_json(content.rule), Counter[Row](), Counter[int]()
    parts = cut(session, campaign.organisation_id, part)
    for number, (after, through) in enumerate(parts):
        if not go_on(number, len(parts)):
            return None
        ids = {"after": after, "through": through}
        people = select_resolved(rule, campaign.organisation_id, resolution, **ids).subquery("resolved")
        key = alike(people)
        found = session.execute(select(*key, func.count()).group_by(*key))
        add_up(groups, (tuple(row) for row in found))
        for block, bits in session.execute(select_blocks(people)):
            # Where two parts meet, each has some bits of one block.
            blocks[block] += bits
    tally = tally_from((*key, count) for key, count in groups.items())
    return CountedPeople(ask_people(rule, resolution).digest, tally, blocks)


def _resolve(session: Session, campaign: Campaign, now: datetime) -> tuple[Content, Resolution]:
    content = load_content(session, campaign)
    return content, load_resolution(session, content, default_zone=UNKNOWN_ZONE, now=now)


def keep_audience(
    session: Session,
    approval: Approval,
    content: Content,
    organisation_id: int,
    *,
    now: datetime,
    counted: CountedPeople | None = None,
) -> None:
    """Keep who is in the audience of `content` with its flushed approval. Raises AudienceRuleError."""
    if counted is not None:
        keep_blocks(session, approval, counted.blocks)
        return
    resolution = load_resolution(session, content, default_zone=UNKNOWN_ZONE, now=now)
    keep_people(session, approval, select_people(content, organisation_id, resolution=resolution))
