"""Staff pages of reach: the campaigns that ran, and one run with its ladder, map, table and file."""

from __future__ import annotations

from flask import Blueprint, Response, render_template, request
from sqlalchemy.orm import Session

from campaigns.core.errors import NotFoundError
from campaigns.core.words import N_
from campaigns.delivery.causes import cause_in_words
from campaigns.planning.models import Run
from campaigns.reach import charts, queries
from campaigns.reach.counting import ladder_of
from campaigns.reach.disclosure import regional_figures
from campaigns.reach.export import write_run
from campaigns.staff.auth import current_organisation, may_now, requires
from campaigns.staff.permissions import Permission
from campaigns.staff.queries import get_owned
from campaigns.web.locale import current_language
from campaigns.web.pagination import paginate
from campaigns.web.session import session

pages = Blueprint("reach", __name__, url_prefix="/reach")


@pages.get("")
@requires(Permission.READ_REACH)
def list_runs() -> str:
    """List what campaigns add up to, and their runs, newest first."""
    organisation_id = current_organisation().id
    number = request.args.get("page", 1, type=int)
    runs = paginate(session(), queries.select_counted_runs(organisation_id), number, per_page=20)
    return render_template(
        "reach/list_runs.html",
        runs=runs,
        totals=queries.totals_of_runs(session(), runs.rows),
        campaigns=queries.totals_of_campaigns(session(), organisation_id),
    )


@pages.get("/runs/<int:run_id>")
@requires(Permission.READ_REACH)
def show_run(run_id: int) -> str:
    """Show how many people one run reached, in total and by region."""
    run = _own_run(session(), run_id)
    table, channels = queries.table_of_run(session(), run), queries.channels_of(run)
    is_exact = may_now(Permission.HANDLE_CONTACTS)
    show = regional_figures(is_exact=is_exact)
    people = {line.region.code: show(line.counts.reached) for line in table.regions if line.region}
    return render_template(
        "reach/show_run.html",
        run=run,
        table=table,
        ladder=ladder_of(channels),
        channels=channels,
        is_exact=is_exact,
        show=show,
        map=charts.draw(people),
        regions={line.region.code: line.region for line in table.regions if line.region},
        bands=charts.ranges(),
        cause_in_words=cause_in_words,
    )


@pages.get("/runs/<int:run_id>/regions.csv")
@requires(Permission.READ_REACH)
def download_run(run_id: int) -> Response:
    """Give the table of a run as a file, with the figures that the page shows this member."""
    run = _own_run(session(), run_id)
    show = regional_figures(is_exact=may_now(Permission.HANDLE_CONTACTS))
    text = write_run(queries.table_of_run(session(), run), show=show, language=current_language())
    disposition = f'attachment; filename="reach-run-{run.id}.csv"'
    return Response(text, content_type="text/csv; charset=utf-8", headers={"Content-Disposition": disposition})


def _own_run(session: Session, run_id: int) -> Run:
    run = get_owned(session, Run, run_id, current_organisation().id)
    if run.is_rehearsal:
        raise NotFoundError(N_("A rehearsal reached nobody, so it has no reach."))
    return run
