"""Settings show what the organisation is called and in which time zone its members read times."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from campaigns.core.errors import InputError
from campaigns.members.forms import OrganisationForm
from campaigns.members.organisation_name import NAME, change_organisation
from campaigns.proposals.queries import find_waiting_for
from campaigns.staff.auth import current_member, current_organisation, requires
from campaigns.staff.permissions import Permission
from campaigns.web.session import session

pages = Blueprint("organisation", __name__, url_prefix="/settings/organisation")

Page = str | Response | tuple[str, int]


@pages.route("", methods=["GET", "POST"])
@requires(Permission.ADMINISTER)
def edit() -> Page:
    """Change the organisation's name and time zone."""
    ours = current_organisation()
    form = OrganisationForm(obj=ours)
    if form.validate_on_submit():
        name, time_zone = form.text("name"), form.text("time_zone")
        try:
            proposal = change_organisation(session(), ours, name=name, time_zone=time_zone, by=current_member().id)
        except InputError as error:
            form.show(error, "name")
        else:
            if proposal is not None:
                flash(_("Another administrator has to agree."), "good")
                return redirect(url_for("proposals.show", proposal_id=proposal.id))
            flash(_("The organisation is saved."), "good")
            return redirect(url_for("staff.index"))
    waiting = find_waiting_for(session(), ours.id, NAME.name, ours)
    return render_template("members/organisation.html", form=form, proposal=waiting), form.status
