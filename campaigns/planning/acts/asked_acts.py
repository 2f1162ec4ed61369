"""A member asks for an act whose people are counted first; a worker finds it, and pages say how it stands.

Whoever asks holds the campaign's row, as whoever edits it does. Nothing here commits.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from campaigns.audience.models import Contact
from campaigns.core.errors import ChangedError, RefusedError
from campaigns.core.words import N_
from campaigns.planning import service
from campaigns.planning.acts.models import Act, AskedAct
from campaigns.planning.approvals import four_eyes
from campaigns.planning.gates.assessment import load_sent_content
from campaigns.planning.models import Campaign, Run
from campaigns.planning.policy import Policy
from campaigns.planning.runs.firing import check_may_start
from campaigns.staff.queries import owned

#: So few people are counted in the act, sooner than a worker looks.
FEW = 5_000
#: What nobody counted for so long is not done any more: whoever asked has gone on to something else.
GIVEN_UP_AFTER = timedelta(minutes=15)
CHANGED_MEANWHILE = N_("It was changed while its people were counted. Read it again, then ask again.")


def has_few(session: Session, organisation_id: int) -> bool:
    """Say whether an organisation's people are counted in an instant."""
    some = owned(select(Contact.id), Contact, organisation_id).limit(FEW + 1).subquery()
    return (session.scalar(select(func.count()).select_from(some)) or 0) <= FEW


def find_asked(session: Session, campaign: Campaign) -> AskedAct | None:
    """Return what waits for a count of the campaign, or was last refused after one and not changed since."""
    asked = session.scalar(select(AskedAct).where(AskedAct.campaign_id == campaign.id))
    is_past = asked is not None and asked.ended_at is not None and asked.ended_at < campaign.updated_at
    return None if is_past else asked


def ask_act(
    session: Session,
    act: Act,
    campaign: Campaign,
    *,
    by: int,
    digest: str | None = None,
    run: Run | None = None,
    as_urgent: bool = False,
    policy: Policy,
    now: datetime,
) -> None:
    """Ask for an act by a member, on exactly what `digest` names (None: what is sent now).

    Whoever asks again for the same, while it waits, says anew whether they approve it as urgent.

    Raises at once what needs no count: RefusedError, as the act itself does, and for a second one that waits.
    """
    check_may_act(session, act, campaign, by=by, run=run)
    asked = session.scalar(select(AskedAct).where(AskedAct.campaign_id == campaign.id).with_for_update())
    if asked is not None and asked.due_at is not None:
        if (asked.act, asked.run_id, asked.member_id) == (act, run.id if run else None, by):
            asked.as_urgent = as_urgent
            return
        raise RefusedError(N_("Its people are being counted for something that was asked before. Wait for that."))
    said = load_sent_content(session, campaign, policy).digest
    if digest not in (None, said):
        raise ChangedError(CHANGED_MEANWHILE)
    session.execute(delete(AskedAct).where(AskedAct.campaign_id == campaign.id))
    values = {
        "act": act,
        "run_id": run.id if run else None,
        "member_id": by,
        "digest": said,
        "as_urgent": as_urgent,
    }
    session.add(AskedAct(campaign_id=campaign.id, asked_at=now, due_at=now, **values))


def check_may_act(session: Session, act: Act, campaign: Campaign, *, by: int, run: Run | None) -> None:
    """Hold what the act is about, and raise RefusedError when the member may not do it, whoever the people are."""
    if act == Act.START and run is not None:
        check_may_start(session, run, by=by)
    elif act == Act.APPROVE:
        service.check_may_approve(session, campaign, by=by)
    else:
        service.check_may_submit(session, campaign, by=by)
    four_eyes.hold(session, campaign)
