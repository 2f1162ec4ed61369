"""Staff pages show which services must be verified today, and who can be reached how."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TypeVar

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response

from campaigns.core import clock
from campaigns.core.errors import InputError
from campaigns.core.folding import has_words
from campaigns.core.settings import Mode
from campaigns.core.wallclock import wall_of
from campaigns.directory import queries, service
from campaigns.directory.emergency_views import pages as emergency_pages
from campaigns.directory.exchange.service import import_services
from campaigns.directory.exchange.worklist import read_bundled
from campaigns.directory.forms import UNSOURCED, DeadForm, ServiceForm, TriedForm, VerifyForm
from campaigns.directory.labels import (
    CONFIDENTIAL,
    FOREIGN_SIM,
    KINDS,
    OPERATORS,
    OUTCOMES,
    WAYS,
    countries_by_name,
    country_name,
    reason_words,
    weekday_name,
)
from campaigns.directory.models import EUROPEAN_UNION, CheckOutcome, Service
from campaigns.directory.opening_hours import write_hours
from campaigns.directory.proposed import SERVICE, change_service
from campaigns.directory.service import find_own, was_verified
from campaigns.directory.sheet_views import pages as sheet_pages
from campaigns.directory.signpost_views import pages as signpost_pages
from campaigns.directory.signposting.freshness import Trust
from campaigns.proposals.models import Proposal
from campaigns.proposals.queries import find_waiting_for
from campaigns.staff import queries as staff_queries
from campaigns.staff.auth import current_member, current_organisation, requires
from campaigns.staff.permissions import Permission
from campaigns.staff.queries import get_owned
from campaigns.staff.typed.views import refill
from campaigns.web.current import settings
from campaigns.web.filters import alphabetical
from campaigns.web.keyed_pages import asked_part
from campaigns.web.session import session

pages = Blueprint("directory", __name__, url_prefix="/directory")
pages.register_blueprint(signpost_pages)
pages.register_blueprint(sheet_pages)
pages.register_blueprint(emergency_pages)

#: Begins the names of the fields of the form for a service that may not be used.
DEAD = "dead"
#: Services of one page, and characters of a name that are looked for.
PER_PAGE, LONGEST_SOUGHT = 100, 200
Page = str | Response | tuple[str, int]

pages.add_app_template_filter(reason_words)

_DEAD = {
    CheckOutcome.SILENT: _l("Noted: nobody is pointed to this service until it answers."),
    CheckOutcome.WRONG: _l("Noted: nobody is pointed to this service until what is right is verified."),
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
        "countries_by_name": countries_by_name,
        "weekday_name": weekday_name,
        "write_hours": write_hours,
        "fresh_days": _fresh_days(),
    }


@pages.get("")
@requires(Permission.READ_PLANS)
def index() -> Page:
    """List services by country, those that must be verified first."""
    chosen = {name: request.args.get(name, "") for name in ("country", "kind", "trust")}
    chosen["find"] = request.args.get("find", "").strip()[:LONGEST_SOUGHT]
    now, days = clock.now(), _fresh_days()
    everything = _in_order(queries.load_lines(session(), current_organisation().id, now, fresh_days=days))
    lines = [line for line in everything if _is_chosen(line, chosen)]
    page = asked_part(lines, lambda line: line.id, words="services", per_page=PER_PAGE)
    groups: dict[str, list[queries.Listed]] = {}
    for listed in queries.load_listed(session(), page.rows, now, fresh_days=days):
        groups.setdefault(listed.service.country, []).append(listed)
    return render_template(
        "directory/services.html",
        page=page,
        groups=groups,
        shown=len(lines),
        in_country=Counter(line.country for line in lines),
        waiting=Counter(line.country for line in lines if line.trust is Trust.DUE),
        chosen=chosen,
        countries=list(dict.fromkeys(line.country for line in everything)),
        counts=Counter(line.trust for line in everything),
        Trust=Trust,
    )


@pages.post("/load")
@requires(Permission.EDIT)
def load() -> Page:
    """Add the services of the bundled work list that are not there yet."""
    bundled = read_bundled()
    done = import_services(
        session(),
        current_organisation().id,
        bundled.drafts,
        without_number=bundled.without_number,
        by=current_member().id,
    )
    flash(_("%(added)s services added. Each must be verified before it is used.", added=done.added), "info")
    return redirect(url_for("directory.index"))


@pages.route("/new", methods=["GET", "POST"])
@requires(Permission.EDIT)
def create() -> Page:
    """Add a service by hand."""
    form = ServiceForm(data={"time_zone": current_organisation().time_zone})
    refill(form, is_new=True)
    if form.validate_on_submit():
        try:
            added = service.create_service(
                session(), current_organisation().id, facts=form.facts(), by=current_member().id
            )
        except InputError as error:
            form.show(error)
        else:
            flash(_said_of(added), "good")
            return redirect(url_for("directory.show", service_id=added.id))
    return render_template("directory/service_form.html", form=form, service=None), form.status


def _said_of(added: Service) -> str:
    """Return what is said of a new service: what it needs before texts name it."""
    if added.source_status == UNSOURCED:
        return str(
            _("The service is added. It needs a source that states its number before anybody can verify it.")
        )
    return str(_("The service is added. Another member, who may review, has to verify it before texts name it."))


@pages.get("/<int:service_id>")
@requires(Permission.READ_PLANS)
def show(service_id: int) -> Page:
    """Show a service and the forms for who tried it."""
    return _shown(_service(service_id))


@pages.route("/<int:service_id>/edit", methods=["GET", "POST"])
@requires(Permission.EDIT, fresh=True)
def edit(service_id: int) -> Page:
    """Change a service's facts, or propose it where texts may name the service."""
    present = _service(service_id)
    form = ServiceForm.of(present)
    refill(form, stored={"region_codes": ",".join(present.region_codes)})
    if form.validate_on_submit():
        try:
            proposal = change_service(
                session(),
                present,
                facts=form.facts(),
                by=current_member().id,
                is_wrong=bool(form.is_wrong.data),
                reason=form.text("reason"),
            )
        except InputError as error:
            form.show(error)
        else:
            return _changed(present, proposal)
    takes_two = was_verified(session(), present)
    page = render_template("directory/service_form.html", form=form, service=present, takes_two=takes_two)
    return page, form.status


