"""Staff pages save audience rules, and preview whom a rule means."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response

from campaigns.audience import queries, service
from campaigns.audience.by_hand.group_views import pages as group_pages
from campaigns.audience.by_hand.views import pages as by_hand_pages
from campaigns.audience.contact_views import pages as contact_pages
from campaigns.audience.figures import find_contacts, find_preview
from campaigns.audience.forms import (
    CHANNELS,
    DEFAULT_AGE_DAYS,
    DIRECTIONS,
    AudienceForm,
    form_data,
    route_fields,
    routes_named,
    words_of_stretches,
)
from campaigns.audience.grouping import select_groups
from campaigns.audience.joining.views import pages as entry_point_pages
from campaigns.audience.models import Audience
from campaigns.audience.rules import AudienceRule
from campaigns.audience.shown_counts.count_views import pages as count_pages
from campaigns.audience.shown_counts.look_notes import note_small
from campaigns.audience.shown_counts.silent_views import pages as silent_pages
from campaigns.core.errors import AudienceRuleError, InputError
from campaigns.core.languages import all_languages
from campaigns.core.small_numbers import is_told, rounded, told
from campaigns.places.models import Route
from campaigns.places.queries import named_routes, place_ids_and_names, regions_by_id, select_routes
from campaigns.staff.auth import current_member, current_organisation, may_now, requires
from campaigns.staff.permissions import Permission
from campaigns.staff.queries import get_owned
from campaigns.staff.typed.views import refill
from campaigns.web.error_words import refusals_told, said
from campaigns.web.keyed_pages import KeyedPage, asked_names
from campaigns.web.number_fields import whole_number
from campaigns.web.session import session

pages = Blueprint("audience", __name__, url_prefix="/audience")
pages.register_blueprint(by_hand_pages)
pages.register_blueprint(contact_pages)
pages.register_blueprint(count_pages)
pages.register_blueprint(entry_point_pages)
pages.register_blueprint(group_pages)
pages.register_blueprint(silent_pages)


Page = str | Response | tuple[str, int]


# As authors see them, whoever else they are.
pages.add_app_template_filter(rounded)
pages.add_app_template_filter(is_told)
pages.add_app_template_filter(told)


@pages.app_template_global()
def audiences_naming(kind: str, named_id: int) -> Sequence[Audience]:
    """Return the audiences that name a place or route, for the page that asks whether to delete it."""
    return queries.find_naming(session(), current_organisation().id, kind, named_id)


@pages.get("")
@requires()
def index() -> Page:
    """List the saved audiences, and how many contacts there are."""
    organisation = current_organisation()
    audiences = KeyedPage([], None, None)
    if may_now(Permission.READ_CONTENT):
        saved = queries.select_audiences(organisation.id)
        audiences = asked_names(session(), saved, Audience.name, Audience.id, words="audiences")
    contacts, counted = find_contacts()
    total = None if contacts is None else contacts.total
    return render_template("audience/index.html", audiences=audiences, contacts=total, counted=counted)


@pages.route("/new", methods=["GET", "POST"])
@requires(Permission.EDIT)
def create() -> Page:
    """Save a new audience."""
    silent = request.args.get("silent", type=whole_number)
    given = {"max_position_age_days": None if silent else DEFAULT_AGE_DAYS, "silent_days": silent}
    return _edit(AudienceForm(data=given if request.method == "GET" else None), None)


@pages.get("/<int:audience_id>")
@requires(Permission.READ_CONTENT)
def show(audience_id: int) -> Page:
    """Show an audience with its preview; to whoever edits it, ready to be changed."""
    audience = _audience(audience_id)
    saved = AudienceRule.from_json(audience.rule)
    form = AudienceForm(data=form_data(saved, audience.name))
    _offer(form)
    given = _stretches(form, saved)
    rule = _refilled(form, given, saved) if may_now(Permission.EDIT) else saved
    return _page(form, audience, rule, given)


@pages.post("/<int:audience_id>")
@requires(Permission.EDIT)
def save(audience_id: int) -> Page:
    """Change an audience."""
    return _edit(AudienceForm(), _audience(audience_id))


@pages.post("/<int:audience_id>/duplicate")
@requires(Permission.EDIT)
def duplicate(audience_id: int) -> Response:
    """Copy an audience and open the copy."""
    opened = _audience(audience_id)
    with refusals_told(InputError):
        opened = service.duplicate_audience(session(), opened, by=current_member().id)
        flash(_("This is the copy. Campaigns go on with the other one."), "good")
    return redirect(url_for("audience.show", audience_id=opened.id))


@pages.get("/preview")
@requires(Permission.EDIT)
def preview() -> Page:
    """Show whom the rule of a form means, saved or not, as a part of the page.

    Asked for by GET: counting a million people must not hold the writer's lock.
    """
    form = AudienceForm(request.args)
    try:
        rule = form.rule(_routes(routes_named(request.args)), request.args)
        if (of := request.args.get("of", type=whole_number)) is not None:
            service.check_not_widened(session(), _audience(of), rule)
    except AudienceRuleError as error:
        return render_template("audience/_preview.html", preview=None, counted=None, problem=said(error))
    return render_template("audience/_preview.html", problem="", may_edit=True, **_counted(rule))


def _edit(form: AudienceForm, audience: Audience | None) -> Page:
    """Save what was sent, or show the form with what is wrong; nothing typed is lost."""
    _offer(form)
    if request.method == "GET":
        given = _stretches(form, None)
        return _page(form, audience, _refilled(form, given, None), given)
    rule = None
    try:
        rule = form.rule(_routes(routes_named(request.form)), request.form)
        if audience is not None:
            service.check_not_widened(session(), audience, rule)
        if form.validate_on_submit() and "save" in request.form:
            return _saved(audience, str(form.name.data), rule)
    except InputError as error:
        # Whoever only finds something has not said all of it yet.
        if not form.finds:
            form.show(error)
    return _page(form, audience, rule, request.form)


def _stretches(form: AudienceForm, rule: AudienceRule | None) -> MultiDict[str, str]:
    """Return the fields of every route, with what a rule says of it."""
    return MultiDict(dict.fromkeys(form.stretches, "") | (route_fields(rule) if rule else {}))


def _refilled(form: AudienceForm, given: MultiDict[str, str], saved: AudienceRule | None) -> AudienceRule | None:
    """Fill in what was typed and not saved, and return the rule that the form then says."""
    if refill(form, given, _in_words, is_new=saved is None):
        # What was typed may name regions that are offered only where they are named.
        _offer(form)
    elif saved is not None:
        return saved
    try:
        return form.rule(_routes(routes_named(name for name, text in given.items() if text)), given)
    except AudienceRuleError:
        return None


def _in_words(given: Mapping[str, str]) -> Iterable[tuple[str, str]]:
    return words_of_stretches(_routes(routes_named(given)), given)


def _saved(audience: Audience | None, name: str, rule: AudienceRule) -> Response:
    by, organisation = current_member().id, current_organisation()
    if audience is None:
        audience = service.create_audience(session(), organisation.id, name=name, rule=rule, by=by)
    else:
        service.update_audience(session(), audience, name=name, rule=rule, by=by)
    flash(_("The audience is saved."), "good")
    return redirect(url_for("audience.show", audience_id=audience.id))


def _page(
    form: AudienceForm, audience: Audience | None, rule: AudienceRule | None, given: MultiDict[str, str]
) -> Page:
    context: dict[str, Any] = (
        {"preview": None, "counted": None, "problem": ""} if rule is None else _counted(rule) | {"problem": ""}
    )
    page = render_template(
        "audience/edit.html",
        form=form,
        audience=audience,
        is_gone=audience is not None and service.is_gone(session(), audience),
        routes=_routes(form.list_routes(given)),
        given=given,
        beside=form.stretches,
        directions=DIRECTIONS,
        may_edit=may_now(Permission.EDIT),
        **context,
    )
    return page, form.status if request.method == "POST" and "save" in request.form else 200


def _counted(rule: AudienceRule) -> dict[str, Any]:
    """Find whom a rule means, as if a text existed in every language, and on each channel alone."""
    found, counted = find_preview(rule, languages=all_languages())
    if found is not None and not is_told(found.total):
        note_small(rule)
    regions = regions_by_id(session(), found.by_region) if found else {}
    return {"preview": found, "counted": counted, "regions": regions, "channels": CHANNELS}


def _offer(form: AudienceForm) -> None:
    organisation_id = current_organisation().id
    named = {"codes": form.region_codes.data or (), "countries": form.countries.data or ()}
    contacts, _standing = find_contacts()
    regions = session().scalars(queries.select_offered_regions(organisation_id, contacts, **named)).all()
    groups = session().scalars(select_groups(organisation_id))
    form.offer(
        places=place_ids_and_names(session(), organisation_id),
        routes=sorted(named_routes(session(), organisation_id), key=lambda route: (route[1], route[0])),
        regions=regions,
        groups=groups,
    )


def _routes(ids: Collection[int]) -> Sequence[Route]:
    """Return some routes with their stops, by name."""
    return session().scalars(select_routes(current_organisation().id).where(Route.id.in_(ids))).all()


def _audience(audience_id: int) -> Audience:
    return get_owned(session(), Audience, audience_id, current_organisation().id)
