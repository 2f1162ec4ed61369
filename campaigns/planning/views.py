"""Staff pages list campaigns, show what is sent to whom, and lead to the approval."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy import func, select
from werkzeug.wrappers import Response

from campaigns.audience.forms import CHANNELS
from campaigns.audience.models import Audience
from campaigns.audience.queries import load_audience_names
from campaigns.audience.shown_counts.look_notes import note_audience
from campaigns.core import clock
from campaigns.core.errors import GateError, InputError, NotFoundError, RefusedError
from campaigns.messages.models import Message
from campaigns.messages.queries import load_titles, unreviewed_of
from campaigns.planning import campaign_overview, labels, queries, service
from campaigns.planning.acts.models import Act
from campaigns.planning.approvals.review import Review, load_review
from campaigns.planning.correcting import find_correction
from campaigns.planning.draft import Plan
from campaigns.planning.estimates.kept_people import KeptPeople, find_people
from campaigns.planning.forms import CampaignForm, ReturnForm, data_of
from campaigns.planning.models import Campaign, CampaignState, Sender
from campaigns.planning.pages import change_labels
from campaigns.planning.pages.asked_views import ask, asked_of, waits_for_count
from campaigns.planning.pages.asked_views import pages as asked_pages
from campaigns.planning.pages.calendar_views import pages as calendar_pages
from campaigns.planning.pages.common_correction_views import pages as common_correction_pages
from campaigns.planning.pages.coverage_views import pages as coverage_pages
from campaigns.planning.pages.do_no_harm_views import pages as safeguard_pages
from campaigns.planning.pages.gate_views import pages as gate_pages
from campaigns.planning.pages.gate_ways import way_of
from campaigns.planning.pages.next_act import Looking, may_decide, next_act, tab_of
from campaigns.planning.pages.sender_views import pages as sender_pages
from campaigns.planning.pages.template_views import pages as template_pages
from campaigns.planning.pages.time_views import pages as time_pages
from campaigns.planning.policy import Policy
from campaigns.planning.runs import rehearsal
from campaigns.planning.senders.connections import find_in_use, find_unconnected
from campaigns.planning.standing import standings_of
from campaigns.public_pages.queries import find_profile
from campaigns.staff.auth import current_member, current_organisation, may_now, may_open, requires
from campaigns.staff.event_notes import note_refused_approval
from campaigns.staff.permissions import Permission
from campaigns.staff.queries import get_owned, owned
from campaigns.staff.typed.views import refill
from campaigns.web.current import settings
from campaigns.web.error_words import said
from campaigns.web.filters import with_link
from campaigns.web.keyed_pages import asked_page
from campaigns.web.session import refuse_commit, session

pages = Blueprint("planning", __name__, url_prefix="/campaigns")
pages.register_blueprint(sender_pages)
pages.register_blueprint(time_pages)
pages.register_blueprint(calendar_pages)
pages.register_blueprint(template_pages)
pages.register_blueprint(safeguard_pages)
pages.register_blueprint(coverage_pages)
pages.register_blueprint(common_correction_pages)
pages.register_blueprint(gate_pages)
pages.register_blueprint(asked_pages)
# The composer says what a text costs, and stands before this step.
pages.add_app_template_global(labels.sms_costs)

Page = str | Response | tuple[str, int]


@pages.context_processor
def vocabulary() -> dict[str, object]:
    """Let templates name gates, rules, times and channels, and link only to what the member may open."""
    return {
        "labels": labels,
        "change_labels": change_labels,
        "may_open": may_open,
        "way_of": way_of,
        "channels": CHANNELS,
    }


@pages.get("")
@requires(Permission.READ_PLANS)
def index() -> Page:
    """List the organisation's campaigns, newest first."""
    archived = "archived" in request.args
    statement = queries.select_campaigns(current_organisation().id, archived=archived)
    found = asked_page(session(), statement, Campaign.id, per_page=20)
    standings = standings_of(session(), found.rows)
    return render_template("planning/index.html", found=found, archived=archived, standings=standings)


