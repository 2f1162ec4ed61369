"""Responders offer a conversation to another organisation, decide on what is offered to them, and confirm."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, url_for
from flask_babel import get_locale
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from campaigns.core.errors import DamagedDataError, InputError, NotFoundError, RefusedError, TransitionError
from campaigns.core.words import N_
from campaigns.inbox.conversations.labels import TOPICS
from campaigns.inbox.conversations.queries import get_conversation, load_owners
from campaigns.inbox.duty.teams import load_teams
from campaigns.inbox.handing_over import overriding, queries, service, within
from campaigns.inbox.handing_over.exporting import exports
from campaigns.inbox.handing_over.exporting.export_keys import find_confirmed
from campaigns.inbox.handing_over.exporting.exported import Document
from campaigns.inbox.handing_over.exporting.exports import Format
from campaigns.inbox.handing_over.exporting.labels import rows_of
from campaigns.inbox.handing_over.exporting.paper import set_on_paper
from campaigns.inbox.handing_over.forms import ConfirmForm, DeclineForm, OfferForm, UnaskedForm, WithinForm
from campaigns.inbox.handing_over.labels import OVERRIDES
from campaigns.inbox.handing_over.models import HandOver, OfferState
from campaigns.inbox.handing_over.service import Confirmed, Field
from campaigns.inbox.urgency.levels import Urgency
from campaigns.staff import audit
from campaigns.staff.auth import current_member, current_organisation, requires
from campaigns.staff.permissions import Permission
from campaigns.staff.queries import load_member_names
from campaigns.web.current import vault
from campaigns.web.error_words import refusals_told
from campaigns.web.forms import options
from campaigns.web.session import begin_writing, let_go, reads_first, session, writing_apart

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
    """Offer a conversation to another organisation, with the person's yes."""
    return _offer(conversation_id, OfferForm(data={"fields": [field.value for field in Field]}))


@pages.route("/<int:conversation_id>/hand-over-unasked", methods=["GET", "POST"])
@requires(Permission.ANSWER)
def propose(conversation_id: int) -> Page:
    """Ask a second member to offer it without the person's yes."""
    return _offer(conversation_id, UnaskedForm(data={"fields": [field.value for field in Field]}))


@pages.route("/<int:conversation_id>/hand-over-within", methods=["GET", "POST"])
@requires(Permission.ANSWER)
def offer_within(conversation_id: int) -> Page:
    """Offer a conversation to a team or a member of the organisation."""
    ours, by = current_organisation().id, current_member().id
    conversation, form = get_conversation(session(), conversation_id, ours), WithinForm()
    others = ((key, name) for key, name in load_owners(session(), ours).items() if key != by)
    form.offer_to([(each.id, each.name) for each in load_teams(session(), ours)], others)
    if form.validate_on_submit():
        to, note = form.target(), form.text("note")
        try:
            made = within.offer_within(session(), conversation, to, note, by=by, vault=vault())
        except (InputError, TransitionError) as error:
            form.show(error, "to")
        else:
            return redirect(url_for("handing_over.show", hand_over_id=made.id))
    return render_template("inbox/handing_over/within.html", form=form, conversation=conversation), form.status


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
    handed, by = _received(hand_over_id), current_member().id
    with refusals_told(RefusedError):
        if handed.is_within:
            within.take_over(session(), handed, by=by)
            return redirect(url_for("conversations.show", conversation_id=handed.conversation_id))
        service.accept(session(), handed, by=by)
        flash(_("You act on it from now on. Whoever offered it tells the person your name and a code."), "good")
    return redirect(url_for("handing_over.index"))


@pages.post("/handed-over/<int:hand_over_id>/decline")
@requires(Permission.ANSWER)
def decline(hand_over_id: int) -> Page:
    """Give what was offered back, with a reason."""
    handed, form = _received(hand_over_id), DeclineForm()
    if not form.validate_on_submit():
        return _show(handed, form), form.status
    with refusals_told(InputError, RefusedError):
        if handed.is_within:
            within.check_may_decide(session(), handed, by=current_member().id)
        service.decline(session(), handed, form.text("reason"), by=current_member().id, vault=vault())
        flash(_("It is back with whoever offered it."), "good")
    return redirect(url_for("handing_over.index"))


@pages.post("/handed-over/<int:hand_over_id>/agree")
@requires(Permission.ANSWER)
def agree(hand_over_id: int) -> Response:
    """Agree as the second member that something is passed on unasked."""
    handed = queries.get_made(session(), hand_over_id, current_organisation().id)
    with refusals_told(RefusedError):
        overriding.agree(session(), handed, by=current_member().id)
        flash(_("It is offered. It stands here tomorrow to be reviewed."), "good")
    return redirect(url_for("handing_over.show", hand_over_id=hand_over_id))


