"""Staff pages list single deliveries by state and cause, with their story, and send them again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.wrappers import Response

from campaigns.audience.forms import CHANNELS
from campaigns.audience.rules import LeftOut
from campaigns.core import clock
from campaigns.core.database import HIGHEST_ID
from campaigns.core.errors import ChangedError, DamagedDataError, InputError, NotFoundError, RefusedError
from campaigns.core.small_numbers import told
from campaigns.core.words import N_
from campaigns.delivery.corrections.missed_people import read_missed
from campaigns.delivery.counts import is_large
from campaigns.delivery.forms import ANY, ResendForm, read_chosen
from campaigns.delivery.monitoring.causes import attempt_in_words, cause_in_words
from campaigns.delivery.monitoring.kept_tallies import ask_for_tally
from campaigns.delivery.monitoring.progress import left_out_of_run
from campaigns.delivery.monitoring.rows import CALLED_IN_VAIN, Wanted, read_lines, read_story, state_of_word
from campaigns.delivery.monitoring.run_page import forget, look_at, own_run, unconfirmed_of
from campaigns.delivery.repair import resend as resending
from campaigns.delivery.states import SendState
from campaigns.planning.lifecycle import SENDING
from campaigns.planning.models import Run
from campaigns.planning.policy import Policy
from campaigns.staff.auth import current_member, requires
from campaigns.staff.permissions import Permission
from campaigns.staff.shown_numbers import figure, most_behind, sees_exact, tells, upper_first
from campaigns.web.current import settings, vault
from campaigns.web.error_words import said
from campaigns.web.number_fields import whole_number
from campaigns.web.session import session, writing_apart

rows = Blueprint("rows", __name__)

#: No more are queued again in one request, which others wait for: the oldest, and the others by another one.
MOST_AT_ONCE = 100_000

Page = str | Response | tuple[str, int]

#: What templates say things with.
WORDS = {
    "cause_in_words": cause_in_words,
    "attempt_in_words": attempt_in_words,
    "state_of_word": state_of_word,
    "channels": CHANNELS,
    "called_in_vain": CALLED_IN_VAIN,
    "any": ANY,
}


@dataclass(frozen=True, slots=True)
class Counted:
    """Many unconfirmed messages, as a worker counted them; None: it has not yet."""

    groups: Sequence[resending.Group] | None
    at: datetime
    #: Whether they are about to be counted anew, because that was long ago.
    is_old: bool = False


@rows.get("/runs/<int:run_id>/deliveries")
@requires(Permission.HANDLE_CONTACTS)
def index(run_id: int) -> str:
    """List a run's deliveries, of one state or cause if that is asked for."""
    run = own_run(run_id)
    wanted = Wanted.read(request.args.get("state"), request.args.get("cause"))
    after = _after()
    look = look_at(run)
    return render_template(
        "delivery/deliveries.html",
        run=run,
        wanted=wanted,
        lines=read_lines(session(), run, wanted, after=after),
        is_first=not after,
        look=look,
        is_large=is_large(run),
        ringing=look.alarms,
        states=list(SendState),
        may_resend=run.state in SENDING,
        **WORDS,
    )


@rows.get("/runs/<int:run_id>/deliveries/<int:delivery_id>")
@requires(Permission.HANDLE_CONTACTS)
def show(run_id: int, delivery_id: int) -> str:
    """Show one delivery: where it stands, and each attempt and receipt in its order."""
    run = own_run(run_id)
    story = read_story(session(), run, delivery_id)
    return render_template("delivery/delivery.html", run=run, story=story, row=story.row, **WORDS)


@rows.route("/runs/<int:run_id>/resend", methods=["GET", "POST"])
@requires(Permission.REVIEW, fresh=True)
def resend(run_id: int) -> Page:
    """Say what sending again risks, ask for the reason, then queue the chosen messages again.

    They are chosen by group; only a data manager, who sees single ones, chooses single ones. Of a group that is
    too small to be told, others learn neither before nor after whether it is somebody.
    """
    run, form = own_run(run_id), ResendForm()
    try:
        chosen = read_chosen(request.values, one_by_one=sees_exact())
    except InputError as error:
        flash(said(error), "bad")
        return redirect(url_for("delivery.rows.index", run_id=run_id, state=SendState.UNCONFIRMED))
    if "HX-Request" in request.headers and _is_counted(run, chosen):
        return Response(status=204, headers={"HX-Refresh": "true"})
    counted = _counted(run, chosen)
    # Without the number that was shown, what was typed comes back with the number of now.
    if (chosen.ids or "shown" in request.form) and form.validate_on_submit():
        is_hidden = _is_hidden(chosen, _prospect_of(run, chosen, counted))
        try:
            count = _send_again(run, _confirmed(chosen), reason=form.text("reason"), may_be_nobody=is_hidden)
        except (InputError, RefusedError) as error:
            form.show(error)
            counted = _counted_anew(run, counted) if isinstance(error, ChangedError) else counted
        else:
            forget(run)
            sent = figure(count)
            done = ngettext("%(num)s message is sent again.", "%(num)s messages are sent again.", sent)
            flash(_("What is in this group is sent again.") if is_hidden else upper_first(done), "good")
            return redirect(url_for("delivery.show_run", run_id=run_id))
    return _resend_page(own_run(run_id), form, chosen, counted)


