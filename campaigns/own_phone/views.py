"""A member's own phone: entered, proved by a code, and sent test messages of what is written for people."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from flask import Blueprint, flash, redirect, render_template, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from campaigns.core import clock
from campaigns.core.errors import AddressError, InputError, QuotaError, RefusedError
from campaigns.core.words import N_
from campaigns.delivery.answers.answer_runs import AnswerText
from campaigns.delivery.monitoring.causes import cause_in_words
from campaigns.messages.models import Message, Translation
from campaigns.messages.queries import get_translation
from campaigns.own_phone import service
from campaigns.own_phone.entry_limits import limits_on_codes
from campaigns.own_phone.filled_example import fill_example
from campaigns.own_phone.forms import CodeForm, NumberForm
from campaigns.own_phone.queries import count_tests, find_phone, load_tests, sum_cents
from campaigns.planning.models import Campaign, Sender
from campaigns.planning.queries import get_sender, load_senders
from campaigns.staff.auth import current_member, current_organisation, requires
from campaigns.staff.permissions import Permission
from campaigns.staff.queries import get_owned
from campaigns.staff.sign_in.attempt_limits import pour
from campaigns.web.current import settings, vault
from campaigns.web.error_words import refusals_told
from campaigns.web.filters import dollars, with_link
from campaigns.web.locale import current_language
from campaigns.web.session import session, writing_apart

pages = Blueprint("own_phone", __name__, url_prefix="/settings/phone")

Page = str | Response | tuple[str, int]

_TOO_MANY_CODES = N_("Too many codes were asked for. Try again tomorrow.")


@pages.get("")
@requires()
def index() -> Page:
    """Show whether a phone is proved, and what became of the last test messages."""
    return _page()


@pages.get("/tests")
@requires()
def show_tests() -> Page:
    """Show the test messages again, for the page that renews itself."""
    return render_template("own_phone/_tests.html", **_tests())


@pages.post("")
@requires(fresh=True)
def enter() -> Page:
    """Take a number, and send a code to it."""
    form, organisation_id = NumberForm(), current_organisation().id
    if form.validate_on_submit():
        try:
            number = service.read_own_number(form.text("number"), vault())
            _count_code(number.key)
            service.enter_number(
                session(),
                current_member(),
                organisation_id,
                number,
                language=current_language(),
                words=_("{code} is the code that proves your phone to Fingerpost. Tell it to nobody."),
                settings=settings(),
            )
        except (AddressError, RefusedError) as error:
            form.show(error, "number")
        else:
            flash(_("A code is on its way to your phone. It holds for 10 minutes."), "good")
            return redirect(url_for("own_phone.index"))
    return _page(number_form=form)


@pages.post("/code")
@requires()
def prove() -> Page:
    """Take the code that came to the phone."""
    form, member_id = CodeForm(), current_member().id
    if form.validate_on_submit():
        with writing_apart() as writing:
            is_counted = service.count_code_try(writing, member_id)
        if is_counted and service.prove_phone(session(), current_member(), form.text("code"), vault=vault()):
            flash(_("Your phone is proved. Administrators of your organisation are told."), "good")
            return redirect(url_for("own_phone.index"))
        why = N_("This is not the code.") if is_counted else N_("The code is too old, or was tried too often.")
        form.show(InputError(why), "code")
    return _page(code_form=form)


@pages.post("/remove")
@requires()
def remove() -> Page:
    """Remove the phone."""
    service.remove_phone(session(), current_member())
    flash(_("Your phone number is removed."), "good")
    return redirect(url_for("own_phone.index"))


@pages.post("/tests/messages/<int:message_id>/<language>")
@requires(Permission.READ_PLANS)
def test_message(message_id: int, language: str) -> Page:
    """Send the text of one language, as it is saved, to the member's phone."""
    message = get_owned(session(), Message, message_id, current_organisation().id)
    return _send(get_translation(message, language))


@pages.post("/tests/campaigns/<int:campaign_id>/<language>")
@requires(Permission.READ_PLANS)
def test_campaign(campaign_id: int, language: str) -> Page:
    """Send the text of a campaign in one language, over its own senders."""
    campaign = get_owned(session(), Campaign, campaign_id, current_organisation().id)
    return _send(get_translation(campaign.message, language), campaign)


@pages.post("/tests/senders/<int:sender_id>")
@requires(Permission.ADMINISTER)
def test_sender(sender_id: int) -> Page:
    """Send a sentence over one sender."""
    sender = get_sender(session(), sender_id, current_organisation().id)
    body = _("This is how a message from “%(sender)s” looks on your phone.", sender=sender.name)
    with refusals_told(RefusedError):
        _queue(AnswerText(current_language(), body), [sender])
    return _to_tests()


def _send(translation: Translation, campaign: Campaign | None = None) -> Response:
    given = {"code": campaign.code} if campaign else {}
    if campaign is not None and campaign.link:
        given["link"] = campaign.link
    senders = load_senders(session(), campaign) if campaign else None
    with refusals_told(InputError, RefusedError):
        text = fill_example(
            session(),
            translation,
            current_organisation().id,
            given=given,
            fresh_days=settings().service_max_age_days,
        )
        _queue(text, senders)
    return _to_tests()


def _queue(text: AnswerText, senders: list[Sender] | None) -> None:
    service.send_test(
        session(), current_member(), current_organisation().id, text, settings=settings(), among=senders
    )
    done, there = _("The test message is on its way to your phone."), url_for("own_phone.index", _anchor="tests")
    flash(with_link(done, there, _("Show the test messages")), "good")


def _count_code(number: bytes) -> None:
    limits = limits_on_codes(
        settings().secret_key,
        member_id=current_member().id,
        organisation_id=current_organisation().id,
        number=number,
    )
    with writing_apart() as writing:
        is_counted = pour(writing, limits, now=clock.now())
    if not is_counted:
        raise QuotaError(_TOO_MANY_CODES)


def _page(number_form: NumberForm | None = None, code_form: CodeForm | None = None) -> Page:
    phone, status = find_phone(session(), current_member().id), 200
    for form in (number_form, code_form):
        status = form.status if form else status
    number = number_form or NumberForm(formdata=None)
    if number_form is None or not number_form.errors:
        number.number.data = ""
    page = render_template(
        "own_phone/index.html",
        phone=phone,
        number_form=number,
        code_form=code_form or CodeForm(formdata=None),
        is_entering=number_form is not None,
        spent=_spent(),
        **_tests(),
    )
    return page, status


def _spent() -> str:
    """Return what the organisation spent at most on such texts in 30 days."""
    since = clock.now() - timedelta(days=30)
    return dollars(Decimal(sum_cents(session(), current_organisation().id, since=since)) / 100)


def _tests() -> dict[str, object]:
    member_id, since = current_member().id, clock.now() - service.DAY
    return {
        "tests": load_tests(session(), member_id, current_organisation().id),
        "left": max(0, service.TESTS_A_DAY - count_tests(session(), member_id, since=since)),
        "cause_in_words": cause_in_words,
    }


def _to_tests() -> Response:
    return redirect(url_for("own_phone.index"))
