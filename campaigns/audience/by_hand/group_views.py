"""On these pages a data manager adds, renames and deletes groups, and sees how many contacts each has."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as Redirect

from campaigns.audience.by_hand.forms import GroupForm
from campaigns.audience.by_hand.group_changes import change_group, delete_group
from campaigns.audience.figures import Freshness, find_figures
from campaigns.audience.forms import GROUP_KINDS
from campaigns.audience.grouping import create_group, select_groups
from campaigns.audience.kept.people_questions import ask_grouped
from campaigns.audience.models import ContactGroup, GroupKind
from campaigns.audience.queries import find_naming
from campaigns.core.errors import InputError, TransitionError
from campaigns.staff.auth import current_member, current_organisation, requires
from campaigns.staff.permissions import Permission
from campaigns.staff.queries import get_owned
from campaigns.web.error_words import said
from campaigns.web.keyed_pages import asked_names
from campaigns.web.session import refuse_commit, session

pages = Blueprint("groups", __name__, url_prefix="/contacts/groups")

Page = str | Redirect | tuple[str, int]


@pages.route("", methods=["GET", "POST"])
@requires(Permission.HANDLE_CONTACTS)
def index() -> Page:
    """List the groups, and add one."""
    form, of = GroupForm(), current_organisation().id
    if form.validate_on_submit():
        kind = GroupKind(form.text("kind"))
        try:
            create_group(session(), of, kind=kind, name=form.text("name"), by=current_member().id)
        except InputError as error:
            form.show(error, "name")
        else:
            flash(_("The group is added."), "good")
            return _to_all()
    people, counted = _people()
    found = asked_names(session(), select_groups(of), ContactGroup.name, ContactGroup.id, words="groups")
    shown = {"groups": found, "kinds": GROUP_KINDS, "people": people, "counted": counted}
    return render_template("audience/by_hand/groups.html", form=form, **shown), form.status


@pages.route("/<int:group_id>", methods=["GET", "POST"])
@requires(Permission.HANDLE_CONTACTS)
def edit(group_id: int) -> Page:
    """Give a group another name or kind."""
    group = _group(group_id)
    form = GroupForm(data={"name": group.name, "kind": group.kind})
    if form.validate_on_submit():
        kind = GroupKind(form.text("kind"))
        try:
            change_group(session(), group, kind=kind, name=form.text("name"), by=current_member().id)
        except InputError as error:
            form.show(error, "name")
        else:
            flash(_("The group is changed."), "good")
            return _to_all()
    audiences = find_naming(session(), group.organisation_id, "group", group.id)
    return render_template("audience/by_hand/group.html", form=form, group=group, audiences=audiences), form.status


@pages.route("/<int:group_id>/delete", methods=["GET", "POST"])
@requires(Permission.HANDLE_CONTACTS)
def delete(group_id: int) -> Page:
    """Ask whether a group is to be deleted, and delete it once a member says so."""
    group = _group(group_id)
    if request.method == "POST":
        try:
            delete_group(session(), group, by=current_member().id)
        except TransitionError as error:
            refuse_commit()
            flash(said(error), "bad")
            return redirect(url_for("audience.groups.delete", group_id=group_id))
        flash(_("The group is deleted. Its people stay contacts."), "good")
        return _to_all()
    people, counted = _people()
    audiences = find_naming(session(), group.organisation_id, "group", group.id)
    shown = {"group": group, "audiences": audiences, "people": people, "counted": counted}
    return render_template("audience/by_hand/delete_group.html", **shown)


def _people() -> tuple[dict[int, int] | None, Freshness]:
    """Return how many contacts each group has, by its id, and how that count stands; None: not counted yet."""
    (rows,), counted = find_figures([ask_grouped()])
    return (None if rows is None else dict(rows)), counted


def _group(group_id: int) -> ContactGroup:
    return get_owned(session(), ContactGroup, group_id, current_organisation().id)


def _to_all() -> Redirect:
    return redirect(url_for("audience.groups.index"))
