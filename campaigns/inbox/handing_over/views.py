"""Responders offer a conversation to another organisation, decide on what is offered to them, and confirm."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, url_for
from flask_babel import get_locale
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from campaigns.core.errors import DamagedDataError, InputError, NotFoundError, TransitionError
from campaigns.core.words import N_
from campaigns.inbox.conversations.labels import TOPICS
from campaigns.inbox.conversations.models import Conversation
from campaigns.inbox.handing_over import exports, queries, service
from campaigns.inbox.handing_over.export_keys import find_confirmed
from campaigns.inbox.handing_over.exported import Document
from campaigns.inbox.handing_over.exports import Format
from campaigns.inbox.handing_over.forms import ConfirmForm, DeclineForm, OfferForm
from campaigns.inbox.handing_over.labels import rows_of
from campaigns.inbox.handing_over.models import HandOver
from campaigns.inbox.handing_over.paper import set_on_paper
from campaigns.inbox.handing_over.service import Confirmed, Extract, Field
from campaigns.inbox.urgency.levels import Urgency
from campaigns.staff import audit
from campaigns.staff.auth import current_member, current_organisation, requires
from campaigns.staff.permissions import Permission
from campaigns.staff.queries import get_owned, load_other_organisations
from campaigns.web.current import vault
from campaigns.web.error_words import refusals_told
from campaigns.web.forms import options
from campaigns.web.session import session, writing_apart

pages = Blueprint("handing_over", __name__, url_prefix="/inbox")

Page = str | Response | tuple[str, int]


@pages.get("/handed-over")
@requires(Permission.ANSWER)
def index() -> Page:
    """List what was offered to the organisation, and what it offered to others."""
    return _index(ConfirmForm(formdata=None))


@pages.post("/handed-over/confirm")
@requires(Permission.ANSWER)
def confirm() -> Page:
    """Note that somebody who was handed over came, or was helped."""
    form, ours = ConfirmForm(), current_organisation().id
    if form.validate_on_submit():
        try:
            what = Confirmed(form.text("what"))
            service.confirm(session(), ours, form.text("code"), what, by=current_member().id)
        except (NotFoundError, TransitionError) as error:
            form.show(error, "code")
        else:
            flash(_("It is noted. Whoever handed them over sees it."), "good")
            return redirect(url_for("handing_over.index"))
    return _index(form), form.status


@pages.route("/<int:conversation_id>/hand-over", methods=["GET", "POST"])
@requires(Permission.ANSWER)
def offer(conversation_id: int) -> Page:
    """Extract a conversation to another organisation."""
    conversation = get_owned(session(), Conversation, conversation_id, current_organisation().id)
    form = OfferForm(data={"fields": [field.value for field in Field]})
    receivers = load_other_organisations(session(), conversation.organisation_id)
    form.receiver.choices = options((str(key), name) for key, name in receivers.items())
    if form.validate_on_submit():
        offered = Extract(
            int(form.text("receiver")),
            form.text("summary"),
            form.text("consent"),
            [Field(each) for each in form.fields.data or ()],
        )
        try:
            made = service.offer(session(), conversation, offered, by=current_member().id, vault=vault())
        except (InputError, TransitionError) as error:
            form.show(error, "consent" if not form.text("consent").strip() else "summary")
        else:
            return redirect(url_for("handing_over.show", hand_over_id=made.id))
    return render_template(
        "inbox/handing_over/offer.html", form=form, conversation=conversation, receivers=receivers
    ), form.status


@pages.get("/handed-over/<int:hand_over_id>")
@requires(Permission.ANSWER)
def show(hand_over_id: int) -> Page:
    """Show one offer to whoever made it or has it."""
    handed = _seen(hand_over_id)
    if handed.receiver_id == current_organisation().id:
        _note_read(handed)
    return _show(handed, DeclineForm(formdata=None))


@pages.post("/handed-over/<int:hand_over_id>/accept")
@requires(Permission.ANSWER)
def accept(hand_over_id: int) -> Response:
    """Act on what was offered from now on."""
    with refusals_told(TransitionError):
        service.accept(session(), _received(hand_over_id), by=current_member().id)
        flash(_("You act on it from now on. The person was told your name and a code."), "good")
    return redirect(url_for("handing_over.index"))


@pages.post("/handed-over/<int:hand_over_id>/decline")
@requires(Permission.ANSWER)
def decline(hand_over_id: int) -> Page:
    """Give what was offered back, with a reason."""
    handed, form = _received(hand_over_id), DeclineForm()
    if not form.validate_on_submit():
        return _show(handed, form), form.status
    with refusals_told(InputError, TransitionError):
        service.decline(session(), handed, form.text("reason"), by=current_member().id, vault=vault())
        flash(_("It is back with whoever offered it."), "good")
    return redirect(url_for("handing_over.index"))


@pages.post("/handed-over/<int:hand_over_id>/export/<format_name>")
@requires(Permission.ANSWER)
def export(hand_over_id: int, format_name: str) -> Response:
    """Give what was accepted as a file that only the organisation can open."""
    handed = _received(hand_over_id)
    if format_name not in set(Format):
        raise NotFoundError(N_("There is no such offer."))
    by, file = current_member().id, b""
    with refusals_told(TransitionError, DamagedDataError):
        format_ = Format(format_name)
        file = exports.export(session(), handed, format_, by=by, vault=vault(), set_on_paper=_on_paper)
    if not file:
        return redirect(url_for("handing_over.show", hand_over_id=hand_over_id))
    # Neither the name nor the type of the file says what it is about.
    headers = {"Content-Disposition": f"attachment; filename=file.{format_name}.age"}
    return Response(file, mimetype="application/octet-stream", headers=headers)


@pages.post("/handed-over/<int:hand_over_id>/take-back")
@requires(Permission.ANSWER)
def take_back(hand_over_id: int) -> Response:
    """Take an offer back."""
    handed = get_owned(session(), HandOver, hand_over_id, current_organisation().id)
    with refusals_told(TransitionError):
        service.take_back(session(), handed, by=current_member().id)
        flash(_("The offer is taken back. They see nothing of it any more."), "good")
    return redirect(url_for("conversations.show", conversation_id=handed.conversation_id))


def _index(form: ConfirmForm) -> str:
    ours = current_organisation().id
    offered, received = queries.load_offered(session(), ours), queries.load_received(session(), ours)
    ids = {each.receiver_id for each in offered} | {each.organisation_id for each in received}
    return render_template(
        "inbox/handing_over/index.html",
        form=form,
        offered=offered,
        received=received,
        names=queries.load_names(session(), ids),
        urgency_of=lambda level: Urgency(level).word,
    )


def _show(handed: HandOver, form: DeclineForm) -> str:
    ours = current_organisation().id
    return render_template(
        "inbox/handing_over/show.html",
        handed=handed,
        told=queries.open_words(handed, vault()),
        region=queries.find_region(session(), handed.region_code),
        key=None if handed.organisation_id == ours else find_confirmed(session(), ours),
        is_ours=handed.organisation_id == ours,
        names=queries.load_names(session(), {handed.organisation_id, handed.receiver_id}),
        form=form,
        topics=TOPICS,
        urgency_of=lambda level: Urgency(level).word,
    )


def _seen(hand_over_id: int) -> HandOver:
    return queries.get_seen(session(), hand_over_id, current_organisation().id)


def _received(hand_over_id: int) -> HandOver:
    handed = _seen(hand_over_id)
    if handed.receiver_id != current_organisation().id:
        raise NotFoundError(N_("There is no such offer."))
    return handed


def _on_paper(document: Document) -> bytes:
    region = queries.find_region(session(), document.region)
    language = str(get_locale() or "en")
    return set_on_paper(_("Handed over"), rows_of(document, region), language=language)


def _note_read(handed: HandOver) -> None:
    """Leave a line that the receiver read what it was told."""
    facts = {"organisation_id": current_organisation().id, "member_id": current_member().id}
    with writing_apart() as writing:
        audit.record(writing, "hand_over.read", subject=handed, **facts)
