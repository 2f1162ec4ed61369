"""A campaign's page reads all it shows at once: what is sent, to whom, when, what blocks it, who decided."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.audience.models import Channel
from campaigns.core.small_numbers import is_told, size
from campaigns.messages.composer.preview import Preview, preview_text
from campaigns.messages.queries import unreviewed_of
from campaigns.planning.estimates.cost import Matrix, matrix_of
from campaigns.planning.estimates.kept_people import KeptPeople
from campaigns.planning.estimates.rendered_texts import RenderedText, longest_by_language
from campaigns.planning.gates.approved_numbers import approved_numbers, as_approved, find_unapproved
from campaigns.planning.gates.assessment import Assessment, assess
from campaigns.planning.gates.collisions import Collision, find_collisions
from campaigns.planning.gates.frequency import may_pass_limit, with_fatigue
from campaigns.planning.models import Approval, Campaign, CampaignState, Schedule, Sender
from campaigns.planning.policy import Policy
from campaigns.planning.queries import find_approval, find_editors, firings_of, load_senders, timing_of
from campaigns.planning.schedules.firing_waves import Wave, waves_of
from campaigns.planning.schedules.recurrence import Firing
from campaigns.staff.queries import load_member_names

SHOWN_FIRINGS = 10
SHOWN_RUNS = 20


@dataclass(frozen=True, slots=True)
class TextView:
    """One language as it arrives, for the people most of whom get it like this."""

    language: str
    #: Approved text with its placeholders.
    text: str
    preview: Preview
    #: SMS of the longest rendering; 0 where no SMS is sent.
    parts: int
    people: int


@dataclass(frozen=True, slots=True)
class SignpostView:
    """A service and how many people are pointed to its number."""

    name: str
    number: str
    #: By language of their text; most first.
    people: dict[str, int]


@dataclass(frozen=True, slots=True)
class ScheduleView:
    """A time and its next firings."""

    schedule: Schedule
    firings: list[Firing]
    #: Who is written to when at the next firing, soonest first; empty where nobody may see numbers.
    waves: list[Wave]
    #: When the first wave that is told of leaves, quiet hours counted; None where none is.
    first_at: datetime | None = None
    #: The same, if it is approved as urgent; None where no approval to come may say so.
    urgent_at: datetime | None = None

    @property
    def is_quiet(self) -> bool:
        """Whether quiet hours hold up every wave that is told of, at the next firing."""
        return self.first_at is not None and self.first_at > self.firings[0].fire_at


@dataclass(frozen=True, slots=True)
class Overview:
    """A campaign as its authors and approvers see it."""

    assessed: Assessment
    texts: list[TextView]
    #: Languages in which a text waits for its reviewer.
    waiting: list[str]
    #: In their order.
    senders: list[Sender]
    #: People, parts and cost by language, channel and country.
    matrix: Matrix
    signposts: list[SignpostView]
    #: What others send to the same people at the same time.
    collisions: list[Collision]
    approval: Approval | None
    #: It is approved, but what would be sent is not what was approved: its next run will be held.
    is_changed: bool
    #: Members who wrote part of it and cannot approve it.
    editors: set[int]


def load_overview(
    session: Session,
    campaign: Campaign,
    *,
    now: datetime,
    policy: Policy,
    people: KeptPeople,
    unconnected: Collection[int] = (),
) -> Overview:
    """Assess the campaign at `now` (aware UTC) by its `people`, and arrange what its page shows."""
    assessed = assess(session, campaign, now=now, policy=policy, unconnected=unconnected, tally=people.tally)
    approval, senders = find_approval(session, campaign), load_senders(session, campaign)
    assessed = with_fatigue(campaign, assessed, people.capped, approval)
    # Who is written to if it is approved as urgent is counted and paid for: what it costs at most says so.
    left_out = () if may_pass_limit(campaign, approval) else people.capped
    return Overview(
        assessed=assessed,
        texts=_texts(assessed),
        waiting=unreviewed_of(campaign.message),
        senders=senders,
        matrix=matrix_of(assessed.tally, assessed.rendered, senders, left_out),
        signposts=_signposts(assessed.rendered),
        collisions=find_collisions(session, campaign, assessed, now=now),
        approval=approval,
        is_changed=campaign.state == CampaignState.APPROVED and (approval is None or _differs(approval, assessed)),
        editors=find_editors(session, campaign),
    )


def _differs(approval: Approval, assessed: Assessment) -> bool:
    """Say whether what would be sent is not what was approved."""
    is_other = approval.digest != as_approved(assessed.content, approval).digest
    return is_other or bool(find_unapproved(assessed, approved_numbers(approval)))


def load_schedules(
    campaign: Campaign, view: Overview | None, *, now: datetime, keeps_quiet: bool
) -> list[ScheduleView]:
    """Return the campaign's times with their next firings over the zones of the audience, if it was counted."""
    tally, approval = (view.assessed.tally, view.approval) if view else (None, None)
    people, zones = (tally.by_zone(), tally.zones) if tally else ({}, ())
    told_of = partial(_waves_told_of, people=people, keeps_quiet=keeps_quiet)
    views = []
    for schedule in campaign.schedules:
        firings = firings_of(schedule, zones, after=now, count=SHOWN_FIRINGS)
        waves = told_of(schedule, firings, is_urgent=approval is not None and approval.as_urgent)
        may_be_urgent = schedule.awaits_approval and campaign.urgent_reason is not None
        urgent = told_of(schedule, firings, is_urgent=True) if may_be_urgent else []
        views.append(ScheduleView(schedule, firings, waves, _first_of(waves), _first_of(urgent)))
    return views


