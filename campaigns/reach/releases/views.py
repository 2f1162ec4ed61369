"""Staff pages show what was released and what a year's budget allows, and make another release."""

from __future__ import annotations

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response as Answer

from campaigns.audience.figures import is_long_ago
from campaigns.core import clock
from campaigns.core.errors import InputError
from campaigns.core.words import N_
from campaigns.inbox.conversations.labels import THEMES
from campaigns.planning.models import Campaign
from campaigns.reach.releases import joint as joint_releases
from campaigns.reach.releases import queries, service
from campaigns.reach.releases.asked_releases import (
    ask_release,
    find_of_joint,
    has_few,
    select_not_made,
    select_waiting,
    take_back_asked,
    wanted_by,
)
from campaigns.reach.releases.labels import FORMAT_NAMES, SCOPE_NAMES, VIEW_NAMES, period_label
from campaigns.reach.releases.models import AskedRelease, JointPartner, JointRequest, Release, ScopeKind, View
from campaigns.reach.releases.periods import closed_periods
from campaigns.reach.releases.privacy.region_tree import load_tree
from campaigns.reach.releases.release_page import as_file, shown
from campaigns.reach.releases.service import Wanted, check_revision, count_true, make_release, plan_release
from campaigns.staff.auth import current_member, current_organisation, requires
from campaigns.staff.permissions import Permission
from campaigns.staff.queries import get_owned
from campaigns.web.forms import LONGEST_WORDS, find_listed
from campaigns.web.keyed_pages import asked_page
from campaigns.web.number_fields import whole_number
from campaigns.web.session import begin_writing, reads_first, session

pages = Blueprint("releases", __name__, url_prefix="/reach/publications")

Page = str | Answer | tuple[str, int]

#: What other organisations published, the newest ones that the list shows.
MOST_OF_PARTNERS = 24


@pages.app_context_processor
def names() -> dict[str, object]:
    """Give templates the names of what releases are made of."""
    return {
        "view_names": VIEW_NAMES,
        "scope_names": SCOPE_NAMES,
        "format_names": FORMAT_NAMES,
        "period_label": period_label,
        "theme_names": THEMES,
        "waits_long": _waits_long,
    }


@pages.get("")
@requires(Permission.READ_REACH)
def list_releases() -> str:
    """List the releases of the organisation, newest first, with what is left of this year's budget."""
    ours = current_organisation()
    found = asked_page(session(), queries.select_releases(ours.id), Release.id, per_page=20)
    return render_template(
        "reach/releases/list.html",
        releases=found,
        budget=queries.budget_of(session(), ours.id, clock.now().year),
        partners=queries.joint_partners(session()),
        takes_part=session().get(JointPartner, ours.id) is not None,
        asked=session().scalars(joint_releases.select_asked(ours.id)).all(),
        waiting=session().scalars(select_waiting(ours.id)).all(),
        not_made=session().scalars(select_not_made(ours.id)).all(),
        of_partners=session().scalars(queries.select_of_partners(ours.id).limit(MOST_OF_PARTNERS)).all(),
    )


@pages.get("/ledger")
@requires(Permission.READ_REACH)
def ledger() -> str:
    """Show what the budget of one year was spent on."""
    year = request.args.get("year", clock.now().year, type=whole_number)
    year = year if 2000 <= year <= 9998 else clock.now().year
    ours = current_organisation().id
    entries = session().execute(queries.select_ledger(ours, year)).all()
    return render_template(
        "reach/releases/ledger.html",
        entries=entries,
        budget=queries.budget_of(session(), ours, year),
        this_year=clock.now().year,
    )


