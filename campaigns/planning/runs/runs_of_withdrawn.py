"""Runs that say what was withdrawn elsewhere, in a copy of a partner or another version: paused where they are.

What sends nothing now tells of it before it goes on: whoever resumes a stopped one or lets a held one start
reads it, and one that is done pauses when something of it is queued again.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.core.sentences import Sentence
from campaigns.core.words import N_
from campaigns.messages.models import MessageVersion, Withdrawal
from campaigns.messages.translations.withdrawn_copies import (
    Suspect,
    find_copies,
    find_sources,
    find_still_said,
    says_any,
)
from campaigns.planning.lifecycle import IN_FLIGHT
from campaigns.planning.models import Run, RunState
from campaigns.planning.runs.firing import pause_again

_REASON = N_(
    "%(partner)s withdrew the text that this was copied from, because something in it is wrong: %(reason)s."
    " Compare the text before it goes on."
)
_OTHER_VERSION = N_(
    "Another version of this message was withdrawn, because something in it is wrong: %(reason)s. In a language "
    "this one says the same. Compare the text before it goes on."
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
    own = select(Withdrawal.message_id, Withdrawal.version).where(Withdrawal.message_id.in_(copies))
    withdrawn = {(copy_id, own_version) for copy_id, own_version in session.execute(own)}
    paused = []
    for run in _hold_going(session, copies):
        copy = copies[int(run.frozen["message_id"])]
        # What was withdrawn by its own organisation never goes on.
        is_own = (copy.message_id, run.message_version) in withdrawn
        if not is_own and says_any(run.frozen.get("texts", {}), copy.wrong):
            _tell(session, run, _reason(copy))
            paused += [run.id] if run.state == RunState.PAUSED else []
    return paused


def pause_other_versions(session: Session, message_id: int, withdrawal: Withdrawal) -> list[int]:
    """Pause the runs under way that say in some language what a withdrawn version of their message said.

    As copies do. The correction reaches nobody of them: their other texts may have been mended.
    """
    wrong = session.get_one(MessageVersion, (message_id, withdrawal.version)).texts
    known = set(session.scalars(select(Withdrawal.version).where(Withdrawal.message_id == message_id)))
    paused = []
    for run in _hold_going(session, [message_id]):
        if run.message_version not in known and says_any(run.frozen.get("texts", {}), wrong):
            _tell(session, run, _of_version(withdrawal))
            paused += [run.id] if run.state == RunState.PAUSED else []
    return paused


def _hold_going(session: Session, message_ids: Collection[int]) -> Sequence[Run]:
    going = Run.state.in_(_MAY_GO_ON), ~Run.is_rehearsal, Run.frozen["message_id"].as_integer().in_(message_ids)
    rows = select(Run).where(*going).order_by(Run.id).with_for_update(of=Run)
    return session.scalars(rows.execution_options(populate_existing=True)).all()


def let_go_on(session: Session, run: Run) -> None:
    """Let a run go on; where what it says was withdrawn elsewhere since it was done, it pauses for two."""
    withdrawn = _find_reason_to_pause(session, run)
    run.state, run.finished_at = RunState.RUNNING, None
    if withdrawn is not None:
        pause_again(session, run, reason=withdrawn)


def _find_reason_to_pause(session: Session, run: Run) -> Sentence | None:
    """Return why a run that was done does not go on by itself: what it says was withdrawn since, or None."""
    if run.is_rehearsal or run.finished_at is None:
        return None
    texts, message_id = run.frozen.get("texts", {}), int(run.frozen.get("message_id", 0))
    said = find_still_said(session, message_id, texts)
    other = said.withdrawal if said else None
    if other is not None and other.withdrawn_at >= run.finished_at and other.version != run.message_version:
        return _of_version(other)
    wrong = [
        each
        for each in find_sources(session, message_id)
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


def _of_version(withdrawal: Withdrawal) -> Sentence:
    return Sentence(_OTHER_VERSION, {"reason": withdrawal.reason.rstrip(".")})