@pages.route("/new", methods=["GET", "POST"])
@requires(Permission.EDIT)
def create() -> Page:
    """Write down a new campaign."""
    form = _offer(CampaignForm(data={"max_parts": settings().default_max_parts}), None)
    refill(form, is_new=True)
    if request.method == "GET":
        _propose(form)
        return _campaign_page(form, None, counts=False)
    if "save" in request.form and form.validate_on_submit():
        try:
            organisation, by = current_organisation(), current_member().id
            campaign = service.create_campaign(
                session(), organisation.id, plan=form.plan(), by=by, pages=_safety_pages()
            )
        except InputError as error:
            form.show(error)
        else:
            flash(_("The campaign is saved as a draft. Now say when it is to be sent."), "good")
            return redirect(url_for("planning.times.create", campaign_id=campaign.id))
    return _campaign_page(form, None)


@pages.route("/<int:campaign_id>/edit", methods=["GET", "POST"])
@requires(Permission.EDIT)
def edit(campaign_id: int) -> Page:
    """Change a campaign; an approval it has is then void."""
    campaign = _campaign(campaign_id)
    form = _offer(CampaignForm(data=data_of(campaign)), campaign)
    refill(form)
    if "save" in request.form and form.validate_on_submit():
        try:
            service.update_campaign(
                session(), campaign, plan=form.plan(), by=current_member().id, pages=_safety_pages()
            )
        except (InputError, RefusedError) as error:
            form.show(error)
        else:
            flash(_("The campaign is saved."), "good")
            return _to(campaign)
    return _campaign_page(form, campaign)


@pages.get("/<int:campaign_id>")
@requires(Permission.READ_PLANS)
def show(campaign_id: int) -> Page:
    """Show a campaign: what is sent, to how many, when, what blocks it, and who decided."""
    return _show(_campaign(campaign_id), ReturnForm())


@pages.post("/<int:campaign_id>/submit")
@requires(Permission.EDIT)
def submit(campaign_id: int) -> Page:
    """Ask another member for approval."""
    if waits_for_count():
        return _ask(campaign_id, Act.SUBMIT)
    done = _("Submitted. Another member has to approve it.")
    policy, lacking = Policy.of(settings()), _unconnected()
    return _act(campaign_id, service.submit_campaign, done, policy=policy, unconnected=lacking)


@pages.post("/<int:campaign_id>/approve")
@requires(Permission.REVIEW, fresh=True)
def approve(campaign_id: int) -> Page:
    """Approve exactly what the member has read."""
    digest, as_urgent = request.form.get("digest", ""), "as_urgent" in request.form
    if waits_for_count():
        return _ask(campaign_id, Act.APPROVE, digest, as_urgent=as_urgent)
    done = _("Approved. It is sent by itself when its time comes.")
    if any(each.awaits_approval for each in _campaign(campaign_id).schedules):
        done = _("Approved. It starts within seconds.")
    values: dict[str, Any] = {"policy": Policy.of(settings()), "unconnected": _unconnected()}
    return _act(campaign_id, service.approve_campaign, done, digest=digest, as_urgent=as_urgent, **values)


@pages.post("/<int:campaign_id>/return")
@requires(Permission.REVIEW)
def give_back(campaign_id: int) -> Page:
    """Return a campaign to its authors with the reason."""
    form = ReturnForm()
    if not form.validate_on_submit():
        return _show(_campaign(campaign_id), form)
    done = _("Returned to its authors.")
    return _act(campaign_id, service.return_campaign, done, reason=form.text("reason"))


@pages.post("/<int:campaign_id>/take-back")
@requires(Permission.EDIT)
def take_back(campaign_id: int) -> Page:
    """Make a campaign a draft again."""
    return _act(campaign_id, service.take_back_campaign, _("It is a draft again and is not sent."))


@pages.post("/<int:campaign_id>/archive")
@requires(Permission.EDIT)
def archive(campaign_id: int) -> Page:
    """Put a campaign away."""
    return _act(campaign_id, service.archive_campaign, _("Archived. It is not sent any more."))