@rows.get("/runs/<int:run_id>/missed")
@requires(Permission.SETTLE_CONSENT)
def missed(run_id: int) -> str:
    """List the contacts whom a correction did not reach because they were on hold."""
    run = own_run(run_id)
    if run.corrects_id is None:
        raise NotFoundError(N_("It does not exist, or is not yours to see."))
    after = _after()
    return render_template(
        "delivery/missed.html",
        run=run,
        missed=read_missed(session(), run, after=after),
        is_first=not after,
        opted_out=left_out_of_run(session(), run.id).get(LeftOut.OPTED_OUT, 0),
    )


def _after() -> int:
    """Return the id behind which the asked page of a list begins."""
    return min(max(request.args.get("after", 0, type=whole_number), 0), HIGHEST_ID)


def _counted(run: Run, chosen: resending.Chosen) -> Counted | None:
    """Return what a worker counted of the unconfirmed messages; None: they are few, and counted here."""
    if chosen.ids or not is_large(run) or resending.has_few(session(), run.id):
        return None
    known = unconfirmed_of(run)
    if request.method == "POST" and "shown" not in request.form and known.kept.is_asked:
        return Counted(None, known.tally.counted_at)
    return Counted(known.kept.unconfirmed, known.tally.counted_at, known.kept.has_old_groups(clock.now()))


def _is_counted(run: Run, chosen: resending.Chosen) -> bool:
    """Say whether a page that waits for a count can show it by now, or that there is none."""
    try:
        counted = _counted(run, chosen)
    except DamagedDataError:
        return True
    return counted is None or counted.groups is not None


def _counted_anew(run: Run, counted: Counted | None) -> Counted | None:
    """Let a worker count the unconfirmed messages, of which there are more than it knows, unless they are few."""
    if counted is None and (not is_large(run) or resending.has_few(session(), run.id)):
        return None
    # Read before: it would be read anew within, and on SQLite two transactions would wait for each other.
    run_id, now = run.id, clock.now()
    with writing_apart() as apart:
        ask_for_tally(apart, [run_id], now=now)
    return Counted(None, now)


def _confirmed(chosen: resending.Chosen) -> resending.Chosen:
    """Return what was chosen, of which no more is sent than the member was shown."""
    if chosen.ids:
        return chosen
    seen = max(request.form.get("shown", 0, type=whole_number), 0)
    return replace(chosen, most=min(most_behind(seen), MOST_AT_ONCE))


def _prospect_of(run: Run, chosen: resending.Chosen, counted: Counted | None) -> resending.Prospect:
    if counted is not None:
        # Of what nobody has counted yet nothing is told.
        return resending.prospect_among(counted.groups or (), chosen)
    return resending.count_resendable(session(), run, chosen, policy=Policy.of(settings()))


def _is_hidden(chosen: resending.Chosen, prospect: resending.Prospect) -> bool:
    """Say whether the member must not see if a group is somebody: its traits would point to them."""
    return chosen.is_group and not tells(prospect.total)


def _send_again(run: Run, chosen: resending.Chosen, *, reason: str, may_be_nobody: bool) -> int:
    """Queue what was chosen again and return how much; nothing of a group that may be nobody is no refusal."""
    try:
        return resending.resend(
            session(),
            run,
            chosen,
            by=current_member().id,
            reason=reason,
            vault=vault(),
            policy=Policy.of(settings()),
        )
    except RefusedError as error:
        if not may_be_nobody or isinstance(error, ChangedError):
            raise
        return 0


def _offered(run: Run, chosen: resending.Chosen, counted: Counted | None) -> resending.Groups:
    """Return the groups among which the member chooses; who sees no single messages is told of no small one.

    The languages and channels of the run are offered all the same, whoever is in them, and what is chosen already.
    """
    if counted is None:
        found = resending.add_up(resending.count_groups(session(), run, policy=Policy.of(settings())))
    else:
        found = resending.add_up(counted.groups or ())
    if sees_exact():
        return found
    languages = dict.fromkeys(run.frozen.get("texts", {}), 0)
    channels = dict.fromkeys((each.channel for each in run.ranked_senders), 0)
    named = [{} if each is None else {each: 0} for each in (chosen.code, chosen.language, chosen.country)]
    return resending.Groups(
        named[0] | told(found.by_code),
        named[1] | languages | told(found.by_language),
        named[2] | told(found.by_country),
        channels | told(found.by_channel),
    )


def _resend_page(run: Run, form: ResendForm, chosen: resending.Chosen, counted: Counted | None) -> Page:
    prospect = _prospect_of(run, chosen, counted)
    page = render_template(
        "delivery/resend.html",
        run=run,
        form=form,
        chosen=chosen,
        prospect=prospect,
        most=MOST_AT_ONCE,
        may_resend=run.state in SENDING,
        is_hidden=_is_hidden(chosen, prospect),
        counted=counted,
        groups=None if chosen.ids else _offered(run, chosen, counted),
        hours=run.frozen.get("expires_after_minutes", 0) / 60,
        **WORDS,
    )
    return page, form.status
