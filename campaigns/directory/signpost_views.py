"""One staff page answers who would be pointed where, why there, and why not elsewhere."""

from __future__ import annotations

from datetime import UTC
from zoneinfo import ZoneInfo

from flask import Blueprint, render_template, request
from flask_babel import get_locale
from flask_babel import gettext as _

from campaigns.core import clock
from campaigns.core.languages import all_languages
from campaigns.directory import queries
from campaigns.directory.forms import NeedForm
from campaigns.directory.labels import country_name
from campaigns.directory.signposting.choice import Choice, Need, weigh_services
from campaigns.places.queries import regions_by_id
from campaigns.staff.auth import current_organisation, requires
from campaigns.staff.permissions import Permission
from campaigns.web.current import settings
from campaigns.web.filters import alphabetical, language_name
from campaigns.web.session import session

pages = Blueprint("signposts", __name__)


@pages.get("/choose")
@requires(Permission.READ_PLANS)
def choose() -> str:
    """Show which service somebody would be pointed to, and what decides between it and the others."""
    form = NeedForm(request.args, meta={"csrf": False})
    _offer(form)
    choice = _choice(form) if form.place.data and form.validate() else None
    services = session().scalars(queries.select_services(current_organisation().id)).all()
    return render_template(
        "directory/choose_signpost.html", form=form, choice=choice, services={each.id: each for each in services}
    )


def _choice(form: NeedForm) -> Choice:
    country, _dash, region = form.text("place").partition("-")
    at = clock.now()
    if form.at.data:
        at = form.at.data.replace(tzinfo=ZoneInfo(current_organisation().time_zone)).astimezone(UTC)
    need = Need(
        region_code=form.text("place") if region else None,
        country=country,
        language=form.text("language"),
        at=at,
        roaming=form.text("sim") != "home",
        kind=form.text("kind"),
    )
    facts = queries.load_service_facts(session(), current_organisation().id)
    return weigh_services(facts, need, fresh_days=settings().service_max_age_days)


def _offer(form: NeedForm) -> None:
    """Offer each country as a whole and its regions, and every language of messages."""
    locale = str(get_locale() or "en")
    places: dict[str, list[tuple[str, str]]] = {}
    for region in regions_by_id(session()).values():
        if "-X" not in region.code:
            name = region.names.get(locale) or region.name
            places.setdefault(region.country, []).append((region.code, name))
    form.place.choices = {
        country_name(country): [
            (country, _("%(country)s: region not known", country=country_name(country))),
            *sorted((each for each in found if each[0] != country), key=lambda each: alphabetical(each[1])),
        ]
        for country, found in sorted(places.items(), key=lambda item: alphabetical(country_name(item[0])))
    }
    form.language.choices = [(code, language_name(code)) for code in all_languages()]
