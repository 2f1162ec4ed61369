"""Settings show what happens when nobody answers, rehearse it, and let administrators switch mails on."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response

from campaigns.core import clock
from campaigns.core.errors import InputError, NotFoundError, RefusedError
from campaigns.core.languages import all_languages
from campaigns.inbox.duty.queries import load_roster
from campaigns.inbox.duty.targets import Step
from campaigns.inbox.duty.unreachable import load_unreachable
from campaigns.inbox.escalation import on_call, switch
from campaigns.inbox.escalation.models import OnCall
from campaigns.inbox.escalation.waits import find_unreached
from campaigns.staff.auth import current_member, current_organisation, requires
from campaigns.staff.permissions import Permission
from campaigns.staff.queries import load_member_names, load_other_organisations
from campaigns.web.current import settings
from campaigns.web.error_words import refusals_told
from campaigns.web.number_fields import whole_number
from campaigns.web.session import session, writing_apart

pages = Blueprint("escalation_settings", __name__, url_prefix="/settings/escalation")

STEP_WORDS = {
    Step.ALERT: _l("Whoever is on duty gets an e-mail, first those who read the language."),
    Step.RESPONDERS: _l("Everybody who answers gets an e-mail."),
    Step.LEAD: _l("The duty lead and the reserve get an e-mail, and the partner on call if there is one."),
    Step.RED: _l("It stands in red on every page of everybody in the organisation."),
}


@pages.get("")
@requires(Permission.ADMINISTER)
def index() -> str:
    """Show the switch and a rehearsal."""
    ours, now = current_organisation(), clock.now()
    roster = load_roster(session(), ours, settings())
    language = request.args.get("language", "")
    language = language if language in all_languages() else ""
    unreachable = load_unreachable(session(), roster.readers, now=now)
    ours_switch = switch.find_switch(session(), ours.id)
    return render_template(
        "inbox/escalation/settings.html",
        switch=ours_switch,
        is_proved=switch.is_proved(ours_switch),
        has_server=bool(settings().smtp_url),
        rehearsal=switch.rehearse(roster, language or None, now=now, unreachable=unreachable),
        asked_language=language,
        languages=list(all_languages()),
        names=load_member_names(session(), roster.readers),
        unreached=find_unreached(session(), ours.id, now=now),
        step_words=STEP_WORDS,
        now=now,
        **_show_on_call(ours.id),
    )


@pages.post("/test")
@requires(Permission.ADMINISTER)
def test() -> Response:
    """Let a worker send a test mail to whoever asks."""
    with refusals_told(RefusedError):
        switch.send_test(session(), current_organisation().id, settings(), by=current_member().id)
        flash(_("A test mail is on its way to your address. Enter the code that stands in it."), "good")
    return redirect(url_for("escalation_settings.index"))


@pages.post("/prove")
@requires(Permission.ADMINISTER)
def prove() -> Response:
    """Take the code of a test mail."""
    ours, by, code = current_organisation().id, current_member().id, request.form.get("code", "")[:40]
    with refusals_told(InputError, RefusedError):
        try:
            switch.prove(session(), ours, code, by=by)
        except InputError:
            with writing_apart() as apart:
                switch.note_wrong_code(apart, ours)
            raise
        flash(_("Mail arrives. You can switch escalation on."), "good")
    return redirect(url_for("escalation_settings.index"))


@pages.post("/switch")
@requires(Permission.ADMINISTER)
def turn() -> Response:
    """Switch mails on or off."""
    ours, by = current_organisation().id, current_member().id
    with refusals_told(RefusedError):
        if request.form.get("on") == "1":
            switch.switch_on(session(), ours, settings(), by=by)
            flash(_("Escalation is on."), "good")
        else:
            switch.switch_off(session(), ours, by=by)
            flash(_("Escalation is off. Pages go on telling who waits; nobody gets an e-mail."), "warning")
    return redirect(url_for("escalation_settings.index"))


@pages.post("/on-call")
@requires(Permission.ADMINISTER)
def ask_on_call() -> Response:
    """Ask another organisation to be on call, or let nobody be any more."""
    ours, by = current_organisation().id, current_member().id
    partner_id = request.form.get("partner", 0, whole_number)
    with refusals_told(InputError, NotFoundError):
        if partner_id:
            on_call.ask(session(), ours, partner_id, by=by)
            flash(_("They are asked. Until they agree nobody is on call."), "good")
        else:
            on_call.withdraw(session(), ours, by=by)
            flash(_("Nobody is on call any more."), "warning")
    return redirect(url_for("escalation_settings.index"))


@pages.post("/on-call/answer")
@requires(Permission.ADMINISTER)
def answer_on_call() -> Response:
    """Agree to be on call for another organisation, or end it."""
    ours, by = current_organisation().id, current_member().id
    asking_id = request.form.get("organisation", 0, whole_number)
    with refusals_told(NotFoundError):
        if request.form.get("agreed") == "1":
            on_call.agree(session(), ours, asking_id, by=by)
            flash(_("You are on call: you are told how many wait there when nobody answers."), "good")
        else:
            on_call.refuse(session(), ours, asking_id, by=by)
            flash(_("You are not on call for them."), "warning")
    return redirect(url_for("escalation_settings.index"))


def _show_on_call(organisation_id: int) -> dict[str, Any]:
    """Return who is on call for an organisation, who may be, and for whom it is."""
    asked = session().get(OnCall, organisation_id)
    return {
        "asked": asked,
        "others": load_other_organisations(session(), organisation_id),
        "asked_of_us": on_call.load_asked_of(session(), organisation_id),
        "partner_gets_mail": asked is not None and switch.find_switch(session(), asked.partner_id).is_on,
    }
