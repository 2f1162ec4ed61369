"""Staff pages of senders, for administrators: what messages come from, whom it covers, and how it fares."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, flash, redirect, render_template, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from campaigns.audience.models import Channel
from campaigns.core.errors import InputError, RefusedError, SettingsError
from campaigns.core.settings import Mode
from campaigns.gateways.callbacks import hook_secret
from campaigns.gateways.codes import words_for
from campaigns.gateways.kinds import gateway_kinds
from campaigns.planning import senders
from campaigns.planning.connections import fault_of, load_connections
from campaigns.planning.labels import answer_words, refusal_words
from campaigns.planning.models import Sender
from campaigns.planning.sender_forms import SenderChangeForm, SenderForm, data_of
from campaigns.planning.trying import try_sender
from campaigns.staff.auth import current_member, current_organisation, requires
from campaigns.staff.permissions import Permission
from campaigns.staff.queries import get_owned
from campaigns.web.current import settings
from campaigns.web.session import refuse_commit, session
from campaigns.web.words import said

pages = Blueprint("senders", __name__, url_prefix="/senders")

Page = str | Response | tuple[str, int]


@dataclass(frozen=True, slots=True)
class Hook:
    """An address of ours that a member enters at the provider."""

    #: "status" or "inbound".
    kind: str
    url: str


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
    return render_template("planning/senders.html", connections=found)


@pages.route("/new", methods=["GET", "POST"])
@requires(Permission.ADMINISTER, fresh=True)
def create() -> Page:
    """Add a sender of the organisation."""
    form = SenderForm(data={"pace": 10, "gateway": "twilio"})
    form.offer(is_demo=_is_demo())
    if form.validate_on_submit():
        try:
            made = senders.create_sender(
                session(),
                current_organisation().id,
                facts=form.facts(),
                by=current_member().id,
                is_demo=_is_demo(),
            )
        except InputError as error:
            form.show(error)
        else:
            flash(_("The sender is saved."), "good")
            return _to(made) if _hooks_of(made) else redirect(url_for("planning.senders.index"))
    return render_template("planning/sender.html", form=form, sender=None), form.status


@pages.route("/<int:sender_id>", methods=["GET", "POST"])
@requires(Permission.ADMINISTER, fresh=True)
def edit(sender_id: int) -> Page:
    """Change what may change of one of the organisation's own senders, and show how it fares."""
    sender = _sender(sender_id)
    form = SenderChangeForm(data=data_of(sender))
    if form.validate_on_submit():
        try:
            senders.update_sender(session(), sender, limits=form.limits(), by=current_member().id)
        except InputError as error:
            form.show(error)
        else:
            flash(_("The sender is saved."), "good")
            return redirect(url_for("planning.senders.index"))
    kind = gateway_kinds().get(sender.gateway)
    known = {
        "hooks": _hooks_of(sender),
        "fault": fault_of(settings(), sender),
        "is_testable": kind is not None and kind.reaches_people,
    }
    page = render_template("planning/sender.html", form=form, sender=sender, **known)
    return page, form.status


@pages.post("/<int:sender_id>/mend")
@requires(Permission.ADMINISTER)
def mend(sender_id: int) -> Page:
    """Use a sender again that its provider had refused."""
    sender = _sender(sender_id)
    try:
        senders.mend_sender(session(), sender, by=current_member().id)
    except RefusedError as error:
        refuse_commit()
        flash(said(error), "bad")
    else:
        flash(_("It is used again. Watch whether it works now."), "good")
    return redirect(url_for("planning.senders.index"))


@pages.post("/<int:sender_id>/test")
@requires(Permission.ADMINISTER)
def test(sender_id: int) -> Page:
    """Ask the provider of a sender whether it knows us; nobody is written to."""
    sender = _sender(sender_id)
    try:
        answer = try_sender(session(), sender, settings=settings(), by=current_member().id)
    except (RefusedError, SettingsError) as error:
        refuse_commit()
        flash(said(error), "bad")
    else:
        flash(answer_words(answer), "bad" if answer.code else "good")
    return _to(sender)


def _hooks_of(sender: Sender) -> list[Hook]:
    """Return the addresses to enter at the provider; none where the provider is told by us."""
    kind = gateway_kinds().get(sender.gateway)
    if kind is None or not kind.reaches_people or sender.channel == Channel.TELEGRAM:
        return []
    stem = f"{settings().public_url.rstrip('/')}/hooks/{kind.name}"
    if kind.has_status_url:
        return [Hook("inbound", f"{stem}/inbound{kind.hook_fragment}")]
    try:
        secret = hook_secret(settings().secret(sender.secret_name)[1])
    except SettingsError:
        # Without the credential nothing is sent either; the page names it.
        return []
    return [Hook(name, f"{stem}/{secret}/{name}") for name in ("status", "inbound")]


def _is_demo() -> bool:
    return settings().mode is Mode.DEMO


def _sender(sender_id: int) -> Sender:
    return get_owned(session(), Sender, sender_id, current_organisation().id)


def _to(sender: Sender) -> Response:
    return redirect(url_for("planning.senders.edit", sender_id=sender.id))
