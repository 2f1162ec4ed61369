"""Staff pages list runs, show one while it moves, and offer the acts on it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from flask import (
    Blueprint,
    Response,
    flash,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from flask_babel import gettext as _
from werkzeug.wrappers import Response as Redirect

from campaigns.audience.forms import CHANNELS
from campaigns.core import clock
from campaigns.core.errors import FingerpostError, InputError, RefusedError
from campaigns.core.sentences import Sentence
from campaigns.core.words import N_
from campaigns.delivery import service
from campaigns.delivery.corrections.service import outlook_of, send_correction
from campaigns.delivery.counts import is_large
from campaigns.delivery.fanout.canary import canary_rule_of
from campaigns.delivery.fanout.outdated_texts import find_new_numbers, resume
from campaigns.delivery.forms import CorrectForm
from campaigns.delivery.models import RunCanary
from campaigns.delivery.monitoring import progress
from campaigns.delivery.monitoring.alarms import Alarm
from campaigns.delivery.monitoring.causes import cause_in_words
from campaigns.delivery.monitoring.run_page import (
    Doubled,
    alarms_of,
    compare_receipts,
    forget,
    init_looking,
    look_at,
    open_of,
    own_run,
    waves_of,
)
from campaigns.delivery.monitoring.time_zones import first_leaves_at
from campaigns.delivery.queries import practised
from campaigns.delivery.row_views import rows
from campaigns.planning import service as planning
from campaigns.planning.acts.models import Act
from campaigns.planning.approvals.review import find_urgency
from campaigns.planning.lifecycle import IN_FLIGHT, MOVING
from campaigns.planning.models import Run, RunState
from campaigns.planning.pages.asked_views import ask, asked_of, waits_for_count
from campaigns.planning.policy import Policy
from campaigns.planning.senders.connections import find_faults
from campaigns.staff.auth import current_member, current_organisation, requires
from campaigns.staff.event_notes import note_refused_approval
from campaigns.staff.permissions import Permission
from campaigns.staff.queries import load_member_names
from campaigns.web.current import settings
from campaigns.web.error_words import said
from campaigns.web.keyed_pages import asked_page
from campaigns.web.session import refuse_commit, session

pages = Blueprint("delivery", __name__, url_prefix="/delivery")
pages.register_blueprint(rows)
pages.record(lambda state: init_looking(state.app))

#: Seconds between two looks at a run that moves, and at a large one, which a worker counts.
EVERY, EVERY_LARGE = 2, 4
#: Reasons given against an act on a run; they are shown on its page.
REFUSALS = (InputError, RefusedError)


@pages.app_template_global()
def practice_reach(runs: Sequence[Run]) -> dict[int, tuple[int, int]]:
    """Tell a campaign's page, which stands before this step, how its rehearsals went."""
    return practised(session(), [run.id for run in runs])


@pages.app_template_global()
def rehearsal_alarms(runs: Sequence[Run]) -> list[Alarm]:
    """Tell a campaign's page what its latest rehearsal waits for, while it moves."""
    return alarms_of(runs[0]) if runs and runs[0].state in MOVING else []


@pages.get("")
@requires(Permission.READ_PLANS)
def list_runs() -> str:
    """List the organisation's runs, newest first."""
    runs = asked_page(session(), progress.select_runs(current_organisation().id), Run.id, per_page=20)
    return render_template(
        "delivery/list_runs.html",
        runs=runs,
        open_by_run=open_of(runs.rows),
        alarms_by_run={run.id: alarms_of(run) for run in runs.rows if run.state in IN_FLIGHT},
    )


@pages.get("/runs/<int:run_id>")
@requires(Permission.READ_PLANS)
def show_run(run_id: int) -> str:
    """Show one run: how far it is and what can be done with it."""
    return _run_page(own_run(run_id))


@pages.get("/runs/<int:run_id>/checks")
@requires(Permission.READ_PLANS)
def show_checks(run_id: int) -> str:
    """Compare a run's receipts with its deliveries: the part of its page that comes later, or the whole page."""
    run = own_run(run_id)
    doubled = compare_receipts(run)
    if request.headers.get("HX-Request"):
        return render_template("delivery/_checks.html", run=run, doubled=doubled, is_moving=run.state in MOVING)
    return _run_page(run, doubled, is_checked=True)


@pages.get("/runs/<int:run_id>/progress")
@requires(Permission.READ_PLANS)
def show_progress(run_id: int) -> Response:
    """Show the moving part of a run's page alone; when the run stands still, the whole page is asked for anew."""
    run = own_run(run_id)
    drawn = _moving_part(run)
    answer = make_response(render_template("delivery/_progress.html", **drawn))
    # A page without figures gets what depends on them too.
    has_news = drawn["look"].is_counted if "empty" in request.args else not drawn["renews"]
    if has_news:
        answer.headers["HX-Refresh"] = "true"
    return answer


@pages.post("/runs/<int:run_id>/stop")
@requires(Permission.STOP_RUN)
def stop_run(run_id: int) -> Redirect:
    """Stop a run at once; the worker cancels what is left of a long queue."""
    run = own_run(run_id)
    try:
        member = current_member()
        reason = Sentence(N_("Stopped by %(name)s."), {"name": member.name})
        planning.stop_run(session(), run, by=member.id, reason=reason)
        service.cancel_queued(session(), run.id)
        forget(run)
    except REFUSALS as error:
        return _refused(run, error)
    flash(_("The run is stopped. Calls on the wire may still end within seconds."), "good")
    return redirect(url_for("delivery.show_run", run_id=run.id))


