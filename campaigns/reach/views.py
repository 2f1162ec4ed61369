"""Staff pages show campaigns side by side, one with its ladder, map and report, and single runs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask import Blueprint, Response, render_template
from flask_babel import get_locale
from sqlalchemy.orm import Session

from campaigns.audience.figures import find_contacts
from campaigns.audience.forms import CHANNELS
from campaigns.audience.models import AddressState, Channel
from campaigns.core import clock
from campaigns.core.errors import NotFoundError
from campaigns.core.words import N_
from campaigns.delivery.monitoring.causes import cause_in_words
from campaigns.delivery.monitoring.progress import get_run
from campaigns.planning.models import Campaign, Run
from campaigns.reach import labels
from campaigns.reach.counting import queries
from campaigns.reach.counting.ladder import Proof, Step, ladder_of, proof_of
from campaigns.reach.counting.unique_people import Measure, Part
from campaigns.reach.imported import labels as import_labels
from campaigns.reach.imported.views import pages as import_pages
from campaigns.reach.outcomes.views import pages as outcome_pages
from campaigns.reach.results import ad_targeting, campaign_reach, choropleth, organisation_reach, trend_line
from campaigns.reach.results.conversation_steps import load_steps
from campaigns.reach.results.run_table import write_run
from campaigns.reach.results.visibility import discreet_reach, discreet_table, figures, parts_in_order
from campaigns.reach.spending.views import pages as spending_pages
from campaigns.staff.auth import current_organisation, requires
from campaigns.staff.permissions import Permission
from campaigns.staff.queries import get_owned
from campaigns.staff.shown_numbers import sees_exact
from campaigns.web.keyed_pages import asked_page
from campaigns.web.locale import current_language
from campaigns.web.session import session

pages = Blueprint("reach", __name__, url_prefix="/reach")
pages.register_blueprint(import_pages)
pages.register_blueprint(outcome_pages)
pages.register_blueprint(spending_pages)


@pages.app_template_global()
def people_accepted(campaign_id: int) -> int | None:
    """Tell a campaign's page, which stands before this step, for how many people it was accepted."""
    return campaign_reach.find_accepted(session(), campaign_id)


@pages.get("")
@requires(Permission.READ_REACH)
def show_overview() -> str:
    """Show what all campaigns came to: a few figures, a map and a line, made for one sheet of A4."""
    organisation_id, is_exact = current_organisation().id, sees_exact()
    # Counted every minute, it would tell whoever watches it of single people who opt out.
    contacts, counted = find_contacts() if is_exact else (None, None)
    seen = organisation_reach.load_overview(session(), organisation_id, is_exact=is_exact, now=clock.now())
    is_leftward = get_locale().text_direction == "rtl"
    return render_template(
        "reach/overview.html",
        seen=seen,
        is_exact=is_exact,
        opted_out=contacts and contacts.by_state.get(AddressState.OPTED_OUT, 0),
        counted=counted,
        map=choropleth.draw({region.code: people for region, people in seen.regions}),
        regions={region.code: region for region, _people in seen.regions},
        bands=choropleth.ranges(),
        line=trend_line.lay_out([month.reached for month in seen.months], leftward=is_leftward),
        check=campaign_reach.last_check(session()),
        now=clock.now(),
        measures=Measure,
    )


@pages.get("/runs")
@requires(Permission.READ_REACH)
def list_runs() -> str:
    """List what campaigns add up to, and their runs, newest first."""
    organisation_id = current_organisation().id
    runs = asked_page(session(), queries.select_counted_runs(organisation_id), Run.id, per_page=20)
    return render_template(
        "reach/list_runs.html",
        runs=runs,
        totals=queries.totals_of_runs(session(), runs.rows),
        campaigns=queries.totals_of_campaigns(session(), runs.rows),
        in_conversations=load_steps(session(), organisation_id, now=clock.now()),
        **_words(),
    )


@pages.get("/runs/<int:run_id>")
@requires(Permission.READ_REACH)
def show_run(run_id: int) -> str:
    """Show how many people one run reached, in total and by region."""
    run = _own_run(session(), run_id)
    table, channels, is_exact = _table(run), queries.channels_of(run), sees_exact()
    show = figures(is_exact=is_exact)
    people = {line.region.code: show(line.counts.reached) for line in table.regions if line.region}
    return render_template(
        "reach/show_run.html",
        run=run,
        table=table,
        ladder=ladder_of(channels),
        channels=channels,
        is_exact=is_exact,
        show=show,
        map=choropleth.draw(people),
        regions={line.region.code: line.region for line in table.regions if line.region},
        bands=choropleth.ranges(),
        cause_in_words=cause_in_words,
    )