def _waves_told_of(
    schedule: Schedule,
    firings: Sequence[Firing],
    *,
    people: Mapping[tuple[str, str], int],
    keeps_quiet: bool,
    is_urgent: bool,
) -> list[Wave]:
    if not firings:
        return []
    timing, occurrence = timing_of(schedule), firings[0].occurrence
    waves = waves_of(timing, occurrence, people, keeps_quiet=keeps_quiet, is_urgent=is_urgent)
    # Where and when few are written to is not told: whoever writes the rule chooses whom it is about.
    return [wave for wave in waves if is_told(wave.people)]


def _first_of(waves: Sequence[Wave]) -> datetime | None:
    return waves[0].due_at if waves else None


def load_decisions(session: Session, campaign: Campaign) -> list[tuple[Approval, str]]:
    """Return the decisions on a campaign with the names of who made them, newest first."""
    found = select(Approval).where(Approval.campaign_id == campaign.id).order_by(Approval.id.desc())
    approvals = session.scalars(found).all()
    names = load_member_names(session, [approval.member_id for approval in approvals])
    return [(approval, names.get(approval.member_id, "")) for approval in approvals]


def _texts(assessed: Assessment) -> list[TextView]:
    """Return the texts by language, those most people get first; then those that nobody gets now."""
    people, longest = assessed.tally.by_language(), longest_by_language(assessed.rendered)
    # Combinations come with most people first, so the first of a language is its commonest rendering.
    commonest = {each.language: each for each in reversed(assessed.rendered)}
    texts = assessed.content.texts
    views = []
    for language in sorted(texts, key=lambda code: (-size(people.get(code, 0)), code)):
        values = commonest[language].filled.values if language in commonest else {}
        preview = preview_text(texts[language], values)
        length = longest[language].length if language in longest else None
        parts = (length or preview.length).parts if assessed.content.uses(Channel.SMS) else 0
        views.append(TextView(language, texts[language], preview, parts, people.get(language, 0)))
    return views


def _signposts(rendered: Collection[RenderedText]) -> list[SignpostView]:
    found: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for each in rendered:
        for signpost in each.signposts:
            found[signpost.name, signpost.number][each.language] += each.people
    views = [SignpostView(name, number, dict(people.most_common())) for (name, number), people in found.items()]
    return sorted(views, key=lambda view: (-size(sum(view.people.values())), view.name, view.number))
