"""Administrators see on these pages what messages come from, whom it covers, and how it fares."""

from __future__ import annotations

from dataclasses import replace

from flask import Blueprint, flash, redirect, render_template, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from campaigns.core.errors import ForeignCredentialError, InputError, RefusedError, SettingsError
from campaigns.core.settings import Mode
from campaigns.gateways.factory import hook_addresses
from campaigns.gateways.kinds import gateway_kinds, get_kind
from campaigns.gateways.twilio.error_codes import words_for
from campaigns.planning.labels import answer_words, refusal_words
from campaigns.planning.models import Sender
from campaigns.planning.pages.sender_forms import SenderChangeForm, SenderForm, data_of
from campaigns.planning.senders import service as senders
from campaigns.planning.senders.connections import fault_of, load_connections
from campaigns.planning.senders.trial import try_sender
from campaigns.staff.auth import current_member, current_organisation, requires
from campaigns.staff.credentials import Credentials, load_credentials
from campaigns.staff.permissions import Permission
from campaigns.staff.queries import get_owned
from campaigns.staff.typed.views import refill
from campaigns.web.current import settings
from campaigns.web.error_words import refusals_told
from campaigns.web.session import session

pages = Blueprint("senders", __name__, url_prefix="/senders")

Page = str | Response | tuple[str, int]


@pages.context_processor
def vocabulary() -> dict[str, object]:
    """Let templates say gateways, and what a provider's code means."""
    titles = {name: kind.title for name, kind in gateway_kinds().items()}
    return {"gateway_titles": titles, "words_for": words_for, "refusal_words": refusal_words}


@pages.get("")
@requires(Permission.ADMINISTER)
def index() -> Page:
    """List the senders the organisation may use."""
    found = load_connections(session(), settings(), current_organisation().id)
    return render_template("planning/senders/index.html", connections=found)


@pages.route("/new", methods=["GET", "POST"])
@requires(Permission.ADMINISTER, fresh=True)
def create() -> Page:
    """Add a sender of the organisation."""
    form = SenderForm(data={"pace": 10, "gateway": "twilio"})
    credentials = _credentials()
    form.offer(is_demo=_is_demo(), credentials=credentials.names_of(current_organisation().id))
    refill(form, is_new=True)
    if form.validate_on_submit():
        try:
            made = senders.create_sender(
                session(),
                current_organisation().id,
                facts=_with_key(form.facts(), credentials),
                by=current_member().id,
                credentials=credentials,
            )
        except (ForeignCredentialError, InputError) as error:
            form.show(error)
        else:
            flash(_("The sender is saved."), "good")
            lacks_key = bool(fault_of(credentials, made, current_organisation().id))
            return _to(made) if lacks_key or _has_hooks(made) else redirect(url_for("planning.senders.index"))
    return render_template("planning/senders/sender.html", form=form, sender=None), form.status


@pages.route("/<int:sender_id>", methods=["GET", "POST"])
@requires(Permission.ADMINISTER, fresh=True)
def edit(sender_id: int) -> Page:
    """Change what may change of one of the organisation's own senders, and show how it fares."""
    sender, credentials = _sender(sender_id), _credentials()
    form = SenderChangeForm(data=data_of(sender))
    refill(form)
    if form.validate_on_submit():
        try:
            senders.update_sender(
                session(), sender, limits=form.limits(), by=current_member().id, credentials=credentials
            )
        except (ForeignCredentialError, InputError) as error:
            form.show(error)
        else:
            flash(_("The sender is saved."), "good")
            return redirect(url_for("planning.senders.index"))
    kind = gateway_kinds().get(sender.gateway)
    known = {
        "has_hooks": _has_hooks(sender),
        "hooks": _hooks_of(sender, credentials),
        "fault": fault_of(credentials, sender, current_organisation().id),
        "missing": credentials.missing(sender.secret_name, current_organisation().slug),
        "is_testable": kind is not None and kind.reaches_people,
    }
    page = render_template("planning/senders/sender.html", form=form, sender=sender, **known)
    return page, form.status


@pages.post("/<int:sender_id>/use-again")
@requires(Permission.ADMINISTER)
def mend(sender_id: int) -> Page:
    """Use a sender again that its provider had refused."""
    sender = _sender(sender_id)
    with refusals_told(RefusedError):
        senders.mend_sender(session(), sender, by=current_member().id, credentials=_credentials())
        flash(_("It is used again. Watch whether it works now."), "good")
    return redirect(url_for("planning.senders.index"))


@pages.post("/<int:sender_id>/test")
@requires(Permission.ADMINISTER)
def test(sender_id: int) -> Page:
    """Ask the provider of a sender whether it knows us; nobody is written to."""
    sender = _sender(sender_id)
    with refusals_told(RefusedError, SettingsError):
        answer = try_sender(session(), sender, settings=settings(), by=current_member().id)
        flash(answer_words(answer), "bad" if answer.code else "good")
    return _to(sender)


def _with_key(facts: senders.SenderFacts, credentials: Credentials) -> senders.SenderFacts:
    """Return what makes a sender, with a name for its provider key where nobody has entered that yet."""
    if facts.secret_name:
        return facts
    return replace(facts, secret_name=credentials.name_to_come(facts.gateway, current_organisation().slug))


def _has_hooks(sender: Sender) -> bool:
    """Say whether somebody enters addresses of ours at the provider; else it is told by us."""
    kind = gateway_kinds().get(sender.gateway)
    return kind is not None and kind.reaches_people and not kind.is_told_by_us


def _hooks_of(sender: Sender, credentials: Credentials) -> dict[str, str]:
    """Return the addresses to enter at the provider.

    None where others own the account as well, or it is not ours: whoever knows such an address can speak for its
    people.
    """
    is_ours = credentials.belongs_alone_to(sender.secret_name, current_organisation().id)
    if not is_ours or not _has_hooks(sender):
        return {}
    try:
        return hook_addresses(get_kind(sender.gateway), settings(), sender.secret_name)
    except SettingsError:
        # Without the credential nothing is sent either; the page names it.
        return {}


def _credentials() -> Credentials:
    return load_credentials(session(), settings())


def _is_demo() -> bool:
    return settings().mode is Mode.DEMO


def _sender(sender_id: int) -> Sender:
    return get_owned(session(), Sender, sender_id, current_organisation().id)


def _to(sender: Sender) -> Response:
    return redirect(url_for("planning.senders.edit", sender_id=sender.id))
