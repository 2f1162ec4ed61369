"""Runs that say what a partner withdrew: paused where they are, in whichever organisation copied it.

What sends nothing now tells of it before it goes on: whoever resumes a stopped one or lets a held one start
reads it, and one that is done pauses when something of it is queued again.
"""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.core.sentences import Sentence
from campaigns.core.words import N_
from campaigns.messages.models import Withdrawal
from campaigns.messages.translations.withdrawn_copies import Suspect, find_copies, find_sources, says_any
from campaigns.planning.lifecycle import IN_FLIGHT
from campaigns.planning.models import Run, RunState
from campaigns.planning.runs.firing import pause_again

_REASON = N_(
    "%(partner)s withdrew the text that this was copied from, because something in it is wrong: %(reason)s."
    " Compare the text before it goes on."
)
_MAY_GO_ON = IN_FLIGHT | {RunState.HELD, RunState.STOPPED}


def pause_copies(session: Session, message_id: int, version: int) -> list[int]:
    """Pause the runs under way that say what a withdrawn version said, in copies of partners; return their ids.

    Taking away takes one member, of whichever organisation; going on takes two of their own, who read this reason
    also where the run was paused for another one, or stopped. Who lets a held one start reads it beside why it is
    held. What a copy says in other words is its organisation's, and is left alone.
    """
    copies = {copy.message_id: copy for copy in find_copies(session, message_id, version)}
    if not copies:
        return []
    going = (
        select(Run)
        .where(Run.state.in_(_MAY_GO_ON), ~Run.is_rehearsal, Run.frozen["message_id"].as_integer().in_(copies))
        .order_by(Run.id)
    )
    own = select(Withdrawal.message_id, Withdrawal.version).where(Withdrawal.message_id.in_(copies))
    withdrawn = {(copy_id, own_version) for copy_id, own_version in session.execute(own)}
    paused = []
    held = going.with_for_update(of=Run).execution_options(populate_existing=True)
    for run in session.scalars(held).all():
        copy = copies[int(run.frozen["message_id"])]
        # What was withdrawn by its own organisation never goes on.
        is_own = (copy.message_id, run.message_version) in withdrawn
        if not is_own and says_any(run.frozen.get("texts", {}), copy.wrong):
            _tell(session, run, _reason(copy))
            paused += [run.id] if run.state == RunState.PAUSED else []
    return paused


def let_go_on(session: Session, run: Run) -> None:
    """Let a run go on; where a partner withdrew what it says since it was done, it pauses for two to decide."""
    withdrawn = _find_reason_to_pause(session, run)
    run.state, run.finished_at = RunState.RUNNING, None
    if withdrawn is not None:
        pause_again(session, run, reason=withdrawn)


def _find_reason_to_pause(session: Session, run: Run) -> Sentence | None:
    """Return why a run that was done does not go on by itself: what it says was withdrawn since, or None."""
    if run.is_rehearsal or run.finished_at is None:
        return None
    texts = run.frozen.get("texts", {})
    wrong = [
        each
        for each in find_sources(session, int(run.frozen.get("message_id", 0)))
        if each.withdrawal.withdrawn_at >= run.finished_at and says_any(texts, each.wrong)
    ]
    return _reason(max(wrong, key=lambda each: each.withdrawal.withdrawn_at)) if wrong else None


def _tell(session: Session, run: Run, reason: Sentence) -> None:
    """Pause a run that is held in the database, or let those who may let it go on know why they should not."""
    if run.state in IN_FLIGHT:
        pause_again(session, run, reason=reason)
    elif run.state == RunState.HELD:
        run.reason = Sentence.together([run.reason, reason]) if run.reason else reason
    elif run.state == RunState.STOPPED:
        run.reason, run.paused_by_itself = reason, True
        run.resume_asked_by_id = run.resume_asked_at = None


def _reason(copy: Suspect) -> Sentence:
    return Sentence(_REASON, {"partner": copy.partner, "reason": copy.withdrawal.reason.rstrip(".")})