@pages.post("/handed-over/<int:hand_over_id>/review")
@requires(Permission.ANSWER)
def review(hand_over_id: int) -> Response:
    """Note that somebody looked at what was passed on unasked."""
    handed = queries.get_made(session(), hand_over_id, current_organisation().id)
    with refusals_told(RefusedError):
        overriding.review(session(), handed, by=current_member().id)
        flash(_("It is reviewed."), "good")
    return redirect(url_for("handing_over.index"))


@pages.post("/handed-over/<int:hand_over_id>/export/<format_name>")
@requires(Permission.ANSWER, fresh=True)
@reads_first
def export(hand_over_id: int, format_name: str) -> Response:
    """Give what was accepted as a file that only the organisation can open."""
    handed = _received(hand_over_id)
    if format_name not in set(Format):
        raise NotFoundError(N_("There is no such offer."))
    by, format_, file = current_member().id, Format(format_name), b""
    with refusals_told(TransitionError, DamagedDataError):
        document = exports.read_for_export(session(), handed, vault=vault())
        plain = document.to_json() if format_ is Format.JSON else _on_paper(document)
        begin_writing()
        file = exports.export(session(), handed, plain, format_, by=by)
    if not file:
        return redirect(url_for("handing_over.show", hand_over_id=hand_over_id))
    # Neither the name nor the type of the file says what it is about.
    headers = {"Content-Disposition": f"attachment; filename=file.{format_name}.age"}
    return Response(file, mimetype="application/octet-stream", headers=headers)


@pages.post("/handed-over/<int:hand_over_id>/take-back")
@requires(Permission.ANSWER)
def take_back(hand_over_id: int) -> Response:
    """Take an offer back."""
    handed = queries.get_made(session(), hand_over_id, current_organisation().id)
    with refusals_told(TransitionError):
        service.take_back(session(), handed, by=current_member().id)
        flash(_("The offer is taken back. They see nothing of it any more."), "good")
    return redirect(url_for("conversations.show", conversation_id=handed.conversation_id))


def _offer(conversation_id: int, form: OfferForm | UnaskedForm) -> Page:
    conversation = get_conversation(session(), conversation_id, current_organisation().id)
    receivers = queries.load_receivers(session(), conversation.organisation_id)
    form.receiver.choices = options((str(key), name) for key, name in receivers.items())
    if form.validate_on_submit():
        offered = form.extract()
        try:
            made = service.offer(session(), conversation, offered, by=current_member().id, vault=vault())
        except (InputError, TransitionError) as error:
            form.show(error, "summary" if offered.consent.strip() or offered.override else "consent")
        else:
            return redirect(url_for("handing_over.show", hand_over_id=made.id))
    shown = {"form": form, "conversation": conversation, "receivers": receivers}
    return render_template("inbox/handing_over/offer.html", **shown), form.status


def _index(form: ConfirmForm) -> str:
    ours, by = current_organisation(), current_member().id
    offered, received = queries.load_offered(session(), ours.id), queries.load_received(session(), ours.id, by)
    return render_template(
        "inbox/handing_over/index.html",
        form=form,
        offered=offered,
        received=received,
        proposed=[each for each in offered if each.state == OfferState.PROPOSED],
        unreviewed=overriding.load_unreviewed(session(), ours.id, before=overriding.today_began(ours.time_zone)),
        targets=queries.load_targets(session(), offered),
        names=queries.load_names(session(), {each.organisation_id for each in received}),
        overrides=OVERRIDES,
        urgency_of=lambda level: Urgency(level).word,
    )


def _show(handed: HandOver, form: DeclineForm) -> str:
    ours, by = current_organisation().id, current_member().id
    people = (handed.offered_by_id, handed.agreed_by_id, handed.reviewed_by_id)
    return render_template(
        "inbox/handing_over/show.html",
        handed=handed,
        told=queries.open_words(handed, vault()),
        region=queries.find_region(session(), handed.region_code),
        key=None if handed.organisation_id == ours else find_confirmed(session(), ours),
        is_ours=handed.organisation_id == ours,
        may_review=overriding.may_review(session(), handed, by=by),
        may_decide=within.may_decide(session(), handed, by=by) if handed.is_within else handed.receiver_id == ours,
        names=queries.load_names(session(), {handed.organisation_id}),
        target=queries.load_targets(session(), [handed])[handed.id],
        people=load_member_names(session(), people) if handed.organisation_id == ours else {},
        form=form,
        topic_of=lambda heading: TOPICS.get(heading, heading),
        overrides=OVERRIDES,
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
    """Set what was read on paper; it takes long, so no transaction is held meanwhile."""
    region = queries.find_region(session(), document.region)
    title, rows, language = _("Handed over"), rows_of(document, region), str(get_locale() or "en")
    let_go()
    return set_on_paper(title, rows, language=language)


def _note_read(handed: HandOver) -> None:
    """Leave a line that the receiver read what it was told."""
    facts = {"organisation_id": current_organisation().id, "member_id": current_member().id}
    with writing_apart() as writing:
        audit.record(writing, "hand_over.read", subject=handed, **facts)
