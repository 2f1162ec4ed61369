"""This gate holds a campaign back when it would take what its organisation spends beyond the month's limit.

Answers to people, corrections and codes meet no gate: whoever may be in danger is answered whatever it costs.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from campaigns.core.sentences import Dollars
from campaigns.core.words import N_
from campaigns.messages.gates import Gate
from campaigns.planning.estimates.cost import Estimate
from campaigns.planning.gates.campaign import plan_gate
from campaigns.planning.models import Campaign
from campaigns.planning.spending.queries import hold_limit, load_month


def month_gates(
    session: Session, campaign: Campaign, estimate: Estimate, *, now: datetime, is_start: bool
) -> list[Gate]:
    """Return the gate, or nothing where no limit is set.

    What was spent is told in whole dollars: otherwise a sum that grows would tell of single people.
    Runs that start at one moment (`is_start`) take turns: each knows what the one before it will cost.
    """
    if is_start:
        hold_limit(session, campaign.organisation_id)
    money = load_month(session, campaign.organisation_id, now=now)
    if money.limit_cents is None:
        return []
    spent = int(money.spent * 100)
    passed = spent + estimate.cents <= money.limit_cents
    values = {"spent": Dollars(spent), "limit": Dollars(money.limit_cents), "cost": Dollars(estimate.cents)}
    template = (
        N_("This month %(spent)s of %(limit)s are spent, and sending it once costs about %(cost)s.")
        if passed
        else N_(
            "This month %(spent)s of %(limit)s are spent, and sending it costs about %(cost)s more: it waits "
            "until an administrator raises the limit, or until next month."
        )
    )
    return [plan_gate("month", passed, template, values, ("reach.spending.show", {}), warns=money.is_warned_of)]