@pages.post("/runs/<int:run_id>/resume")
@requires(Permission.REVIEW, fresh=True)
def resume_run(run_id: int) -> Redirect:
    """Let a paused or stopped run go on; the worker takes back what is left of a long queue."""
    run = own_run(run_id)
    try:
        renewed = resume(session(), run, by=current_member().id, policy=Policy.of(settings()))
        service.requeue_cancelled(session(), run.id)
        forget(run)
    except REFUSALS as error:
        return _refused(run, error)
    if run.state == RunState.HELD:
        flash(_("The run waits to start, as it did before it was stopped."), "good")
        return redirect(url_for("delivery.show_run", run_id=run.id))
    flash(_("The run goes on."), "good")
    if renewed:
        flash(_("Its texts were written anew, with the numbers of helplines that hold now."), "good")
    return redirect(url_for("delivery.show_run", run_id=run.id))


@pages.post("/runs/<int:run_id>/ask-to-resume")
@requires(Permission.STOP_RUN)
def ask_to_resume(run_id: int) -> Redirect:
    """Ask that a run which paused by itself goes on."""
    run = own_run(run_id)
    try:
        planning.ask_to_resume(session(), run, by=current_member().id)
    except REFUSALS as error:
        return _refused(run, error)
    flash(_("Asked. Another member, who may approve, confirms it on this page."), "good")
    return redirect(url_for("delivery.show_run", run_id=run.id))


@pages.post("/runs/<int:run_id>/correct")
@requires(Permission.REVIEW, fresh=True)
def correct(run_id: int) -> Redirect | tuple[str, int]:
    """Withdraw what a run says and send the prepared correction to those who got it."""
    run, form = own_run(run_id), CorrectForm()
    if not form.validate_on_submit():
        return _run_page(run, form=form), form.status
    try:
        correction = send_correction(session(), run, by=current_member().id, reason=form.text("reason"))
    except REFUSALS as error:
        return _refused(run, error)
    flash(_("What it said is withdrawn. The correction goes out before everything else."), "good")
    return redirect(url_for("delivery.show_run", run_id=correction.id))


@pages.post("/runs/<int:run_id>/let-start")
@requires(Permission.REVIEW, fresh=True)
def let_run_start(run_id: int) -> Redirect:
    """Let a held run start."""
    run = own_run(run_id)
    if waits_for_count():
        try:
            ask(Act.START, run.campaign, run=run)
        except REFUSALS as error:
            return _refused(run, error)
        return redirect(url_for("delivery.show_run", run_id=run.id))
    try:
        planning.let_run_start(
            session(),
            run,
            by=current_member().id,
            policy=Policy.of(settings()),
            find_faults=partial(find_faults, settings()),
        )
    except REFUSALS as error:
        return _refused(run, error)
    flash(_("The run may start. It begins within seconds."), "good")
    return redirect(url_for("delivery.show_run", run_id=run.id))


def _run_page(
    run: Run, doubled: Doubled | None = None, *, is_checked: bool = False, form: CorrectForm | None = None
) -> str:
    """Draw a run's page; `doubled` is what its receipts say, where they were compared as it was asked."""
    moving = _moving_part(run)
    waves = waves_of(run, moving["look"])
    asked = load_member_names(session(), [run.resume_asked_by_id] if run.resume_asked_by_id else [])
    return render_template(
        "delivery/show_run.html",
        left_out=progress.left_out_of_run(session(), run.id),
        doubled=doubled,
        is_checked=is_checked,
        waves=waves,
        first_leaves_at=first_leaves_at(waves, now=clock.now()) if run.state in MOVING else None,
        form=form or CorrectForm(),
        outlook=None if run.is_rehearsal or run.corrects_id else outlook_of(session(), run),
        urgency=find_urgency(session(), run),
        asked_by=next(iter(asked.values()), ""),
        new_numbers=_new_numbers(run),
        **(asked_of(run.campaign) if run.state == RunState.HELD else {}),
        **moving,
    )


def _new_numbers(run: Run) -> list[str]:
    """Return the numbers for help that a run may name when it goes on, and that nobody approved."""
    return find_new_numbers(session(), run) if run.state in (RunState.PAUSED, RunState.STOPPED) else []


def _moving_part(run: Run) -> dict[str, Any]:
    """Return what the moving part of a run's page is drawn from."""
    look, is_moving = look_at(run), run.state in MOVING
    return {
        "run": run,
        "look": look,
        "progress": look.progress,
        "is_moving": is_moving,
        "is_large": is_large(run),
        "renews": is_moving or not look.is_counted or look.asked_at is not None or look.is_behind,
        "seconds": EVERY_LARGE if is_large(run) and look.is_counted else EVERY,
        "said": request.args.get("said", ""),
        "cause_in_words": cause_in_words,
        "canary": session().get(RunCanary, run.id),
        "canary_rule": canary_rule_of(settings()),
        "channels": CHANNELS,
    }


def _refused(run: Run, error: FingerpostError) -> Redirect:
    refuse_commit()
    note_refused_approval(error, run)
    flash(said(error), "bad")
    return redirect(url_for("delivery.show_run", run_id=run.id))
