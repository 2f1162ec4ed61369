"""Staff pages show the library of messages by theme, and the composer with a tab for each language."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from campaigns.core import clock
from campaigns.core.errors import InputError, NotFoundError, RefusedError
from campaigns.core.folding import has_words
from campaigns.core.languages import all_languages
from campaigns.core.words import N_
from campaigns.core.written_text import clean_line_ends
from campaigns.directory.labels import country_name
from campaigns.directory.models import ServiceKind
from campaigns.messages import queries, service
from campaigns.messages.composer import page as desk
from campaigns.messages.composer.forms import ComposerForm
from campaigns.messages.composer.labels import CHANNELS, ORIGINS, hint_words, place_words, saving_words
from campaigns.messages.composer.measure import Measured
from campaigns.messages.forms import DetailsForm, MessageForm
from campaigns.messages.glossary.views import pages as glossary_pages
from campaigns.messages.labels import PLACEHOLDERS, THEMES
from campaigns.messages.library.service import duplicate_message, share_message
from campaigns.messages.library.views import pages as library_pages
from campaigns.messages.models import Message
from campaigns.messages.reviews.review_views import pages as review_pages
from campaigns.messages.translations.service import hold_message
from campaigns.messages.translations.views import pages as history_pages
from campaigns.messages.translators.views import pages as exchange_pages
from campaigns.staff.auth import current_member, current_organisation, requires
from campaigns.staff.permissions import Permission
from campaigns.staff.queries import get_owned
from campaigns.staff.typed.views import led_back, refill
from campaigns.web.current import settings
from campaigns.web.error_words import refusals_told
from campaigns.web.keyed_pages import asked_page
from campaigns.web.locale import current_language
from campaigns.web.session import session

pages = Blueprint("messages", __name__, url_prefix="/messages")
pages.register_blueprint(exchange_pages)
pages.register_blueprint(glossary_pages)
pages.register_blueprint(history_pages)
pages.register_blueprint(library_pages)
pages.register_blueprint(review_pages)

Page = str | Response | tuple[str, int]
#: Of what somebody looks for in titles, so many characters are read.
LONGEST_TITLE = 200


@pages.context_processor
def vocabulary() -> dict[str, object]:
    """Let templates name themes, placeholders and what the composer says."""
    return {
        "themes": THEMES,
        "placeholders": PLACEHOLDERS,
        "help_kinds": [kind.value for kind in ServiceKind],
        "channel_names": CHANNELS,
        "origins": ORIGINS,
        "country_name": country_name,
        "hint_words": hint_words,
        "saving_words": saving_words,
        "place_words": place_words,
        "state_of": queries.state_of,
        "order_translations": queries.order_translations,
    }


@pages.get("")
@requires(Permission.READ_PLANS)
def index() -> Page:
    """List the organisation's messages by theme, the newest ones first where there are many."""
    organisation_id, find = current_organisation().id, request.args.get("find", "").strip()[:LONGEST_TITLE]
    theme, statement = request.args.get("theme", ""), queries.select_messages(organisation_id)
    if theme in THEMES:
        statement = statement.where(Message.theme == theme)
    if find:
        titled = queries.load_titles(session(), organisation_id)
        statement = statement.where(Message.id.in_([each for each, title in titled if has_words(title, find)]))
    page = asked_page(session(), statement, Message.id)
    messages = sorted(page.rows, key=lambda message: (message.theme, message.title, message.id))
    return render_template(
        "messages/index.html", page=page, messages=messages, chosen={"theme": theme, "find": find}
    )


@pages.route("/new", methods=["GET", "POST"])
@requires(Permission.EDIT)
def create() -> Page:
    """Write a new message in its base language."""
    form = MessageForm(data={"base_language": current_language()})
    if form.validate_on_submit():
        values = {name: form.text(name) for name in ("title", "theme", "base_language")}
        try:
            message = service.create_message(
                session(), current_organisation().id, text=form.text("body"), by=current_member().id, **values
            )
        except InputError as error:
            form.show(error, "body")
        else:
            flash(_("The message is saved. Add the other languages, and let somebody review it."), "good")
            return redirect(url_for("messages.show", message_id=message.id))
    measured = _measure(form.text("body"), form.text("base_language"))
    return render_template("messages/composer/create.html", form=form, measured=measured), form.status


@pages.get("/<int:message_id>")
@requires(Permission.READ_PLANS)
def show(message_id: int) -> Page:
    """Open a message at its base language."""
    message = _message(message_id)
    return redirect(url_for("messages.compose", message_id=message.id, language=message.base_language))


@pages.get("/<int:message_id>/languages")
@requires(Permission.EDIT)
def add_language(message_id: int) -> Page:
    """Open the tab of a language that the message does not have yet."""
    message, language = _message(message_id), request.args.get("language", "")
    if language not in all_languages():
        return redirect(url_for("messages.show", message_id=message.id))
    return redirect(url_for("messages.compose", message_id=message.id, language=language))


