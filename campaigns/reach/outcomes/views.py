"""Staff pages of outcomes: record what a partner tells of a code, withdraw it, lead the counted link."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from campaigns.core.errors import InputError, TransitionError
from campaigns.places.queries import regions_by_id
from campaigns.planning.models import Campaign
from campaigns.reach.counting import Step
from campaigns.reach.labels import STEPS
from campaigns.reach.outcomes import queries, service
from campaigns.reach.outcomes.forms import LinkForm, OutcomeForm
from campaigns.reach.outcomes.models import Outcome
from campaigns.staff.auth import current_member, current_organisation, requires
from campaigns.staff.permissions import Permission
from campaigns.staff.queries import get_owned
from campaigns.web.current import settings
from campaigns.web.session import refuse_commit, session
from campaigns.web.words import said

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
    """Say where the counted address of a campaign leads."""
    campaign, form = _campaign(campaign_id), LinkForm()
    if form.validate_on_submit():
        try:
            service.lead_link(session(), campaign, form.text("target"), by=current_member().id)
        except InputError as error:
            form.show(error, "target")
        else:
            flash(_("The counted address leads there now."), "good")
            return redirect(url_for("reach.outcomes.index", campaign_id=campaign.id))
    record = OutcomeForm(formdata=None)
    record.offer(regions_by_id(session()).values())
    return _page(campaign, record, form), form.status


@pages.post("/outcomes/<int:outcome_id>/withdraw")
@requires(Permission.EDIT)
def withdraw(outcome_id: int) -> Page:
    """Let a report that turned out wrong count nowhere."""
    outcome = get_owned(session(), Outcome, outcome_id, current_organisation().id)
    try:
        service.withdraw_outcome(session(), outcome, by=current_member().id)
    except TransitionError as error:
        refuse_commit()
        flash(said(error), "bad")
    else:
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
    address = f"{settings().people_address}/go/{campaign.code}"
    return render_template(
        "reach/outcomes.html",
        campaign=campaign,
        form=form,
        link_form=link_form,
        address=address,
        openings=queries.openings_of(session(), campaign.id),
        outcomes=session().scalars(queries.select_outcomes(campaign.organisation_id, campaign.id)).all(),
        regions=regions_by_id(session()),
        step_names=STEPS,
    )


def _campaign(campaign_id: int) -> Campaign:
    return get_owned(session(), Campaign, campaign_id, current_organisation().id)
