"""On these staff pages entry points are hung up, read off and taken down."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Flask, current_app, flash, redirect, render_template, url_for
from flask_babel import gettext as _
from sqlalchemy import Select
from werkzeug.wrappers import Response

from campaigns.audience.forms import CHANNELS, EntryPointForm
from campaigns.audience.joining import ways_to_join
from campaigns.audience.joining.links import WayIn, ways_in
from campaigns.audience.joining.qr_codes import qr_code
from campaigns.audience.models import EntryPoint
from campaigns.core.errors import InputError
from campaigns.places.models import Place
from campaigns.places.queries import places_by_id, select_places
from campaigns.staff.auth import current_member, current_organisation, requires
from campaigns.staff.permissions import Permission
from campaigns.staff.queries import get_owned
from campaigns.web.session import session

pages = Blueprint("entry_points", __name__, url_prefix="/ways-to-join")

Page = str | Response | tuple[str, int]
#: Where the application keeps how senders are selected.
SENDERS = "select_senders"


def init_entry_points(app: Flask, *, select_senders: Callable[[int], Select[Any]]) -> None:
    """Tell the pages how to select the senders of an organisation, which belong to a later step."""
    app.extensions[SENDERS] = select_senders


@pages.get("")
@requires(Permission.EDIT)
def index() -> Page:
    """List the organisation's entry points."""
    organisation_id = current_organisation().id
    found = session().scalars(ways_to_join.select_entry_points(organisation_id)).all()
    places = places_by_id(session(), organisation_id, [row.place_id for row in found if row.place_id])
    return render_template("audience/joining/entry_points.html", entry_points=found, places=places)


@pages.route("/new", methods=["GET", "POST"])
@requires(Permission.EDIT)
def create() -> Page:
    """Hang up an entry point."""
    form = EntryPointForm()
    form.offer(session().scalars(select_places(current_organisation().id)))
    if form.validate_on_submit():
        try:
            made = ways_to_join.create_entry_point(
                session(),
                current_organisation().id,
                name=form.text("name"),
                code=form.text("code").strip(),
                place_id=form.place,
                language=form.text("language") or None,
                by=current_member().id,
            )
        except InputError as error:
            form.show(error)
        else:
            return redirect(url_for("audience.entry_points.show", entry_point_id=made.id))
    return render_template("audience/joining/entry_point_form.html", form=form), form.status


@pages.get("/<int:entry_point_id>")
@requires(Permission.EDIT)
def show(entry_point_id: int) -> Page:
    """Show an entry point with everything that a poster needs."""
    entry_point = _entry_point(entry_point_id)
    place = session().get(Place, entry_point.place_id) if entry_point.place_id else None
    return render_template(
        "audience/joining/entry_point.html",
        entry_point=entry_point,
        place=place,
        ways=_ways_in(entry_point),
        channels=CHANNELS,
        code_of=qr_code,
    )


@pages.post("/<int:entry_point_id>/take-down")
@requires(Permission.EDIT)
def take_down(entry_point_id: int) -> Page:
    """Let nobody join through an entry point any more."""
    ways_to_join.take_down(session(), _entry_point(entry_point_id), by=current_member().id)
    flash(_("It is taken down. Whoever joined through it stays."), "info")
    return redirect(url_for("audience.entry_points.show", entry_point_id=entry_point_id))


def _ways_in(entry_point: EntryPoint) -> list[WayIn]:
    senders = session().scalars(current_app.extensions[SENDERS](entry_point.organisation_id))
    return ways_in(entry_point.code, senders)


def _entry_point(entry_point_id: int) -> EntryPoint:
    return get_owned(session(), EntryPoint, entry_point_id, current_organisation().id)
