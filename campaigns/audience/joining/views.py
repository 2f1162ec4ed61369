"""On these staff pages ways to join are hung up, read off and taken down."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from flask import Blueprint, Flask, current_app, flash, redirect, render_template, request, url_for
from flask_babel import get_locale
from flask_babel import gettext as _
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from campaigns.audience.forms import CHANNELS, EntryPointForm
from campaigns.audience.joining import ways_to_join
from campaigns.audience.joining.links import PRODUCTS, WayIn, ways_in
from campaigns.audience.joining.qr_codes import qr_code
from campaigns.audience.models import EntryPoint
from campaigns.core.errors import InputError
from campaigns.core.settings import Settings
from campaigns.places.models import Place
from campaigns.places.queries import place_ids_and_names, places_by_id
from campaigns.public_pages.publisher import behind
from campaigns.staff.auth import current_member, current_organisation, requires
from campaigns.staff.permissions import Permission
from campaigns.staff.queries import get_owned
from campaigns.web.current import settings
from campaigns.web.keyed_pages import asked_page
from campaigns.web.people.public_words import SOURCE, Words, public_languages
from campaigns.web.session import session

pages = Blueprint("entry_points", __name__, url_prefix="/ways-to-join")

Page = str | Response | tuple[str, int]
#: Of one poster; more would be too small to be read from a few steps away.
MOST_LANGUAGES = 3
#: Where the application keeps how senders are found.
_SENDERS = "find_senders"
#: Finds the senders in use of an organisation, each with why nothing can be sent over it, or "".
FindSenders = Callable[[Session, Settings, int], Sequence[tuple[Any, str]]]


def init_entry_points(app: Flask, *, find_senders: FindSenders) -> None:
    """Tell the pages how to find the senders of an organisation, which belong to a later step."""
    app.extensions[_SENDERS] = find_senders


def senders_of(organisation_id: int) -> tuple[list[Any], list[Any]]:
    """Return an organisation's senders in use: those that hear what people write, and those that do not yet."""
    found = current_app.extensions[_SENDERS](session(), settings(), organisation_id)
    return [sender for sender, fault in found if not fault], [sender for sender, fault in found if fault]


@pages.get("")
@requires(Permission.EDIT)
def index() -> Page:
    """List the organisation's ways to join."""
    organisation_id = current_organisation().id
    found = asked_page(session(), ways_to_join.select_entry_points(organisation_id), EntryPoint.id)
    places = places_by_id(session(), organisation_id, [row.place_id for row in found.rows if row.place_id])
    return render_template("audience/joining/entry_points.html", entry_points=found, places=places)


@pages.route("/new", methods=["GET", "POST"])
@requires(Permission.EDIT)
def create() -> Page:
    """Hang up a way to join."""
    form = EntryPointForm()
    form.offer(place_ids_and_names(session(), current_organisation().id))
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
    """Show a way to join with everything that a poster needs."""
    entry_point = _entry_point(entry_point_id)
    place = session().get(Place, entry_point.place_id) if entry_point.place_id else None
    return render_template(
        "audience/joining/entry_point.html",
        entry_point=entry_point,
        place=place,
        channels=CHANNELS,
        code_of=qr_code,
        **_ways_in(entry_point),
    )


@pages.get("/<int:entry_point_id>/poster")
@requires(Permission.EDIT)
def poster(entry_point_id: int) -> Page:
    """Show a way to join as a poster to print, in one to three languages."""
    entry_point = _entry_point(entry_point_id)
    asked = [code for code in request.args.getlist("language") if code in public_languages()]
    reader = str(get_locale() or "")
    usual = next(code for code in (entry_point.language, reader, SOURCE) if code in public_languages())
    chosen = list(dict.fromkeys(asked or [usual]))[:MOST_LANGUAGES]
    return render_template(
        "audience/joining/poster.html",
        entry_point=entry_point,
        products=PRODUCTS,
        code_of=qr_code,
        # Whoever is named nowhere on the pages for everybody is not named on a wall.
        name=behind().shown_names.get(entry_point.organisation_id, current_organisation().name),
        tables=[Words(code) for code in chosen],
        unread=[code for code in chosen if code != SOURCE and code not in behind().languages],
        chosen=chosen,
        offered=public_languages(),
        places=MOST_LANGUAGES,
        cap=(settings().cap_messages, settings().cap_days),
        **_ways_in(entry_point),
    )


@pages.post("/<int:entry_point_id>/take-down")
@requires(Permission.EDIT)
def take_down(entry_point_id: int) -> Page:
    """Let nobody join this way any more."""
    ways_to_join.take_down(session(), _entry_point(entry_point_id), by=current_member().id)
    flash(_("It is taken down. Whoever joined through it stays."), "info")
    return redirect(url_for("audience.entry_points.show", entry_point_id=entry_point_id))


def _ways_in(entry_point: EntryPoint) -> dict[str, list[WayIn]]:
    """Return the ways in, and those that are left out because nobody hears there yet."""
    heard, unheard = senders_of(entry_point.organisation_id)
    return {"ways": ways_in(entry_point.code, heard), "unheard": ways_in(entry_point.code, unheard)}


def _entry_point(entry_point_id: int) -> EntryPoint:
    return get_owned(session(), EntryPoint, entry_point_id, current_organisation().id)
