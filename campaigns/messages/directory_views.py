"""Staff pages of the services directory: what must be verified today, and who can be reached how."""

from __future__ import annotations

from collections import Counter

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response

from campaigns.core import clock
from campaigns.core.errors import InputError
from campaigns.core.settings import Mode
from campaigns.messages import queries, service
from campaigns.messages.emergency_views import pages as emergency_pages
from campaigns.messages.forms import ServiceForm, VerifyForm
from campaigns.messages.hours import write_hours
from campaigns.messages.labels import (
    CONFIDENTIAL,
    FOREIGN_SIM,
    KINDS,
    OPERATORS,
    OUTCOMES,
    WAYS,
    country_name,
    reason_words,
)
from campaigns.messages.models import EUROPEAN_UNION, CheckOutcome, Service
from campaigns.messages.sheet_views import pages as sheet_pages
from campaigns.messages.signpost_views import pages as signpost_pages
from campaigns.messages.signposts import Trust
from campaigns.messages.worklist import read_bundled
from campaigns.staff.auth import current_member, current_organisation, requires
from campaigns.staff.permissions import Permission
from campaigns.staff.queries import get_owned
from campaigns.web.current import settings
from campaigns.web.session import session

pages = Blueprint("services", __name__, url_prefix="/services")
pages.register_blueprint(signpost_pages)
pages.register_blueprint(sheet_pages)
pages.register_blueprint(emergency_pages)

Page = str | Response | tuple[str, int]

pages.add_app_template_filter(reason_words)

_VERIFIED = {
    CheckOutcome.ANSWERS: _l("Verified. Signposts may use this service."),
    CheckOutcome.SILENT: _l("Noted: nobody is pointed to this service until it answers."),
    CheckOutcome.CLOSED: _l("Noted: this service is closed, and nobody is pointed to it any more."),
}


@pages.context_processor
def vocabulary() -> dict[str, object]:
    """Let templates name kinds, operators, countries and ways of verifying."""
    return {
        "kinds": KINDS,
        "operators": OPERATORS,
        "foreign_sim": FOREIGN_SIM,
        "ways": WAYS,
        "outcomes": OUTCOMES,
        "confidential": CONFIDENTIAL,
        "reason_words": reason_words,
        "country_name": country_name,
        "write_hours": write_hours,
        "max_age_days": _max_age_days(),
    }


@pages.get("")
@requires()
def index() -> Page:
    """List services by country, those that must be verified first."""
    chosen = {name: request.args.get(name, "") for name in ("country", "kind", "trust")}
    everything = queries.load_directory(
        session(), current_organisation().id, clock.now(), max_age_days=_max_age_days()
    )
    listed = [
        each
        for each in everything
        if chosen["country"] in ("", each.service.country)
        and chosen["kind"] in ("", each.service.kind)
        and chosen["trust"] in ("", each.trust)
    ]
    return render_template(
        "messages/services.html",
        groups=_by_country(listed),
        shown=len(listed),
        chosen=chosen,
        countries=_by_country(everything),
        counts=Counter(each.trust for each in everything),
        Trust=Trust,
    )


@pages.post("/load")
@requires(Permission.EDIT)
def load() -> Page:
    """Add the services of the bundled work list that are not there yet."""
    bundled = read_bundled()
    done = service.import_services(
        session(),
        current_organisation().id,
        bundled.drafts,
        without_number=bundled.without_number,
        by=current_member().id,
    )
    flash(_("%(added)s services added. Each must be verified before it is used.", added=done.added), "info")
    return redirect(url_for("messages.services.index"))


@pages.route("/new", methods=["GET", "POST"])
@requires(Permission.EDIT)
def create() -> Page:
    """Add a service by hand."""
    form = ServiceForm(data={"time_zone": current_organisation().time_zone})
    if form.validate_on_submit():
        try:
            added = service.create_service(
                session(), current_organisation().id, facts=form.facts(), by=current_member().id
            )
        except InputError as error:
            form.show(error)
        else:
            flash(_("The service is added. Verify it before it is used."), "good")
            return redirect(url_for("messages.services.show", service_id=added.id))
    return render_template("messages/service_form.html", form=form, service=None), form.status


@pages.get("/<int:service_id>")
@requires()
def show(service_id: int) -> Page:
    """Show a service and the form to verify it."""
    return _shown(_service(service_id), _offered(VerifyForm(data={"on": clock.now().date()})))


@pages.route("/<int:service_id>/edit", methods=["GET", "POST"])
@requires(Permission.EDIT, fresh=True)
def edit(service_id: int) -> Page:
    """Change a service's facts."""
    present = _service(service_id)
    form = ServiceForm.of(present)
    if form.validate_on_submit():
        try:
            voided = service.update_service(session(), present, facts=form.facts(), by=current_member().id)
        except InputError as error:
            form.show(error)
        else:
            flash(_("The service is saved. Verify it again.") if voided else _("The service is saved."), "good")
            return redirect(url_for("messages.services.show", service_id=service_id))
    return render_template("messages/service_form.html", form=form, service=present), form.status


@pages.post("/<int:service_id>/verify")
@requires(Permission.EDIT, fresh=True)
def verify(service_id: int) -> Page:
    """Record that somebody made sure a service answers."""
    present, form = _service(service_id), _offered(VerifyForm())
    if form.validate_on_submit() and form.on.data:
        try:
            service.verify_service(
                session(),
                present,
                by=current_member().id,
                on=form.on.data,
                how=form.text("how"),
                seen=request.form.get("seen"),
                outcome=CheckOutcome(form.text("outcome")),
                is_demo=_is_demo(),
            )
        except InputError as error:
            form.show(error, "on")
        else:
            flash(_VERIFIED[CheckOutcome(form.text("outcome"))], "good")
            return redirect(url_for("messages.services.index", trust=Trust.DUE.value))
    return _shown(present, form)


def _offered(form: VerifyForm) -> VerifyForm:
    form.offer(is_demo=_is_demo())
    return form


def _is_demo() -> bool:
    return settings().mode is Mode.DEMO


def _service(service_id: int) -> Service:
    return get_owned(session(), Service, service_id, current_organisation().id)


def _shown(present: Service, form: VerifyForm) -> Page:
    listed = queries.list_service(present, clock.now(), max_age_days=_max_age_days())
    checks = session().scalars(queries.select_checks(present)).all()
    names = queries.load_member_names(session(), [present.verified_by_id, *(each.member_id for each in checks)])
    page = render_template(
        "messages/service.html",
        listed=listed,
        form=form,
        names=names,
        checks=checks,
        seen=queries.numbers_digest(present),
        Trust=Trust,
    )
    return page, form.status


def _by_country(listed: list[queries.Listed]) -> dict[str, list[queries.Listed]]:
    """Group services by country in the order of its name, the EU last; in each those that wait come first."""
    codes = {each.service.country for each in listed}
    ordered = sorted(codes, key=lambda code: (code == EUROPEAN_UNION, country_name(code)))
    waiting_first = sorted(listed, key=lambda each: each.trust is not Trust.DUE)
    return {code: [each for each in waiting_first if each.service.country == code] for code in ordered}


def _max_age_days() -> int:
    return settings().service_max_age_days