@pages.post("/<int:campaign_id>/left-out")
@requires(Permission.EDIT)
def accept_left_out(campaign_id: int) -> Page:
    """Agree that people without a text they can read get nothing."""
    return _act(campaign_id, service.accept_left_out, _("Noted: they are left out."))


@pages.post("/<int:campaign_id>/rehearse")
@requires(Permission.EDIT)
def rehearse(campaign_id: int) -> Page:
    """Send what the campaign says now to the sandbox, with stand-ins for every address."""
    done = _("The rehearsal begins. Its practice phones fill up; nobody is written to.")
    there = url_for("planning.show", campaign_id=campaign_id, tab="overview", _anchor="rehearsals")
    done = with_link(done, there, _("Show the rehearsal"))
    values: dict[str, object] = {"now": clock.now(), "cap": Policy.of(settings()).cap}
    return _act(campaign_id, rehearsal.rehearse, done, tab="overview", **values)


@pages.post("/<int:campaign_id>/duplicate")
@requires(Permission.EDIT)
def duplicate(campaign_id: int) -> Page:
    """Copy a campaign and open the copy."""
    copy = service.duplicate_campaign(session(), _campaign(campaign_id), by=current_member().id)
    flash(_("This is the copy: a draft without times."), "good")
    return redirect(url_for("planning.edit", campaign_id=copy.id))


def _safety_pages() -> str:
    """Return what addresses of our own pages begin with, if the organisation has opened them to everybody."""
    profile = find_profile(session(), current_organisation().id)
    return settings().people_address if profile and profile.is_open else ""


def _act(
    campaign_id: int,
    verb: Callable[..., object],
    done: str,
    *,
    tab: str | None = None,
    **values: object,
) -> Response:
    """Do one verb on a campaign and come back to its page with what was done, or why not."""
    campaign = _campaign(campaign_id)
    try:
        verb(session(), campaign, by=current_member().id, **values)
    except GateError:
        # The page names each closed gate, in the reader's language.
        refuse_commit()
        flash(_("This is not possible yet. Fix what is listed here first."), "bad")
    except (InputError, RefusedError) as error:
        refuse_commit()
        note_refused_approval(error, campaign)
        flash(said(error), "bad")
    else:
        flash(done, "good")
        return redirect(url_for("planning.show", campaign_id=campaign.id, tab=tab))
    return _to(campaign)


def _ask(campaign_id: int, act: Act, digest: str | None = None, *, as_urgent: bool = False) -> Response:
    """Let an act wait until a worker has counted its people, and come back to the page that says how far it is."""
    campaign = _campaign(campaign_id)
    try:
        ask(act, campaign, digest=digest, as_urgent=as_urgent)
    except RefusedError as error:
        refuse_commit()
        note_refused_approval(error, campaign)
        flash(said(error), "bad")
    return _to(campaign)


def _show(campaign: Campaign, form: ReturnForm) -> Page:
    now, policy = clock.now(), Policy.of(settings())
    people = _people_of(campaign, policy, now)
    view = None
    if people is not None and people.tally is not None:
        view = campaign_overview.load_overview(
            session(), campaign, now=now, policy=policy, people=people, unconnected=_unconnected()
        )
        note_audience(campaign.audience, people.tally.total)
    by = Looking(current_member().id, may_now(Permission.EDIT), may_now(Permission.REVIEW))
    decides = view is not None and campaign.state == CampaignState.SUBMITTED and may_decide(view, by)
    standing = standings_of(session(), [campaign])[campaign.id]
    runs, rehearsals = (
        session().scalars(select(campaign.id).limit(campaign_overview.SHOWN_RUNS)).all()
        for select in (queries.select_runs, queries.select_rehearsals)
    )
    page = render_template(
        "planning/show.html",
        campaign=campaign,
        standing=standing,
        view=view,
        counted=people.standing if people else None,
        form=form,
        tab=tab_of(request.args.get("tab"), decides=decides, has_errors=bool(form.errors)),
        may_decide=decides,
        next=next_act(standing, view, by, runs=runs, rehearsals=rehearsals) if view else None,
        times=campaign_overview.load_schedules(campaign, view, now=now, keeps_quiet=policy.keeps_quiet),
        review=_review(campaign, view, now),
        decisions=campaign_overview.load_decisions(session(), campaign),
        policy=policy,
        runs=runs,
        rehearsals=rehearsals,
        corrected_by=find_correction(session(), campaign, view.assessed.content.texts if view else None),
        phones_url=settings().phones_url() if by.may_edit or by.may_review else "",
        **asked_of(campaign),
    )
    return page, form.status


