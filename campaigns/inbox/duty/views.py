"""Settings show the duty roster with its gaps, and let administrators change it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from campaigns.core import clock
from campaigns.core.errors import InputError
from campaigns.inbox.duty import service, unreachable
from campaigns.inbox.duty.forms import DutyForm
from campaigns.inbox.duty.models import Duty
from campaigns.inbox.duty.queries import load_roster
from campaigns.inbox.duty.roster import Roster
from campaigns.inbox.duty.teams import load_teams, members_of
from campaigns.inbox.duty.unreachable import load_unreachable
from campaigns.planning.labels import WEEKDAYS, weekday_name
from campaigns.staff.auth import current_member, current_organisation, requires
from campaigns.staff.permissions import Permission
from campaigns.staff.queries import get_membership, get_owned, load_member_names
from campaigns.staff.typed.views import refill
from campaigns.web.current import settings
from campaigns.web.filters import alphabetical, listed
from campaigns.web.number_fields import whole_number
from campaigns.web.session import session

pages = Blueprint("duty", __name__, url_prefix="/settings/duty")

Page = str | Response | tuple[str, int]

#: For so long gaps are looked for: every duty comes again within it.
WEEK = timedelta(days=7)


@pages.get("")
@requires()
def index() -> Page:
    """Show who answers when, and when nobody does: of all, or of one team."""
    now, roster, team = clock.now(), _roster(), request.args.get("team", 0, type=whole_number)
    teams = {each.id: each.name for each in load_teams(session(), current_organisation().id)}
    kept = roster.kept_by(members_of(session(), team)) if team in teams else roster
    covered = {code for each in roster.entries for member in each.answering for code in roster.readers[member]}
    return render_template(
        "inbox/duty/index.html",
        roster=roster,
        shown=[each for each in roster.entries if each.id in {one.id for one in kept.entries}],
        teams=teams,
        team=team,
        running={each.id for each in roster.on_duty(now)},
        gaps=kept.gaps(now, _whole_minute(now + WEEK)) if kept.entries else [],
        changes=roster.clock_changes(now),
        unread=[code for code in _languages_of(roster) if code not in covered],
        names=load_member_names(session(), roster.readers),
        unreachable=load_unreachable(session(), roster.readers, now=now),
        day_words=_day_words,
        usual=(settings().duty_from, settings().duty_until),
    )


@pages.route("/add", methods=["GET", "POST"])
@requires(Permission.ADMINISTER)
def add() -> Page:
    """Add a duty."""
    form = _form()
    refill(form, is_new=True)
    if form.validate_on_submit():
        try:
            service.add_duty(session(), current_organisation().id, form.planned(), by=current_member().id)
        except InputError as error:
            form.show(error)
        else:
            flash(_("The duty is on the roster."), "good")
            return redirect(url_for("duty.index"))
    return render_template("inbox/duty/edit.html", form=form, duty=None), form.status


@pages.route("/<int:duty_id>", methods=["GET", "POST"])
@requires(Permission.ADMINISTER)
def edit(duty_id: int) -> Page:
    """Change a duty."""
    duty, form = _own(duty_id), _form()
    if not form.is_submitted():
        form.show_duty(duty, next(each for each in _roster().entries if each.id == duty.id))
        refill(form)
    elif form.validate():
        try:
            service.change_duty(session(), duty, form.planned(), by=current_member().id)
        except InputError as error:
            form.show(error)
        else:
            flash(_("The duty is saved."), "good")
            return redirect(url_for("duty.index"))
    return render_template("inbox/duty/edit.html", form=form, duty=duty), form.status


@pages.post("/<int:duty_id>/remove")
@requires(Permission.ADMINISTER)
def remove(duty_id: int) -> Response:
    """Take a duty off the roster."""
    service.remove_duty(session(), _own(duty_id), by=current_member().id)
    flash(_("The duty is off the roster. Look whether it leaves a gap."), "good")
    return redirect(url_for("duty.index"))


@pages.post("/reachable/<int:member_id>")
@requires(Permission.ADMINISTER)
def try_again(member_id: int) -> Response:
    """Let a member be told by mail again whom it did not reach."""
    ours = current_organisation()
    member = get_membership(session(), ours.id, member_id).member
    unreachable.try_again(session(), ours.id, member, by=current_member().id)
    flash(_("They get e-mails again."), "good")
    return redirect(url_for("duty.index"))


def _form() -> DutyForm:
    form, roster = DutyForm(), _roster()
    names = load_member_names(session(), roster.readers)
    form.offer({each: names[each] for each in sorted(names, key=lambda each: alphabetical(names[each]))})
    return form


def _roster() -> Roster:
    return load_roster(session(), current_organisation(), settings())


def _own(duty_id: int) -> Duty:
    return get_owned(session(), Duty, duty_id, current_organisation().id)


def _languages_of(roster: Roster) -> list[str]:
    return sorted({code for each in roster.entries for code in each.languages})


def _day_words(days: Iterable[int]) -> str:
    return listed(weekday_name(WEEKDAYS[day]) for day in sorted(days))


def _whole_minute(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)
