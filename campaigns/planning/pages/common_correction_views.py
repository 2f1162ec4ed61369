"""A staff page shows the correction of the whole organisation, and lets an author write or choose it."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from campaigns.core.errors import InputError
from campaigns.messages.queries import load_languages, load_titles, order_translations, state_of
from campaigns.planning.correcting import find_common_correction
from campaigns.planning.do_no_harm import common_correction
from campaigns.planning.do_no_harm.queries import count_bound
from campaigns.planning.pages.do_no_harm_forms import BundledCorrectionForm, CommonCorrectionForm
from campaigns.staff.auth import current_member, current_organisation, requires
from campaigns.staff.permissions import Permission
from campaigns.web.session import session

pages = Blueprint("common", __name__, url_prefix="/correction")

Page = str | Response | tuple[str, int]


@pages.get("")
@requires(Permission.READ_PLANS)
def show() -> Page:
    """Show the correction of the organisation with the state of each language."""
    return _page(CommonCorrectionForm(formdata=None), BundledCorrectionForm(formdata=None))


@pages.post("")
@requires(Permission.EDIT)
def choose() -> Page:
    """Choose which message it is, or none."""
    form = CommonCorrectionForm()
    form.offer(load_titles(session(), current_organisation().id))
    if form.validate_on_submit():
        message_id, by = int(form.message_id.data) or None, current_member().id
        common_correction.choose_common_correction(
            session(), current_organisation().id, message_id=message_id, by=by
        )
        flash(_("Saved. Campaigns that are drafts and have no correction of their own follow it."), "good")
        return redirect(url_for("planning.common.show"))
    return _page(form, BundledCorrectionForm(formdata=None))


@pages.post("/bundled")
@requires(Permission.EDIT)
def write() -> Page:
    """Write it from the bundled sentences in the languages that are ticked."""
    form = BundledCorrectionForm()
    form.offer(common_correction.bundled_texts())
    if form.validate_on_submit() and form.languages.data:
        try:
            common_correction.write_common_correction(
                session(),
                current_organisation().id,
                title=_("Correction for all campaigns"),
                languages=form.languages.data,
                by=current_member().id,
            )
        except InputError as error:
            form.show(error)
        else:
            flash(_("It is written. Somebody else must review it in each language."), "good")
            return redirect(url_for("planning.common.show"))
    else:
        form.languages.errors = form.languages.errors or [_("Choose at least one language.")]
    return _page(CommonCorrectionForm(formdata=None), form)


def _page(choice: CommonCorrectionForm, bundled: BundledCorrectionForm) -> Page:
    ours, texts = current_organisation().id, common_correction.bundled_texts()
    common = find_common_correction(session(), ours)
    if not choice.finds and not choice.errors:
        choice.message_id.data = common.id if common else 0
    choice.offer(load_titles(session(), ours))
    bundled.offer(texts)
    if not bundled.errors:
        written = {common_correction.BASE_LANGUAGE, *load_languages(session(), ours)}
        bundled.languages.data = [code for code in texts if code in written]
    page = render_template(
        "planning/do_no_harm/common_correction.html",
        common=common,
        bound=count_bound(session(), common) if common else 0,
        translations=order_translations(common) if common else [],
        state_of=state_of,
        texts=texts,
        choice=choice,
        bundled=bundled,
        form=bundled if bundled.errors or bundled.form_errors else choice,
    )
    return page, max(choice.status, bundled.status)