def _people_of(campaign: Campaign, policy: Policy, now: datetime) -> KeptPeople | None:
    """Find the people of a campaign; only authors and approvers are told of them."""
    may_read = may_now(Permission.EDIT) or may_now(Permission.REVIEW)
    return find_people(session(), campaign, cap=policy.cap, now=now) if may_read else None


def _review(campaign: Campaign, view: campaign_overview.Overview | None, now: datetime) -> Review | None:
    if view is None:
        return None
    valid_days = settings().approval_valid_days
    return load_review(session(), campaign, view.assessed.content, now=now, valid_days=valid_days)


def _campaign_page(form: CampaignForm, campaign: Campaign | None, *, counts: bool = True) -> Page:
    saving = request.method == "POST" and "save" in request.form
    people = _people(form) if counts and form.is_countable and not form.finds else None
    tally = people.tally if people else None
    if tally is not None:
        note_audience(session().get_one(Audience, form.audience_id.data), tally.total)
    usable = queries.select_senders(current_organisation().id).where(Sender.id.in_(form.sender_ids))
    chosen = sorted(session().scalars(usable), key=lambda sender: form.sender_ids.index(sender.id))
    waiting = unreviewed_of(session().get_one(Message, form.message_id.data)) if tally else ()
    page = render_template(
        "planning/edit.html",
        form=form,
        campaign=campaign,
        tally=tally,
        counted=people.standing if people else None,
        waiting=waiting,
        chosen=chosen,
        cap=Policy.of(settings()).cap,
    )
    return page, form.status if saving else 200


def _people(form: CampaignForm) -> KeptPeople | None:
    """Find whom the plan of a form means, saved or not, as if nobody without a text were sent anything."""
    plan = Plan(
        name="-",
        message_id=form.message_id.data,
        audience_id=form.audience_id.data,
        sender_ids=form.sender_ids,
    )
    try:
        draft = service.draft_of(session(), current_organisation().id, plan)
        return find_people(session(), draft, now=clock.now())
    except (InputError, NotFoundError):
        return None


def _offer(form: CampaignForm, campaign: Campaign | None) -> CampaignForm:
    organisation_id = current_organisation().id
    found = session().scalars(queries.select_senders(organisation_id)).all()
    senders = [row for row in found if row.active or (campaign and row.id in campaign.sender_ids)]
    form.offer(
        messages=load_titles(session(), organisation_id),
        audiences=load_audience_names(session(), organisation_id),
        senders=senders,
    )
    return form


def _propose(form: CampaignForm) -> None:
    """Choose what was written last, and the sender where only one can send; not over what was typed before."""
    ours = current_organisation().id
    for field, model in ((form.message_id, Message), (form.audience_id, Audience)):
        if field.data is None:
            field.data = session().scalar(owned(select(func.max(model.id)), model, ours))
    in_use = find_in_use(session(), settings(), ours)
    usable = [sender for sender, fault in in_use if not fault] or [sender for sender, _fault in in_use]
    if not form.sender_ids and len(usable) == 1:
        form.senders[0].data = usable[0].id


def _unconnected() -> Collection[int]:
    return find_unconnected(session(), settings(), current_organisation().id)


def _campaign(campaign_id: int) -> Campaign:
    return get_owned(session(), Campaign, campaign_id, current_organisation().id)


def _to(campaign: Campaign) -> Response:
    return redirect(url_for("planning.show", campaign_id=campaign.id))
