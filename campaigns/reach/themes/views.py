"""One page shows what people write about, by region over time: for members, and for nobody outside."""

from __future__ import annotations

from datetime import timedelta

from flask import Blueprint, render_template, request

from campaigns.core import clock
from campaigns.core.languages import all_languages
from campaigns.inbox.conversations.labels import THEMES
from campaigns.reach.results.visibility import figures
from campaigns.reach.themes.theme_counts import ThemePart, load_countries, load_reports, load_table
from campaigns.reach.themes.theme_filters import Unit, read_theme_filters
from campaigns.staff.auth import current_organisation, requires
from campaigns.staff.permissions import Permission
from campaigns.staff.shown_numbers import sees_exact
from campaigns.web.session import session

pages = Blueprint("themes", __name__, url_prefix="/reach/themes")


@pages.get("")
@requires(Permission.READ_REACH)
def show() -> str:
    """Show what people write about: exactly to data managers, rounded to everybody else."""
    today, is_exact, organisation_id = clock.now().date(), sees_exact(), current_organisation().id
    filters = read_theme_filters(request.args, today=today)
    # Of a day that goes on, a figure that moves would tell who wrote just now.
    before = today + timedelta(days=1) if is_exact else today
    shows = figures(is_exact=is_exact)
    counted = session(), organisation_id, filters
    return render_template(
        "reach/themes/show.html",
        table=load_table(*counted, before=before, show=shows),
        reports=load_reports(*counted, before=before) if is_exact else ThemePart(None, ()),
        filters=filters,
        is_exact=is_exact,
        is_chosen=bool(request.args),
        units=Unit,
        theme_names=THEMES,
        countries=load_countries(session()),
        all_languages=all_languages(),
    )