@pages.get("/runs/<int:run_id>/regions.csv")
@requires(Permission.READ_REACH, fresh=True)
def download_run(run_id: int) -> Response:
    """Give the table of a run as a file, with the figures that the page shows this member."""
    run = _own_run(session(), run_id)
    text = write_run(_table(run), show=figures(is_exact=sees_exact()), language=current_language())
    disposition = f'attachment; filename="reach-run-{run.id}.csv"'
    return Response(text, content_type="text/csv; charset=utf-8", headers={"Content-Disposition": disposition})


@pages.get("/compare")
@requires(Permission.READ_REACH)
def compare() -> str:
    """Put campaigns beside each other."""
    compared = campaign_reach.compare_campaigns(session(), current_organisation().id)
    return render_template("reach/compare.html", compared=compared, **_words())


@pages.get("/campaigns/<int:campaign_id>")
@requires(Permission.READ_REACH)
def show_campaign(campaign_id: int) -> str:
    """Show what is known of a campaign's reach, each person counted once."""
    return render_template("reach/show_campaign.html", **_reach(campaign_id))


@pages.get("/campaigns/<int:campaign_id>/provenance")
@requires(Permission.READ_REACH)
def show_provenance(campaign_id: int) -> str:
    """Say where each figure of a campaign comes from and how it was counted."""
    return render_template("reach/provenance.html", **_reach(campaign_id))


@pages.get("/campaigns/<int:campaign_id>/report")
@requires(Permission.READ_REACH)
def print_report(campaign_id: int) -> str:
    """Show the report of a campaign, made for A4."""
    return render_template("reach/report.html", now=clock.now(), **_reach(campaign_id))


@pages.get("/campaigns/<int:campaign_id>/targeting.csv")
@requires(Permission.EDIT, fresh=True)
def download_targeting(campaign_id: int) -> Response:
    """Give the places of a campaign for ad managers: circles by latitude, longitude and radius."""
    campaign = get_owned(session(), Campaign, campaign_id, current_organisation().id)
    text = ad_targeting.write_targeting(ad_targeting.places_of(session(), campaign))
    headers = {"Content-Disposition": f'attachment; filename="targeting-{campaign.code}.csv"'}
    return Response(text, content_type="text/csv; charset=utf-8", headers=headers)


def _reach(campaign_id: int) -> dict[str, Any]:
    """Return what the pages of a campaign are made of, with figures as this member may see them."""
    campaign = get_owned(session(), Campaign, campaign_id, current_organisation().id)
    reach, is_exact = campaign_reach.reach_of_campaign(session(), campaign), sees_exact()
    reach, show = reach if is_exact else discreet_reach(reach), figures(is_exact=is_exact)
    regions = {line.region.code: line for line in reach.regions if line.region}
    people = {code: show(line.people.get(Measure.REACHED, 0)) for code, line in regions.items()}
    return {
        "reach": reach,
        "is_exact": is_exact,
        "show": show,
        "map": choropleth.draw(people),
        "regions": {code: line.region for code, line in regions.items()},
        "bands": choropleth.ranges(),
        "proofs": _proofs(reach.channels, campaign_reach.countries_of(reach.regions)),
        **_words(),
    }


def _proofs(channels: Iterable[Channel], countries: list[str]) -> list[tuple[Channel, str, Proof]]:
    """Return what "reached" rests on, by channel and, where it differs, by country."""
    found: list[tuple[Channel, str, Proof]] = []
    for channel in channels:
        places = countries if channel is Channel.SMS else [""]
        found += [(channel, country, proof_of(channel, country)) for country in places]
    return found


def _words() -> dict[str, Any]:
    return {
        "step_names": labels.STEPS,
        "how": labels.HOW,
        "proof_words": labels.PROOFS,
        "sources": import_labels.SOURCES,
        "methods": import_labels.METHODS,
        "own_steps": campaign_reach.OWN_STEPS,
        "measures": Measure,
        "parts": Part,
        "parts_in_order": parts_in_order,
        "all_steps": Step,
        "channel_names": CHANNELS,
    }


def _table(run: Run) -> queries.RunTable:
    """Return the table of a run as this member may see it."""
    table = queries.table_of_run(session(), run)
    return table if sees_exact() else discreet_table(table)


def _own_run(session: Session, run_id: int) -> Run:
    run = get_run(session, run_id, current_organisation().id)
    if run.is_rehearsal:
        raise NotFoundError(N_("A rehearsal reached nobody, so it has no reach."))
    return run
