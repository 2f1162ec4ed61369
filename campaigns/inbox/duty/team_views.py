"""Administrators name the teams to which conversations may be offered."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from campaigns.core.errors import InputError
from campaigns.inbox.duty import teams
from campaigns.inbox.duty.forms import TeamForm
from campaigns.inbox.duty.models import Team
from campaigns.inbox.duty.queries import load_readers
from campaigns.staff.auth import current_member, current_organisation, requires
from campaigns.staff.permissions import Permission
from campaigns.staff.queries import get_owned, load_member_names
from campaigns.web.filters import alphabetical
from campaigns.web.forms import options
from campaigns.web.session import session

pages = Blueprint("teams", __name__, url_prefix="/settings/teams")

Page = str | Response | tuple[str, int]


@pages.route("", methods=["GET", "POST"])
@requires(Permission.ADMINISTER)
def index() -> Page:
    """List the teams, and add one."""
    ours, form = current_organisation().id, _form()
    if form.validate_on_submit() and _save(teams.new_team(ours), form):
        return redirect(url_for("teams.index"))
    members = teams.load_team_members(session(), ours)
    return render_template(
        "inbox/duty/teams.html",
        teams=teams.load_teams(session(), ours),
        members=members,
        names=load_member_names(session(), {each for row in members.values() for each in row}),
        form=form,
    ), form.status


@pages.route("/<int:team_id>", methods=["GET", "POST"])
@requires(Permission.ADMINISTER)
def edit(team_id: int) -> Page:
    """Change a team."""
    team, form = get_owned(session(), Team, team_id, current_organisation().id), _form()
    if not form.is_submitted():
        own = teams.load_team_members(session(), team.organisation_id).get(team.id, [])
        form.name.data, form.members.data = team.name, [str(each) for each in own]
    elif form.validate() and _save(team, form):
        return redirect(url_for("teams.index"))
    return render_template("inbox/duty/team.html", team=team, form=form), form.status


@pages.post("/<int:team_id>/remove")
@requires(Permission.ADMINISTER)
def remove(team_id: int) -> Response:
    """Forget a team."""
    team = get_owned(session(), Team, team_id, current_organisation().id)
    teams.remove_team(session(), team, by=current_member().id)
    flash(_("The team is removed."), "good")
    return redirect(url_for("teams.index"))


def _form() -> TeamForm:
    form, responders = TeamForm(), load_readers(session(), current_organisation().id)
    names = sorted(load_member_names(session(), responders).items(), key=lambda each: alphabetical(each[1]))
    form.members.choices = options((str(key), name) for key, name in names)
    return form


def _save(team: Team, form: TeamForm) -> bool:
    members = [int(each) for each in form.members.data or ()]
    try:
        teams.save_team(session(), team, form.text("name"), members, by=current_member().id)
    except InputError as error:
        form.show(error)
        return False
    flash(_("The team is saved."), "good")
    return True
