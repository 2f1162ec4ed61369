"""Staff pages show the map with its list, hotspots and stops, routes, and files in and out."""

from __future__ import annotations

import json
from typing import cast

from flask import (
    Blueprint,
    Flask,
    Response,
    current_app,
    flash,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from flask_babel import get_locale
from flask_babel import gettext as _
from geopy.location import Location
from werkzeug.wrappers import Response as Redirect

from campaigns.core.errors import GeometryError, InputError, NotFoundError, RouteError
from campaigns.core.words import N_
from campaigns.places import compare_views, labels, map_views, place_lists, proposed, service
from campaigns.places.changes.guard import FindUsed, Guard
from campaigns.places.drafts import Imported
from campaigns.places.files.geojson import write_hotspots
from campaigns.places.files.incoming import read_places
from campaigns.places.files.sheets import write_locations, write_routes
from campaigns.places.forms import ImportForm, PlaceForm, RouteForm, as_saved, given_in
from campaigns.places.geography.atlas import CREDIT
from campaigns.places.geography.gazetteer import OwnGazetteer
from campaigns.places.geography.shapes import anchor_of
from campaigns.places.models import Place, PlaceKind, Route
from campaigns.places.place_names import name_table
from campaigns.places.place_names.candidates import SURE
from campaigns.places.place_names.geocoder import GazetteerGeocoder
from campaigns.places.place_story import WITH_PEOPLE, TellPlace, init_story, story_of
from campaigns.places.queries import (
    count_named_alike,
    has_source,
    load_countries,
    place_choices,
    places_by_id,
    programmes_of,
    routes_through,
    select_places,
    select_routes,
)
from campaigns.proposals.holding import hold
from campaigns.proposals.models import Proposal
from campaigns.proposals.queries import find_waiting_for
from campaigns.staff.auth import current_member, current_organisation, may_now, requires
from campaigns.staff.permissions import Permission
from campaigns.staff.queries import get_owned
from campaigns.staff.typed.views import led_back, refill, stand_for
from campaigns.web.filters import alphabetical, with_link
from campaigns.web.guards.bodies import takes_file
from campaigns.web.number_fields import whole_number
from campaigns.web.session import begin_writing, reads_first, session
from campaigns.web.uploads import read_upload, take_whole

pages = Blueprint("places", __name__, url_prefix="/places")

Page = str | Response | Redirect | tuple[str, int]
#: Where an application keeps how to find out what is in use.
_USED = "fingerpost.used_places"
pages.register_blueprint(compare_views.pages)
pages.register_blueprint(map_views.pages)


def init_places(app: Flask, *, find_used: FindUsed, tell_place: TellPlace) -> None:
    """Tell the pages of `app` how to find out what is in use and what to tell of a place: later steps know."""
    app.extensions[_USED] = find_used
    init_story(app, tell_place)


@pages.context_processor
def vocabulary() -> dict[str, object]:
    """Let templates name categories, and tell the map what to say and show."""
    return {"labels": labels, "map_data": _map_data}


@pages.get("")
@requires(Permission.READ_CONTENT)
def index() -> Page:
    """Show the map and the list of hotspots, routes and stops."""
    organisation_id = current_organisation().id
    lists = place_lists.lists_asked_for(session(), organisation_id)
    return render_template(
        "places/index.html",
        lists=lists,
        stops_by_country=labels.grouped(lists.stops.page.rows, labels.country_of),
        routes_by_programme=labels.grouped(lists.routes.page.rows, labels.programme_of),
        has_scenario=has_source(session(), organisation_id, labels.SCENARIO),
        countries=load_countries(session(), organisation_id),
    )


@pages.route("/new", methods=["GET", "POST"])
@requires(Permission.EDIT)
def create() -> Page:
    """Mark a new hotspot or stop."""
    form = PlaceForm(given=given_in(request.args))
    if form.validate_on_submit():
        try:
            place = service.save_hotspot(
                session(), current_organisation().id, form.draft(), by=current_member().id
            )
        except InputError as error:
            form.show_beside(error)
        else:
            return _told_of_place(place, _("%(name)s is on the map.", name=place.name))
    return _place_page(form, None)


@pages.get("/<int:place_id>")
@requires(Permission.READ_CONTENT)
def show(place_id: int) -> Page:
    """Show a hotspot or stop: its last campaigns, who is there if asked, and for whoever edits its form."""
    place = _place(place_id)
    return _place_page(PlaceForm(place, given=given_in(request.args)), place)


@pages.post("/<int:place_id>")
@requires(Permission.EDIT)
def edit(place_id: int) -> Page:
    """Change a hotspot or stop."""
    place = _place(place_id)
    hold(session(), place)
    if (back := led_back(*as_saved(place))) is not None:
        return back
    form = PlaceForm(place, given=given_in(request.args))
    if form.validate_on_submit():
        try:
            proposal = proposed.change_place(
                session(), place, form.draft(), by=current_member().id, find_used=_find_used()
            )
        except InputError as error:
            form.show_beside(error)
        else:
            if proposal is not None:
                return _told_of(proposal)
            return _told_of_place(place, _("%(name)s is saved.", name=place.name))
    return _place_page(form, place)


@pages.route("/<int:place_id>/delete", methods=["GET", "POST"])
@requires(Permission.EDIT)
def remove(place_id: int) -> Page:
    """Ask, then delete a hotspot or stop."""
    place = _place(place_id)
    if request.method == "POST":
        service.delete_place(session(), place, by=current_member().id)
        flash(_("%(name)s is deleted.", name=place.name), "good")
        return redirect(url_for("places.index"))
    routes = routes_through(session(), [place.id])
    return render_template("places/delete_place.html", place=place, routes=routes, **_use_of(place))


@pages.route("/routes/new", methods=["GET", "POST"])
@requires(Permission.EDIT)
def create_route() -> Page:
    """Make a new route, or one that begins as another is (`copy`)."""
    copied = request.args.get("copy", type=whole_number)
    model = get_owned(session(), Route, copied, current_organisation().id) if copied is not None else None
    return _route_page(None, model)


@pages.route("/routes/<int:route_id>", methods=["GET", "POST"])
@requires(Permission.EDIT)
def edit_route(route_id: int) -> Page:
    """Show and change a route."""
    return _route_page(get_owned(session(), Route, route_id, current_organisation().id))


@pages.route("/routes/<int:route_id>/delete", methods=["GET", "POST"])
@requires(Permission.EDIT)
def remove_route(route_id: int) -> Page:
    """Ask, then delete a route."""
    route = get_owned(session(), Route, route_id, current_organisation().id)
    if request.method == "POST":
        service.delete_route(session(), route, by=current_member().id)
        flash(_("%(name)s is deleted. Its waypoints are still there.", name=route.name), "good")
        return redirect(url_for("places.index"))
    return render_template("places/delete_route.html", edited=route, **_use_of(route))


@pages.route("/import", methods=["GET", "POST"])
@takes_file
@requires(Permission.EDIT)
@reads_first
def import_file() -> Page:
    """Import a file of locations, routes or hotspots: all of it, or nothing and every wrong row."""
    form = ImportForm()
    taken = take_whole(form, lambda: _import(form))
    if (done := taken.done) is None:
        page = render_template("places/import.html", form=form, problems=taken.problems)
        return page, taken.status
    flash(labels.said_of_import(done.added, done.changed, done.unchanged), "good")
    if not done.waiting:
        return redirect(url_for("places.index"))
    flash(labels.said_of_waiting(done.waiting), "warning")
    return redirect(url_for("proposals.index"))


@pages.get("/locations.csv")
@requires(Permission.EDIT, fresh=True)
def export_locations() -> Page:
    """Download every place that is a circle as a sheet that can be imported again."""
    statement = select_places(current_organisation().id).order_by(None).order_by(Place.id)
    places = [place for place in session().scalars(statement) if place.radius_m is not None]
    return _file(write_locations(places), "locations.csv", "text/csv")


@pages.get("/routes.csv")
@requires(Permission.EDIT, fresh=True)
def export_routes() -> Page:
    """Download every route as a sheet that can be imported again."""
    statement = select_routes(current_organisation().id).order_by(None).order_by(Route.id)
    return _file(write_routes(session().scalars(statement).all()), "routes.csv", "text/csv")


@pages.get("/hotspots.geojson")
@requires(Permission.EDIT, fresh=True)
def export_hotspots() -> Page:
    """Download the hotspots as GeoJSON that can be imported again."""
    hotspots = session().scalars(select_places(current_organisation().id, PlaceKind.HOTSPOT)).all()
    return _file(write_hotspots(hotspots), "hotspots.geojson", "application/geo+json")


def _place_page(form: PlaceForm, place: Place | None) -> Page:
    """Show the form of a place beside the map, with what was found for a name."""
    find = request.args.get("find", "").strip()[:100]
    saved = as_saved(place) if place else None
    if not request.args.keys() - {WITH_PEOPLE} and may_now(Permission.EDIT):
        # What the address names goes before what was typed.
        refill(form, is_new=place is None, stored=saved[1] if saved else None)
    elif saved:
        stand_for(*saved)
    found = _search(_places() if find else [], find)
    page = render_template(
        "places/place.html",
        form=form,
        place=place,
        find=find,
        found=found,
        credit=name_table.CREDIT if any(one.raw["kind"] == "town" for one in found) else None,
        countries=load_countries(session(), current_organisation().id),
        told=story_of(place) if place else None,
        **_use_of(place),
    )
    return page, form.status


def _told_of_saved(saved: Place | Route, done: str) -> Redirect:
    """Show map and list, with what was done first; the map shows what the link in it names."""
    anchor = f"place-{saved.id}" if isinstance(saved, Place) else f"route-{saved.id}"
    listed_at = url_for("places.index", _anchor=anchor, **place_lists.where_listed(session(), saved))
    flash(with_link(done, listed_at, _("Show it in the list")), "good")
    return redirect(url_for("places.index"))


def _told_of_place(place: Place, done: str) -> Redirect:
    answer = _told_of_saved(place, done)
    _warn_of_namesakes(place)
    return answer


def _warn_of_namesakes(place: Place) -> None:
    """Say so where another place has the name: in lists and files nobody could tell them apart."""
    if count_named_alike(session(), place.organisation_id, place.name) > 1:
        flash(
            _("There is another place called %(name)s. Give one of them a longer name.", name=place.name),
            "warning",
        )


def _route_page(route: Route | None, model: Route | None = None) -> Page:
    """Show the form of a route; its buttons change the order of stops on the page, only Save stores it."""
    organisation_id = current_organisation().id
    form = RouteForm(place_choices(session(), organisation_id), route or model)
    if model and not form.is_submitted():
        form.name.data = f"{model.name} 2"
    act = request.form.get("act", "save")
    if request.method == "POST" and act != "save":
        form.rearrange(act)
    elif form.validate_on_submit():
        try:
            saved = _saved_route(form, route, model)
        except (RouteError, GeometryError) as error:
            form.show(error, "stops")
        else:
            if isinstance(saved, Proposal):
                return _told_of(saved)
            return _told_of_saved(saved, _("%(name)s is saved.", name=saved.name))
    by_id = places_by_id(session(), organisation_id, set(form.stops.data))
    chosen = [(by_id[stop], anchor_of(by_id[stop].geometry)) for stop in form.stops.data if stop in by_id]
    page = render_template(
        "places/route.html",
        form=form,
        edited=route,
        chosen=chosen,
        programmes=_programmes(),
        countries=load_countries(session(), organisation_id),
        **_use_of(route),
    )
    return page, form.status


def _saved_route(form: RouteForm, route: Route | None, model: Route | None) -> Route | Proposal:
    """Save a route, or propose what changes one in use. Raises RouteError and GeometryError."""
    by = current_member().id
    if model is not None:
        return service.copy_route(session(), model, form.draft(), by=by)
    if route is None:
        return service.save_route(session(), current_organisation().id, form.draft(), by=by)
    return proposed.change_route(session(), route, form.draft(), by=by, find_used=_find_used()) or route


def _programmes() -> list[str]:
    used = programmes_of(session(), current_organisation().id)
    return sorted(map(labels.programme_name, used), key=alphabetical)


def _find_used() -> FindUsed:
    return cast(FindUsed, current_app.extensions[_USED])


def _use_of(subject: Place | Route | None) -> dict[str, object]:
    """Say of a stored place or route whether it is in use, and what waits for a second member."""
    if subject is None:
        return {"in_use": False, "waiting": None}
    kind = proposed.PLACE if isinstance(subject, Place) else proposed.ROUTE
    guard = Guard.of(session(), _find_used()(session(), subject.organisation_id))
    used = guard.place_ids if isinstance(subject, Place) else guard.route_ids
    waiting = find_waiting_for(session(), subject.organisation_id, kind.name, subject)
    return {"in_use": subject.id in used, "waiting": waiting}


def _told_of(proposal: Proposal) -> Redirect:
    flash(_("It is in use: its shape and name change when a second member agrees. Until then all stays."), "good")
    return redirect(url_for("proposals.show", proposal_id=proposal.id))


def _places() -> list[Place]:
    return list(session().scalars(select_places(current_organisation().id)))


def _place(place_id: int) -> Place:
    place = get_owned(session(), Place, place_id, current_organisation().id)
    if place.kind == PlaceKind.CORRIDOR:
        raise NotFoundError(N_("The strip along a route is changed on the page of the route."))
    return place


def _search(places: list[Place], name: str) -> list[Location]:
    """Return own places, regions and towns of a name; towns spelt otherwise only when nothing else has it."""
    language = str(get_locale())
    own = OwnGazetteer(places, language).search(name) if name else []
    towns = GazetteerGeocoder().geocode(name, exactly_one=False, language=language) or []
    return [*own, *(town for town in towns if not own or town.raw["match"] in SURE)]


def _map_data(countries: list[str]) -> dict[str, str]:
    """Return the data attributes of a map element: where its content comes from, and its words."""
    return {
        "data-features": url_for("places.map.features"),
        "data-outlines": url_for("places.map.outlines", countries=",".join(countries), language=str(get_locale())),
        "data-towns": url_for("places.map.towns", language=str(get_locale())),
        "data-words": json.dumps(labels.map_words()),
        "data-credit": f"{CREDIT} · {name_table.CREDIT}",
    }


def _import(form: ImportForm) -> Imported:
    """Import the file of a form. Raises InputError."""
    incoming = read_upload(read_places, form.file.data.stream)
    begin_writing()
    return proposed.import_incoming(
        session(),
        current_organisation().id,
        incoming,
        by=current_member().id,
        find_used=_find_used(),
        source=form.file.data.filename[:200] or None,
    )


def _file(text: str, name: str, content_type: str) -> Response:
    answer = make_response(text)
    answer.content_type = f"{content_type}; charset=utf-8"
    answer.headers["Content-Disposition"] = f"attachment; filename={name}"
    return answer
