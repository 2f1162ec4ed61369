"""Pages of the changes that take two members: what waits, what was changed lately, and one of them in full."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import cast

from flask import Blueprint, Flask, current_app, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from campaigns.core.errors import RefusedError
from campaigns.core.words import N_
from campaigns.proposals.kinds import Kind
from campaigns.proposals.models import Proposal, ProposalState
from campaigns.proposals.queries import proposer_of, select_settled, select_waiting
from campaigns.proposals.service import agree, refuse
from campaigns.staff.auth import current_member, current_organisation, may_now, may_open, requires
from campaigns.staff.models import Member
from campaigns.staff.queries import get_owned
from campaigns.web.numbers import whole_number
from campaigns.web.pagination import paginate
from campaigns.web.session import session

pages = Blueprint("proposals", __name__, url_prefix="/proposals")

#: Where an application keeps what can be proposed.
_KINDS = "fingerpost.kinds"
#: So many waiting proposals are listed; nobody looks through more.
MOST_WAITING = 100


def init_proposals(app: Flask, kinds: Iterable[Kind]) -> None:
    """Tell the pages of `app` what can be proposed."""
    app.extensions[_KINDS] = {kind.name: kind for kind in kinds}


def kinds_now() -> Mapping[str, Kind]:
    """Return what can be proposed, by name."""
    return cast(Mapping[str, Kind], current_app.extensions[_KINDS])


def may_agree(proposal: Proposal) -> bool:
    """Say whether the signed-in member may agree: not to what they proposed, and only with the right to."""
    return proposal.proposed_by_id != current_member().id and may_now(kinds_now()[proposal.kind].permission)


@pages.get("")
@requires()
def index() -> str:
    """List what waits for a second member, and what became of the rest."""
    ours = current_organisation().id
    rows = session().execute(select_waiting(ours).limit(MOST_WAITING)).all()
    waiting = [(row, name, kinds_now()[row.kind], may_agree(row)) for row, name in rows]
    settled = paginate(session(), select_settled(ours), request.args.get("page", 1, type=whole_number))
    return render_template("proposals/index.html", waiting=waiting, settled=settled, kinds=kinds_now())


@pages.route("/together", methods=["GET", "POST"])
@requires(fresh=True)
def together() -> str | Response:
    """Agree to many changes at once, each seen with what is and what is to be, and each recorded for itself."""
    ours = current_organisation().id
    rows = session().execute(select_waiting(ours).limit(MOST_WAITING)).all()
    mine = [(row, name, kinds_now()[row.kind]) for row, name in rows if may_agree(row)]
    waiting = [(row, name, kind) for row, name, kind in mine if not kind.is_alone]
    if request.method == "GET":
        listed = [(row, name, kind, kind.show(session(), row)) for row, name, kind in waiting]
        return render_template("proposals/together.html", waiting=listed)
    chosen = {whole_number(value) for value in request.form.getlist("proposal") if value.isdecimal()}
    found = [(row, kind) for row, _name, kind in waiting if row.id in chosen]
    if not chosen or len(found) < len(chosen):
        raise RefusedError(N_("Choose changes that wait for you."))
    for proposal, kind in found:
        agree(session(), proposal, kind, by=current_member().id)
    flash(_("It is changed. Every member reads so on Now."), "good")
    return redirect(url_for("proposals.index"))


@pages.get("/<int:proposal_id>")
@requires()
def show(proposal_id: int) -> str:
    """Show one change: what is, and what is to be."""
    proposal = _get(proposal_id)
    kind = kinds_now()[proposal.kind]
    settled_by = proposal.settled_by_id and session().get_one(Member, proposal.settled_by_id).name
    shown = kind.show(session(), proposal)
    return render_template(
        "proposals/show.html",
        proposal=proposal,
        kind=kind,
        shown=shown,
        may_open=bool(shown.endpoint) and may_open(shown.endpoint),
        proposer=proposer_of(session(), proposal),
        settled_by=settled_by,
        waits=proposal.state == ProposalState.WAITING,
        may_agree=may_agree(proposal),
        is_own=proposal.proposed_by_id == current_member().id,
    )


@pages.post("/<int:proposal_id>/agree")
@requires(fresh=True)
def accept(proposal_id: int) -> str | Response:
    """Do what another member proposed; a secret that comes of it is shown on the answer to this form alone."""
    proposal = _get(proposal_id)
    kind = kinds_now()[proposal.kind]
    if not may_now(kind.permission):
        raise RefusedError(N_("Your roles do not allow you to agree to this."))
    told = agree(session(), proposal, kind, by=current_member().id)
    if told:
        return render_template("proposals/told.html", kind=kind, shown=kind.show(session(), proposal), told=told)
    flash(_(kind.told), "good")
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