@pages.get("/new")
@requires(Permission.HANDLE_CONTACTS)
def choose() -> str:
    """Ask what is to be released."""
    ours, now = current_organisation(), clock.now()
    first = queries.first_run_at(session(), ours.id), queries.first_theme_at(session(), ours.id)
    began = min(filter(None, first), default=None)
    found = session().execute(queries.select_ended_campaigns(ours.id))
    ended = {campaign_id: f"{name} ({code})" for campaign_id, name, code in found}
    words, chosen = request.args.get("words", "").strip(), request.args.get("campaign_id", type=whole_number)
    listed = find_listed(ended, words[:LONGEST_WORDS]) | {chosen}
    return render_template(
        "reach/releases/choose.html",
        views=list(View),
        periods=closed_periods(now, back_to=began) if began else [],
        campaigns={each: name for each, name in ended.items() if each in listed},
        ended=len(ended),
        asked=request.args,
        budget=queries.budget_of(session(), ours.id, now.year),
        may_join=session().get(JointPartner, ours.id) is not None,
    )


@pages.get("/preview")
@requires(Permission.HANDLE_CONTACTS, fresh=True)
def preview() -> str:
    """Show what would be published and what it costs, without counting anybody."""
    ours = current_organisation()
    planned = plan_release(session(), ours, _wanted(request.args))
    # What a partner has left is not ours to know.
    budgets = [queries.budget_of(session(), ours.id, year) for year in planned.period.years]
    return render_template(
        "reach/releases/preview.html", planned=planned, budgets=budgets, asked=request.args, tree=load_tree()
    )


@pages.post("/make")
@requires(Permission.HANDLE_CONTACTS, fresh=True)
@reads_first
def make() -> Page:
    """Make the release that was previewed, and show it; for a joint one ask the other organisations.

    Many people are left to a worker. Few are counted before anything is written: on SQLite nobody else writes
    meanwhile, the engine neither.
    """
    wanted, reason = _wanted(request.form), request.form.get("reason", "")
    if wanted.scope is ScopeKind.JOINT:
        begin_writing()
        return _ask(_wanted(request.form), reason)
    planned = plan_release(session(), current_organisation(), wanted)
    check_revision(planned, reason.strip())
    if not has_few(session(), planned):
        begin_writing()
        return _let_count(_wanted(request.form), reason.strip())
    true = count_true(session(), planned)
    begin_writing()
    ours, by, wanted = current_organisation(), current_member().id, _wanted(request.form)
    release = make_release(session(), ours, wanted, reason=reason, by=by, true=true)
    flash(_("The publication is made. Its figures stay as they are now."), "good")
    return redirect(url_for("releases.show", release_id=release.id))


@pages.get("/asked/<int:asked_id>")
@requires(Permission.HANDLE_CONTACTS)
def show_asked(asked_id: int) -> Page:
    """Say that the people of a release are counted, or why it was not made; once it is made, show it."""
    asked = get_owned(session(), AskedRelease, asked_id, current_organisation().id)
    if "HX-Request" in request.headers and asked.due_at is None:
        return Response(status=204, headers={"HX-Refresh": "true"})
    if asked.release_id is not None:
        return redirect(url_for("releases.show", release_id=asked.release_id))
    return render_template("reach/releases/asked.html", asked=asked, wanted=wanted_by(session(), asked))


@pages.post("/asked/<int:asked_id>/take-back")
@requires(Permission.HANDLE_CONTACTS)
def take_back_count(asked_id: int) -> Page:
    """Let what waits for a count not be published; a joint one is taken back as a whole."""
    asked = get_owned(session(), AskedRelease, asked_id, current_organisation().id)
    if asked.joint_id is not None:
        return take_back(asked.joint_id)
    take_back_asked(session(), asked, by=current_member().id)
    flash(_("It was taken back. Nothing was published."), "good")
    return redirect(url_for("releases.show_asked", asked_id=asked.id))


@pages.get("/joint/<int:joint_id>")
@requires(Permission.HANDLE_CONTACTS)
def show_joint(joint_id: int) -> str:
    """Show what became of a joint release that the organisation asked for."""
    asked = _asked(joint_id)
    return render_template(
        "reach/releases/joint.html",
        asked=asked,
        answers=joint_releases.answers_of(session(), asked),
        count=find_of_joint(session(), asked.id),
    )


