"""Pages show, before a campaign is sent, how many of its people had enough messages lately.

Messages belong to a later step, which counts them for a worker (`delivery/fanout/frequency_cap.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from campaigns.planning.estimates.cost import Capped
from campaigns.planning.gates.assessment import Assessment
from campaigns.planning.gates.safety import fatigue_gate
from campaigns.planning.models import Campaign


def with_fatigue(campaign: Campaign, assessed: Assessment, capped: Sequence[Capped]) -> Assessment:
    """Return an assessment that says how many people had enough messages, as authors may see it."""
    gate = fatigue_gate(campaign, sum(each.people for each in capped), assessed.tally.people)
    return replace(assessed, gates=[*assessed.gates, gate])
