"""Staff pages show what stands ready beside a campaign: do-no-harm checklist, and correction."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from campaigns.core.errors import InputError, RefusedError
from campaigns.messages.queries import load_titles
from campaigns.messages.service import TITLE_LIMIT
from campaigns.planning import queries
from campaigns.planning.correcting import find_common_id, follows_common
from campaigns.planning.do_no_harm import service as safeguards
from campaigns.planning.do_no_harm.checklist import ITEMS
from campaigns.planning.do_no_harm.queries import find_uncovered
from campaigns.planning.models import Campaign
from campaigns.planning.pages.do_no_harm_forms import CorrectionForm, HarmForm, WrittenCorrectionForm, data_of
from campaigns.staff.auth import current_member, current_organisation, may_now, requires
from campaigns.staff.event_notes import note_refused_approval
from campaigns.staff.permissions import Permission
from campaigns.staff.queries import get_owned, load_member_names
from campaigns.staff.typed.views import refill
from campaigns.web.session import session

pages = Blueprint("safeguards", __name__, url_prefix="/<int:campaign_id>")

Page = str | Response | tuple[str, int]


@pages.get("/harm")
@requires(Permission.READ_PLANS)
def harm(campaign_id: int) -> Page:
    """Show the checklist with what was answered, and let another member answer it."""
    campaign = _campaign(campaign_id)
    found = safeguards.harm_answers_of(session(), campaign)
    return _harm_page(campaign, HarmForm(data=data_of(found.answers) if found else None), found)


@pages.post("/harm")
@requires(Permission.REVIEW, fresh=True)
def answer(campaign_id: int) -> Page:
    """Answer the checklist."""
    campaign, form = _campaign(campaign_id), HarmForm()
    if form.validate_on_submit():
        try:
            digest, by = form.text("digest"), current_member().id
            safeguards.answer_harm(session(), campaign, by=by, answers=form.answers, digest=digest)
        except (InputError, RefusedError) as error:
            form.show(error)
            note_refused_approval(error, campaign)
        else:
            flash(_("Your answers are kept, with the version code of what you read."), "good")
            return redirect(url_for("planning.show", campaign_id=campaign.id))
    return _harm_page(campaign, form, safeguards.harm_answers_of(session(), campaign))


@pages.get("/correction")
@requires(Permission.READ_PLANS)
def correction(campaign_id: int) -> Page:
    """Show the prepared correction beside what it corrects."""
    campaign = _campaign(campaign_id)
    return _correction_page(campaign, CorrectionForm(data={"message_id": _chosen(campaign)}))


@pages.post("/correction")
@requires(Permission.EDIT)
def prepare(campaign_id: int) -> Page:
    """Choose the message of the correction; an approval is then void."""
    campaign, form = _campaign(campaign_id), CorrectionForm()
    _offer(form, campaign)
    if form.validate_on_submit():
        try:
            message_id, by = int(form.message_id.data) or None, current_member().id
            safeguards.prepare_correction(session(), campaign, message_id=message_id, by=by)
        except (InputError, RefusedError) as error:
            form.show(error)
        else:
            flash(_("The correction is prepared. It is sent only if somebody asks for it."), "good")
            return redirect(url_for("planning.safeguards.correction", campaign_id=campaign.id))
    return _correction_page(campaign, form)


@pages.post("/correction/text")
@requires(Permission.EDIT)
def write(campaign_id: int) -> Page:
    """Write the correction as a message of its own and choose it; an approval is then void."""
    campaign, form = _campaign(campaign_id), WrittenCorrectionForm()
    if form.validate_on_submit():
        title = _("Correction: %(title)s", title=campaign.message.title)[:TITLE_LIMIT]
        try:
            safeguards.write_correction(
                session(), campaign, title=title, text=form.text("body"), by=current_member().id
            )
        except InputError as error:
            form.show(error, "body")
        except RefusedError as error:
            form.show(error)
        else:
            flash(_("The correction is written and chosen. Somebody else must review it."), "good")
            return redirect(url_for("planning.show", campaign_id=campaign.id))
    choice = CorrectionForm(formdata=None, data={"message_id": _chosen(campaign)})
    return _correction_page(campaign, choice, written=form)


def _harm_page(campaign: Campaign, form: HarmForm, found: safeguards.HarmAnswers | None) -> Page:
    content = queries.load_content(session(), campaign)
    names = load_member_names(session(), [found.member_id] if found else [])
    is_editor = current_member().id in queries.find_editors(session(), campaign)
    form.translate()
    if not form.is_submitted():
        form.digest.data = content.said_digest
        refill(form)
    page = render_template(
        "planning/do_no_harm/checklist.html",
        campaign=campaign,
        content=content,
        form=form,
        items=ITEMS,
        found=found,
        name=names.get(found.member_id, "") if found else "",
        is_editor=is_editor,
        may_answer=may_now(Permission.REVIEW) and not is_editor and campaign.state in safeguards.ANSWERABLE,
    )
    return page, form.status


def _correction_page(
    campaign: Campaign, form: CorrectionForm, written: WrittenCorrectionForm | None = None
) -> Page:
    has_common = _offer(form, campaign)
    written = written or WrittenCorrectionForm(formdata=None)
    content = queries.load_content(session(), campaign)
    found = safeguards.correction_of(session(), campaign, content)
    fitting = None if found else safeguards.find_fitting_correction(session(), campaign, content)
    if fitting and not form.is_submitted():
        form.message_id.data = fitting.id
    page = render_template(
        "planning/do_no_harm/correction.html",
        campaign=campaign,
        content=content,
        found=found,
        fitting=fitting,
        uncovered=None if found else find_uncovered(session(), campaign, content),
        has_common=has_common,
        form=written if written.errors or written.form_errors else form,
        choice=form,
        written=written,
    )
    return page, max(form.status, written.status)


def _offer(form: CorrectionForm, campaign: Campaign) -> bool:
    """Fill in what can be chosen, and say whether the organisation's correction is among it."""
    own = load_titles(session(), current_organisation().id)
    has_common = find_common_id(session(), campaign.organisation_id) is not None
    form.offer(((each, title) for each, title in own if each != campaign.message_id), has_common=has_common)
    return has_common


def _chosen(campaign: Campaign) -> int:
    """Return the id of the message that was chosen for a campaign; 0: it follows the organisation's."""
    return 0 if follows_common(campaign) else campaign.correction_id or 0


def _campaign(campaign_id: int) -> Campaign:
    return get_owned(session(), Campaign, campaign_id, current_organisation().id)
