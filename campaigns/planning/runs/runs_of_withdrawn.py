"""Runs that say what a partner withdrew: paused where they are, in whichever organisation copied it."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.core.sentences import Sentence
from campaigns.core.words import N_
from campaigns.messages.translations.withdrawn_copies import find_copies, says_any
from campaigns.planning.lifecycle import IN_FLIGHT
from campaigns.planning.models import Run
from campaigns.planning.runs.firing import pause_again

_REASON = N_(
    "%(partner)s withdrew the text that this was copied from, because something in it is wrong: %(reason)s."
    " Compare the text before it goes on."
)


def pause_copies(session: Session, message_id: int, version: int) -> list[int]:
    """Pause the runs under way that say what a withdrawn version said, in copies of partners; return their ids.

    Taking away takes one member, of whichever organisation; going on takes two of their own, who read this reason
    also where the run was paused for another one. What a copy says in other words is its organisation's, and is
    left alone.
    """
    copies = {copy.message_id: copy for copy in find_copies(session, message_id, version)}
    under_way = (
        select(Run)
        .where(Run.state.in_(IN_FLIGHT), ~Run.is_rehearsal, Run.frozen["message_id"].as_integer().in_(copies))
        .order_by(Run.id)
    )
    paused = []
    for run in session.scalars(under_way).all() if copies else []:
        copy = copies[int(run.frozen["message_id"])]
        if says_any(run.frozen.get("texts", {}), copy.wrong):
            reason = {"partner": copy.partner, "reason": copy.withdrawal.reason.rstrip(".")}
            pause_again(session, run, reason=Sentence(_REASON, reason))
            paused.append(run.id)
    return paused
