"""Pages show, before a campaign is sent, how many of its people had enough messages lately.

Messages belong to a later step, which counts them for a worker (`delivery/fanout/frequency_cap.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from campaigns.planning.estimates.cost import Capped
from campaigns.planning.gates.assessment import Assessment
from campaigns.planning.gates.safety import fatigue_gate
from campaigns.planning.models import Approval, Campaign


def may_pass_limit(campaign: Campaign, approval: Approval | None) -> bool:
    """Say whether the message limit may hold back nobody: it is marked urgent, and not approved otherwise."""
    return campaign.urgent_reason is not None and (approval is None or approval.as_urgent)


def with_fatigue(
    campaign: Campaign, assessed: Assessment, capped: Sequence[Capped], approval: Approval | None
) -> Assessment:
    """Return an assessment that says how many people had enough messages; `approval` is the one in force."""
    may_pass = may_pass_limit(campaign, approval)
    gate = fatigue_gate(campaign, sum(each.people for each in capped), assessed.tally.people, may_pass=may_pass)
    return replace(assessed, gates=[*assessed.gates, gate])
