"""Staff pages show a change of a place or route in use: the map of what it is and what it is to be."""

from __future__ import annotations

from flask import Blueprint, Response, make_response, render_template, url_for

from campaigns.core.errors import NotFoundError
from campaigns.core.words import N_
from campaigns.places import proposed
from campaigns.places.changes import comparison
from campaigns.places.geography.cells import locate
from campaigns.places.maps import collect
from campaigns.proposals.models import Proposal
from campaigns.staff.auth import current_organisation, may_now, requires
from campaigns.staff.permissions import Permission
from campaigns.staff.queries import get_owned
from campaigns.web.session import session

pages = Blueprint("compare", __name__, url_prefix="/compare")


@pages.get("/<int:change_id>")
@requires(Permission.READ_CONTENT)
def show(change_id: int) -> str:
    """Show on the map what a place or route in use is, and what it is proposed to be."""
    proposal = _get(change_id)
    is_place = proposal.kind == proposed.PLACE.name
    subject_id = proposal.subject_id
    found = {locate(*at).country for at in comparison.positions_of(proposal)}
    return render_template(
        "places/compare.html",
        proposal=proposal,
        name=proposal.before["name"],
        countries=sorted(country for country in found if country),
        editing=url_for("places.show", place_id=subject_id)
        if is_place
        else url_for("places.edit_route", route_id=subject_id),
        may_edit=may_now(Permission.EDIT),
    )


@pages.get("/<int:change_id>/map.json")
@requires(Permission.READ_CONTENT)
def features(change_id: int) -> Response:
    """Answer both shapes, as the map draws them."""
    return make_response(collect(comparison.features_of(_get(change_id))))


def _get(change_id: int) -> Proposal:
    proposal = get_owned(session(), Proposal, change_id, current_organisation().id)
    if proposal.kind not in {kind.name for kind in proposed.KINDS}:
        raise NotFoundError(N_("It does not exist, or is not yours to see."))
    return proposal
