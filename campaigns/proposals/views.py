"""Pages show the changes that take two members: what waits, what was changed lately, and one in full."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

from flask import Blueprint, Flask, current_app, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy import Select
from werkzeug.wrappers import Response

from campaigns.core.errors import InputError, RefusedError
from campaigns.core.words import N_
from campaigns.proposals.models import Proposal, ProposalState
from campaigns.proposals.proposal_kinds import Kind
from campaigns.proposals.queries import proposer_of, select_agreeable, select_settled, select_waiting
from campaigns.proposals.service import agree, refuse
from campaigns.staff.auth import current_member, current_organisation, may_now, may_open, requires
from campaigns.staff.event_notes import note_refused_approval
from campaigns.staff.models import Member
from campaigns.staff.queries import get_owned
from campaigns.web.error_words import said
from campaigns.web.number_fields import whole_number
from campaigns.web.ordered_pages import asked_rows
from campaigns.web.session import session, writing_apart

pages = Blueprint("proposals", __name__, url_prefix="/proposals")

#: Where an application keeps what can be proposed.
_KINDS = "fingerpost.kinds"
#: The most changes that are agreed to at once; nobody looks through more.
MOST_TOGETHER = 20


def init_proposals(app: Flask, kinds: Iterable[Kind]) -> None:
    """Tell the pages of `app` what can be proposed."""
    app.extensions[_KINDS] = {kind.name: kind for kind in kinds}


def kinds_now() -> Mapping[str, Kind]:
    """Return what can be proposed, by name."""
    return cast(Mapping[str, Kind], current_app.extensions[_KINDS])


def may_agree(proposal: Proposal) -> bool:
    """Say whether the signed-in member may agree: not to what they proposed, and only with the right to."""
    return proposal.proposed_by_id != current_member().id and may_now(kinds_now()[proposal.kind].permission)


def agreeable(*, together: bool = False) -> Select[*tuple[Any, ...]]:
    """Select what waits for the signed-in member, longest first; `together`: what is agreed to with others."""
    known = kinds_now().values()
    kinds = [kind.name for kind in known if may_now(kind.permission) and not (together and kind.is_alone)]
    return select_agreeable(current_organisation().id, member_id=current_member().id, kinds=kinds)


@pages.get("")
@requires()
def index() -> str:
    """List what waits for a second member, and what became of the rest."""
    ours = current_organisation().id
    waiting = asked_rows(session(), select_waiting(ours), [Proposal.id], words="waiting")
    rows = [(row, name, kinds_now()[row.kind], may_agree(row)) for row, name in waiting.rows]
    settled = asked_rows(
        session(), select_settled(ours), [Proposal.settled_at, Proposal.id], words="settled", is_falling=True
    )
    many = len(session().execute(agreeable(together=True).limit(2)).all()) > 1
    return render_template(
        "proposals/index.html", waiting=waiting, rows=rows, settled=settled, kinds=kinds_now(), many=many
    )


@pages.route("/together", methods=["GET", "POST"])
@requires(fresh=True)
def together() -> str | Response:
    """Agree to many changes at once, each seen with what is and what is to be, and each recorded for itself."""
    if request.method == "POST":
        return _agree_to_chosen()
    page = asked_rows(session(), agreeable(together=True), [Proposal.id], words="waiting", per_page=MOST_TOGETHER)
    found = [(row, name, kinds_now()[row.kind]) for row, name in page.rows]
    listed = [(row, name, kind, kind.show(session(), row)) for row, name, kind in found]
    return render_template("proposals/together.html", waiting=listed, page=page)


def _agree_to_chosen() -> Response:
    """Agree to what was chosen, one after the other: the trail is held for one change only at a time."""
    chosen = {whole_number(value) for value in request.form.getlist("proposal") if value.isdecimal()}
    rows = session().execute(agreeable(together=True).where(Proposal.id.in_(chosen)).limit(MOST_TOGETHER + 1))
    found = [(row.id, kinds_now()[row.kind]) for row, _name in rows]
    if not chosen or len(found) < len(chosen) or len(found) > MOST_TOGETHER:
        raise RefusedError(N_("Choose changes that wait for you."))
    member_id, done = current_member().id, 0
    for proposal_id, kind in found:
        try:
            with writing_apart() as writing:
                agree(writing, writing.get_one(Proposal, proposal_id), kind, by=member_id)
            done += 1
        except (InputError, RefusedError) as error:
            note_refused_approval(error, current_member())
            flash(f"{_(kind.title)}: {said(error)}", "bad")
    if done:
        flash(
            ngettext(
                "%(num)s change is made. Every member reads so on Now.",
                "%(num)s changes are made. Every member reads so on Now.",
                done,
            ),
            "good",
        )
    return redirect(url_for("proposals.index"))


@pages.get("/<int:proposal_id>")
@requires()
def show(proposal_id: int) -> str:
    """Show one change: what is, and what is to be, to whoever may open its page, decide on it, or proposed it."""
    proposal = _get(proposal_id)
    kind = kinds_now()[proposal.kind]
    settled_by = proposal.settled_by_id and session().get_one(Member, proposal.settled_by_id).name
    is_own = proposal.proposed_by_id == current_member().id
    shown = kind.show(session(), proposal)
    may_see = may_open(shown.endpoint)
    return render_template(
        "proposals/show.html",
        proposal=proposal,
        kind=kind,
        shown=shown if may_see or is_own or may_now(kind.permission) else None,
        may_open=may_see,
        proposer=proposer_of(session(), proposal),
        settled_by=settled_by,
        waits=proposal.state == ProposalState.WAITING,
        may_agree=may_agree(proposal),
        is_own=is_own,
    )


@pages.post("/<int:proposal_id>/agree")
@requires(fresh=True)
def accept(proposal_id: int) -> str | Response:
    """Do what another member proposed; a secret that comes of it is shown on the answer to this form alone."""
    proposal = _get(proposal_id)
    kind = kinds_now()[proposal.kind]
    if not may_now(kind.permission):
        raise RefusedError(N_("Your roles do not allow you to agree to this."))
    if kind.prepare and proposal.state == ProposalState.WAITING and may_agree(proposal):
        kind = kind.prepare(proposal)
    told = agree(session(), proposal, kind, by=current_member().id)
    if told:
        return render_template("proposals/told.html", kind=kind, shown=kind.show(session(), proposal), told=told)
    flash(_(kind.told), "good")
    if hint := kind.show(session(), proposal).hint:
        flash(_(hint), "warning")
    return redirect(url_for("proposals.show", proposal_id=proposal.id))


@pages.post("/<int:proposal_id>/refuse")
@requires()
def decline(proposal_id: int) -> Response:
    """Refuse what another member proposed, or take back what one proposed oneself."""
    proposal = _get(proposal_id)
    kind = kinds_now()[proposal.kind]
    if not (may_now(kind.permission) or proposal.proposed_by_id == current_member().id):
        raise RefusedError(N_("Your roles do not allow you to refuse this."))
    refuse(session(), proposal, kind, by=current_member().id)
    flash(_("It stays as it was."), "good")
    return redirect(url_for("proposals.index"))


def _get(proposal_id: int) -> Proposal:
    return get_owned(session(), Proposal, proposal_id, current_organisation().id)