@pages.post("/<int:service_id>/verify")
@requires(Permission.REVIEW, fresh=True)
def verify(service_id: int) -> Page:
    """Record that somebody made sure a service answers, who did not state what it is."""
    present, form = _service(service_id), _offered(VerifyForm())
    if form.validate_on_submit() and form.on.data:
        try:
            decides = service.verify_service(
                session(),
                present,
                by=current_member().id,
                on=form.on.data,
                how=form.text("how"),
                seen=request.form.get("seen"),
                is_demo=_is_demo(),
            )
        except InputError as error:
            form.show(error, "on")
        else:
            _tell(decides, _("Verified. Texts may name this service."))
            return redirect(url_for("directory.index", trust=Trust.DUE.value))
    return _shown(present, form)


@pages.post("/<int:service_id>/dead")
@requires(Permission.STOP_RUN)
def mark_dead(service_id: int) -> Page:
    """Record that a service may not be used: taking a number away takes one member."""
    present, form = _service(service_id), _offered(DeadForm(prefix=DEAD))
    if form.validate_on_submit() and form.on.data:
        outcome = CheckOutcome(form.text("outcome"))
        try:
            decides = service.verify_service(
                session(),
                present,
                by=current_member().id,
                on=form.on.data,
                how=form.text("how"),
                outcome=outcome,
                is_demo=_is_demo(),
            )
        except InputError as error:
            form.show(error, "on")
        else:
            _tell(decides, _DEAD[outcome])
            return redirect(url_for("directory.index", trust=Trust.DUE.value))
    return _shown(present, dead=form)


def _changed(present: Service, proposal: Proposal | None) -> Response:
    if proposal is None:
        flash(_("The service is saved."), "good")
        return redirect(url_for("directory.show", service_id=present.id))
    if present.verified_on is None:
        flash(_("No text names the service now. Another member has to agree to what you changed."), "good")
    else:
        flash(_("Another member has to agree. Until then texts name what they named before."), "good")
    return redirect(url_for("proposals.show", proposal_id=proposal.id))


def _tell(decides: bool, done: str) -> None:
    """Tell a member what came of their check, or that a later one decides."""
    later = _("Noted. It was tried again on a later day, and what was found then counts.")
    flash(done if decides else later, "good" if decides else "info")


F = TypeVar("F", bound=TriedForm)


def _offered(form: F) -> F:
    form.offer(is_demo=_is_demo())
    return form


def _is_demo() -> bool:
    return settings().mode is Mode.DEMO


def _service(service_id: int) -> Service:
    return get_owned(session(), Service, service_id, current_organisation().id)


def _shown(present: Service, form: VerifyForm | None = None, *, dead: DeadForm | None = None) -> Page:
    status = form.status if form else dead.status if dead else 200
    today = {"on": wall_of(clock.now(), present.time_zone).date()}
    listed = queries.list_service(present, clock.now(), fresh_days=_fresh_days())
    checks = session().scalars(queries.select_checks(present)).all()
    names = staff_queries.load_member_names(
        session(), [present.verified_by_id, *(each.member_id for each in checks)]
    )
    page = render_template(
        "directory/service.html",
        listed=listed,
        form=form or _offered(VerifyForm(formdata=None, data=today)),
        dead=dead or _offered(DeadForm(formdata=None, data=today, prefix=DEAD)),
        names=names,
        checks=checks,
        seen=queries.told_digest(present),
        is_own=current_member().id in find_own(session(), present),
        proposal=find_waiting_for(session(), present.organisation_id, SERVICE.name, present),
        Trust=Trust,
    )
    return page, status


def _in_order(lines: list[queries.Line]) -> list[queries.Line]:
    """Order services by the names of their countries, the EU last; in each those that wait come first."""
    names = {code: alphabetical(country_name(code)) for code in {line.country for line in lines}}
    return sorted(
        lines,
        key=lambda line: (
            line.country == EUROPEAN_UNION,
            names[line.country],
            line.country,
            line.trust is not Trust.DUE,
        ),
    )


def _is_chosen(line: queries.Line, chosen: Mapping[str, str]) -> bool:
    return (
        chosen["country"] in ("", line.country)
        and chosen["kind"] in ("", line.kind)
        and chosen["trust"] in ("", line.trust)
        and (not chosen["find"] or has_words(line.name, chosen["find"]))
    )


def _fresh_days() -> int:
    return settings().service_max_age_days
