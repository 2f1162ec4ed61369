"""Who was let in, refused or given something is noted when a request is over, before it is answered."""

from __future__ import annotations

from typing import Protocol

from flask import Flask, Response, g, request
from flask_security import current_user

from campaigns.core import clock
from campaigns.core.errors import ApprovalError, FingerpostError
from campaigns.staff.models import Member
from campaigns.staff.recurring import Event, note
from campaigns.staff.service import organisations_of
from campaigns.web.session import writing_apart


class Row(Protocol):
    """A stored row: what an event is about."""

    __tablename__: str

    @property
    def id(self) -> int: ...


def init_noting(app: Flask) -> None:
    """Write the notes of each request of `app`; called before `init_database`, so that the commit comes first.

    What cannot be noted is not answered.
    """

    @app.after_request
    def write(response: Response) -> Response:
        # Nobody is looked up for it: the database may be away.
        member = getattr(g.get("_login_user"), "member", None)
        if member is not None:
            _note_answer(response, member)
        events: list[Event] = g.pop("events", [])
        if events:
            with writing_apart() as session:
                # In one order everywhere: two requests must not wait for each other.
                for event in sorted(events, key=lambda each: each.key):
                    note(session, event, now=clock.now())
        return response


def note_event(
    action: str,
    subject: Row | tuple[str, int],
    *,
    organisation_id: int | None,
    member_id: int | None = None,
    what: str = "",
) -> None:
    """Note an event of this request; whether it succeeds or not, the note is written."""
    kind, row_id = subject if isinstance(subject, tuple) else (subject.__tablename__, subject.id)
    if "events" not in g:
        g.events = []
    g.events.append(Event(action, kind, row_id, organisation_id, member_id, what[:80]))


def note_of_member(action: str, member: Member, *, by: int | None) -> None:
    """Note something of a member in each of their organisations, so that its administrators read it.

    `by` is None for what somebody did who only named the member.
    """
    for organisation_id in organisations_of(member):
        note_event(action, member, organisation_id=organisation_id, member_id=by)


def note_refused_approval(error: FingerpostError, subject: Row) -> None:
    """Note it when the error says that the signed-in member may not be the one who agrees to something."""
    if isinstance(error, ApprovalError):
        _note_act("approval.refuse", subject, current_user.member, what=request.endpoint or "")


def _note_answer(response: Response, member: Member) -> None:
    """Note that a member was refused something, or given a file; the path of a page has ids only."""
    is_file = response.headers.get("Content-Disposition", "").startswith("attachment")
    if isinstance(g.get("told"), ApprovalError):
        note_refused_approval(g.told, member)
    if response.status_code != 403 and not is_file:
        return
    if is_file:
        _note_act("file.export", member, member, what=request.path)
    else:
        _note_act("access.refuse", member, member, what=request.endpoint or "")


def _note_act(action: str, subject: Row, member: Member, *, what: str) -> None:
    """Note an act of a member in the organisation they work in."""
    membership = g.get("membership")
    organisation_id = membership.organisation_id if membership else None
    note_event(action, subject, organisation_id=organisation_id, member_id=member.id, what=what)