@pages.route("/<int:message_id>/details", methods=["GET", "POST"])
@requires(Permission.EDIT)
def edit_details(message_id: int) -> Page:
    """Change a message's title and theme."""
    message = _message(message_id)
    form = DetailsForm(obj=message)
    if form.validate_on_submit():
        title, theme = form.text("title"), form.text("theme")
        service.update_message(session(), message, title=title, theme=theme, by=current_member().id)
        flash(_("Title and theme are saved."), "good")
        return redirect(url_for("messages.show", message_id=message.id))
    return render_template("messages/details.html", form=form, message=message), form.status


@pages.get("/<int:message_id>/<language>")
@requires(Permission.READ_PLANS)
def compose(message_id: int, language: str) -> Page:
    """Show a message's text in one language."""
    message = _message(message_id)
    form = ComposerForm.of(queries.find_translation(message, language))
    refill(form)
    return _composer(message, language, form)


@pages.post("/<int:message_id>/<language>")
@requires(Permission.EDIT)
def save(message_id: int, language: str) -> Page:
    """Write a message's text in one language, unless somebody else did since the member began."""
    message, form = _message(message_id), ComposerForm()
    hold_message(session(), message)
    if (back := led_back(ComposerForm.of(queries.find_translation(message, language)), {})) is not None:
        return back
    if form.validate_on_submit():
        try:
            _save(message, language, form)
        except InputError as error:
            form.show(error, "body")
        else:
            flash(_("The text is saved. Somebody else must review it before it is sent."), "good")
            return redirect(url_for("messages.compose", message_id=message_id, language=language))
    return _composer(message, language, form)


@pages.post("/<int:message_id>/<language>/review")
@requires(Permission.REVIEW)
def review(message_id: int, language: str) -> Page:
    """Mark a text as reviewed, as it was seen."""
    translation = queries.get_translation(_message(message_id), language)
    service.review_translation(session(), translation, by=current_member().id, seen=request.form.get("seen", ""))
    flash(_("Reviewed. This text may be sent."), "good")
    return redirect(url_for("messages.compose", message_id=message_id, language=language))


@pages.post("/<int:message_id>/share")
@requires(Permission.EDIT)
def share(message_id: int) -> Page:
    """Show a message to the organisation's partners, or no longer."""
    message, is_shared = _message(message_id), bool(request.form.get("shared"))
    share_message(session(), message, is_shared=is_shared, by=current_member().id)
    flash(_("Partners can copy it now.") if is_shared else _("Partners do not see it any more."), "good")
    return redirect(url_for("messages.show", message_id=message_id))


@pages.post("/<int:message_id>/duplicate")
@requires(Permission.EDIT)
def duplicate(message_id: int) -> Page:
    """Copy a message and open the copy."""
    shown = url_for("messages.show", message_id=message_id)
    with refusals_told(RefusedError):
        copy = duplicate_message(session(), _message(message_id), by=current_member().id)
        flash(_("This is the copy. Each of its texts is reviewed anew before it is sent."), "good")
        shown = url_for("messages.edit_details", message_id=copy.id)
    return redirect(shown)


@pages.post("/measure")
@requires(Permission.EDIT)
def measure() -> Page:
    """Count the parts of a new text that is being written, and show it as on a phone."""
    tongue = request.form.get("language") or request.form.get("base_language", "")
    measured = _measure(request.form.get("body", ""), tongue)
    return render_template("messages/composer/measure.html", measured=measured, tongue=tongue, form=None)


@pages.post("/<int:message_id>/<language>/measure")
@requires(Permission.EDIT)
def measure_translation(message_id: int, language: str) -> Page:
    """Measure a text of a message that is being written, also against its source text and the glossary."""
    message, form = _message(message_id), ComposerForm()
    measured = _measure(clean_line_ends(form.text("body")), language, message)
    channels = _measure_channels(form, language)
    return render_template("messages/composer/measure.html", measured=measured, channels=channels, tongue=language)


def _message(message_id: int) -> Message:
    return get_owned(session(), Message, message_id, current_organisation().id)


def _save(message: Message, language: str, form: ComposerForm) -> None:
    service.save_translation(
        session(),
        message,
        language=language,
        text=form.text("body"),
        wordings=form.wordings(),
        back_translation=form.text("back_translation"),
        is_draft=bool(form.is_draft.data),
        by=current_member().id,
    )


def _measure(text: str, language: str, message: Message | None = None) -> Measured:
    return desk.measure(
        session(),
        current_organisation().id,
        text,
        language=language,
        at=clock.now(),
        fresh_days=settings().service_max_age_days,
        pages=settings().people_address,
        message=message,
    )


def _measure_channels(form: ComposerForm, language: str) -> dict[str, Measured]:
    """Measure the words that single channels have, by channel."""
    written = {channel: clean_line_ends(words) for channel, words in form.wordings().items() if words.strip()}
    return {channel: _measure(words, language) for channel, words in written.items()}


def _composer(message: Message, language: str, form: ComposerForm) -> Page:
    """Render the tab of one language. Raises NotFoundError for a language that is not known."""
    if language not in all_languages():
        raise NotFoundError(N_("There is no such language."))
    page = render_template(
        "messages/composer/compose.html",
        form=form,
        message=message,
        tab=language,
        desk=desk.lay_out(session(), message, language),
        measured=_measure(clean_line_ends(form.text("body")), language, message),
        channels=_measure_channels(form, language),
        addable=[code for code in all_languages() if queries.find_translation(message, code) is None],
    )
    return page, form.status
