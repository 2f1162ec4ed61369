"""On these staff pages a partner's word of a code is recorded or withdrawn, and the counted link is led."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from campaigns.core.errors import InputError, TransitionError
from campaigns.places.queries import regions_by_id
from campaigns.planning.links.default_links import counted_address
from campaigns.planning.models import Campaign
from campaigns.proposals.queries import find_waiting_for
from campaigns.reach.counting.ladder import Step
from campaigns.reach.labels import STEPS
from campaigns.reach.outcomes import queries, service
from campaigns.reach.outcomes.forms import HostForm, LinkForm, OutcomeForm
from campaigns.reach.outcomes.models import Outcome
from campaigns.reach.outcomes.proposed import TARGET, propose_host, propose_target
from campaigns.staff.auth import current_member, current_organisation, requires
from campaigns.staff.permissions import Permission
from campaigns.staff.queries import get_owned
from campaigns.web.current import settings
from campaigns.web.error_words import refusals_told
from campaigns.web.session import session

pages = Blueprint("outcomes", __name__)

Page = str | Response | tuple[str, int]


@pages.route("/campaigns/<int:campaign_id>/outcomes", methods=["GET", "POST"])
@requires(Permission.EDIT)
def index(campaign_id: int) -> Page:
    """Record what a service or partner tells, and list what was told."""
    campaign, form = _campaign(campaign_id), OutcomeForm()
    form.offer(regions_by_id(session()).values())
    if form.validate_on_submit():
        try:
            _record(campaign, form)
        except InputError as error:
            form.show(error)
        else:
            flash(_("It is recorded. Thank whoever told you."), "good")
            return redirect(url_for("reach.outcomes.index", campaign_id=campaign.id))
    return _page(campaign, form, LinkForm()), form.status


@pages.post("/campaigns/<int:campaign_id>/link")
@requires(Permission.EDIT, fresh=True)
def lead_link(campaign_id: int) -> Page:
    """Propose where the counted address of a campaign leads."""
    campaign, form = _campaign(campaign_id), LinkForm()
    if form.validate_on_submit():
        try:
            proposal = propose_target(
                session(), campaign, form.text("target"), by=current_member().id, reason=form.text("reason")
            )
        except InputError as error:
            form.show(error, "target")
        else:
            flash(_("Another member has to agree. Until then the address leads where it led before."), "good")
            return redirect(url_for("proposals.show", proposal_id=proposal.id))
    record = OutcomeForm(formdata=None)
    record.offer(regions_by_id(session()).values())
    return _page(campaign, record, form), form.status


@pages.post("/campaigns/<int:campaign_id>/link/take-away")
@requires(Permission.STOP_RUN)
def take_away_link(campaign_id: int) -> Response:
    """Let the counted address of a campaign lead nowhere: taking away takes one member."""
    campaign = _campaign(campaign_id)
    with refusals_told(TransitionError):
        service.take_away_link(session(), campaign, by=current_member().id)
        flash(_("The address leads nowhere now."), "good")
    return redirect(url_for("planning.show", campaign_id=campaign.id))


@pages.route("/link-hosts", methods=["GET", "POST"])
@requires(Permission.ADMINISTER, fresh=True)
def hosts() -> Page:
    """Show the hosts that links may lead to, and propose one."""
    form = HostForm()
    if form.validate_on_submit():
        try:
            proposal = propose_host(session(), current_organisation(), form.text("host"), by=current_member().id)
        except InputError as error:
            form.show(error, "host")
        else:
            flash(_("Another administrator has to agree."), "good")
            return redirect(url_for("proposals.show", proposal_id=proposal.id))
    listed = current_organisation().link_hosts
    return render_template("reach/outcomes/link_hosts.html", form=form, hosts=listed), form.status


@pages.post("/link-hosts/<host>/remove")
@requires(Permission.ADMINISTER)
def remove_host(host: str) -> Response:
    """Let links lead to a host no more: taking away takes one administrator."""
    with refusals_told(TransitionError):
        service.remove_host(session(), current_organisation(), host, by=current_member().id)
        flash(_("Links lead there no more."), "good")
    return redirect(url_for("reach.outcomes.hosts"))


@pages.post("/outcomes/<int:outcome_id>/withdraw")
@requires(Permission.EDIT)
def withdraw(outcome_id: int) -> Page:
    """Let a report that turned out wrong count nowhere."""
    outcome = get_owned(session(), Outcome, outcome_id, current_organisation().id)
    with refusals_told(TransitionError):
        service.withdraw_outcome(session(), outcome, by=current_member().id)
        flash(_("It counts nowhere any more."), "info")
    return redirect(url_for("reach.outcomes.index", campaign_id=outcome.campaign_id))


def _record(campaign: Campaign, form: OutcomeForm) -> None:
    service.record_assisted(
        session(),
        campaign.organisation_id,
        code=campaign.code,
        people=form.people.data or 0,
        day=form.day.data,  # type: ignore[arg-type] # the form requires it
        partner=form.text("partner"),
        step=Step(form.step.data),
        region_code=form.text("region") or None,
        note=form.text("note"),
        recurrent=bool(form.recurrent.data),
        by=current_member().id,
    )


def _page(campaign: Campaign, form: OutcomeForm, link_form: LinkForm) -> str:
    return render_template(
        "reach/outcomes/index.html",
        campaign=campaign,
        form=form,
        link_form=link_form,
        address=counted_address(settings().people_address, campaign.code),
        openings=queries.openings_of(session(), campaign.id),
        proposal=find_waiting_for(session(), campaign.organisation_id, TARGET.name, campaign),
        hosts=current_organisation().link_hosts,
        outcomes=session().scalars(queries.select_outcomes(campaign.organisation_id, campaign.id)).all(),
        regions=regions_by_id(session()),
        step_names=STEPS,
    )


def _campaign(campaign_id: int) -> Campaign:
    return get_owned(session(), Campaign, campaign_id, current_organisation().id)