@pages.post("/joint/<int:joint_id>/take-back")
@requires(Permission.HANDLE_CONTACTS)
def take_back(joint_id: int) -> Page:
    """Ask the other organisations for a joint release no longer."""
    joint_releases.take_back(session(), _asked(joint_id), by=current_member().id)
    flash(_("Nobody is asked any more. Nothing was published."), "good")
    return redirect(url_for("releases.show_joint", joint_id=joint_id))


@pages.get("/<int:release_id>")
@requires(Permission.READ_REACH)
def show(release_id: int) -> str:
    """Show one release; everything on the page is read from its frozen bytes."""
    release = queries.get_readable(session(), release_id, current_organisation().id)
    return render_template(
        "reach/releases/show.html",
        release=release,
        revisions=queries.revisions_of(session(), release, current_organisation().id),
        **shown(session(), release),
    )


@pages.get("/<int:release_id>/<format_name>")
@requires(Permission.READ_REACH, fresh=True)
def download(release_id: int, format_name: str) -> Response:
    """Give a release as a file."""
    release = queries.get_readable(session(), release_id, current_organisation().id)
    return as_file(session(), release, format_name)


@pages.post("/joint")
@requires(Permission.HANDLE_CONTACTS, fresh=True)
def joint() -> Page:
    """Take part in joint releases, or stop to."""
    ours, member = current_organisation(), current_member()
    if request.form.get("takes_part") == "yes":
        service.join_joint(session(), ours, by=member.id)
        flash(_("Your organisation takes part in joint publications now."), "good")
    else:
        service.leave_joint(session(), ours, by=member.id)
        flash(_("Your organisation takes no part in joint publications any more."), "good")
    return redirect(url_for("releases.list_releases"))


def _ask(wanted: Wanted, reason: str) -> Page:
    ours, by = current_organisation(), current_member().id
    asked = joint_releases.ask_for_joint(session(), ours, wanted, reason=reason, by=by)
    flash(_("The other organisations are asked. Nobody is counted before all of them have agreed."), "good")
    return redirect(url_for("releases.show_joint", joint_id=asked.id))


def _let_count(wanted: Wanted, reason: str) -> Page:
    ours, by = current_organisation(), current_member().id
    planned = plan_release(session(), ours, wanted)
    check_revision(planned, reason)
    asked = ask_release(session(), ours, planned, reason=reason, by=by)
    return redirect(url_for("releases.show_asked", asked_id=asked.id))


def _asked(joint_id: int) -> JointRequest:
    return get_owned(session(), JointRequest, joint_id, current_organisation().id)


def _waits_long(asked: AskedRelease) -> bool:
    """Say whether no worker is at it although it was asked for long ago."""
    is_counted = asked.began_at is not None and asked.due_at is not None and asked.due_at > clock.now()
    return asked.due_at is not None and not is_counted and is_long_ago(asked.asked_at)


def _wanted(given: MultiDict[str, str]) -> Wanted:
    """Read what is asked for. Raises InputError for a word that is none of ours."""
    try:
        view, scope = View(given.get("view", "")), ScopeKind(given.get("scope", ""))
    except ValueError:
        raise InputError(N_("Choose what is published and whose people are counted.")) from None
    campaign_id = given.get("campaign_id", 0, type=whole_number)
    seen = given.get("revisions", type=whole_number)
    if scope is not ScopeKind.CAMPAIGN:
        return Wanted(view, scope, given.get("period", ""), revisions=seen)
    if not campaign_id:
        raise InputError(N_("Choose the campaign."))
    campaign = get_owned(session(), Campaign, campaign_id, current_organisation().id)
    return Wanted(view, scope, campaign=campaign, revisions=seen)
