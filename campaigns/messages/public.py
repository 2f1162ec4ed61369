"""People on the move read here what to mind where they are, by theme, with who can help beside it."""

from __future__ import annotations

from collections.abc import Iterator

from flask import request
from werkzeug.exceptions import NotFound

from campaigns.core import clock
from campaigns.core.errors import BaseLanguageError
from campaigns.directory.public import emergency_of, help_in
from campaigns.directory.signposting.choice import Need
from campaigns.messages.filled_text import fill_text
from campaigns.messages.models import Message
from campaigns.messages.queries import current_text_for, load_help, select_messages
from campaigns.messages.text.how_to_stop import StopWay
from campaigns.messages.themes import THEME_NUMBERS, Theme
from campaigns.messages.translations.withdrawals import is_withdrawn
from campaigns.messages.translations.withdrawn_copies import find_still_saying
from campaigns.public_pages.publisher import behind
from campaigns.web.current import settings
from campaigns.web.people.kept_pages import Finished
from campaigns.web.people.layout import (
    KEPT_WITH_NUMBERS,
    check_country,
    information,
    page_of,
    people_pages,
    words_for,
)
from campaigns.web.session import session

pages = people_pages("advice", __name__)

#: The texts of a theme that a page shows at most.
MOST = 8


@pages.get("/<country:country>/i")
@information
def list_themes(language: str, country: str) -> Finished:
    """List the themes of which something is written in the language."""
    check_country(country)
    read = words_for(language, country).language
    written = {message.theme for owner in behind().organisation_ids for message, _ in _texts(owner, read)}
    numbers = {number: theme for number, theme in THEME_NUMBERS.items() if theme in written}
    return page_of("people/themes.html", language, country, themes=numbers)


@pages.get("/<country:country>/<int:theme>")
@information
def show_theme(language: str, country: str, theme: int) -> Finished:
    """Show what is written of a theme, and who can help in the country."""
    if theme not in THEME_NUMBERS:
        raise NotFound
    check_country(country)
    read = words_for(language, country).language
    return page_of(
        "people/theme.html",
        language,
        country,
        age=KEPT_WITH_NUMBERS,
        theme=THEME_NUMBERS[theme],
        number=theme,
        texts=list(_filled(THEME_NUMBERS[theme], read, country))[:MOST],
        emergency=emergency_of(country),
        **help_in(country, None, read),
    )


def _texts(owner: int, language: str, theme: Theme | None = None) -> Iterator[tuple[Message, str]]:
    """Yield an organisation's messages that have a text for who reads a language.

    Without what was withdrawn, also by whom it was copied from: nobody who reads here could be corrected.
    """
    copied = find_still_saying(session(), Message.organisation_id == owner)
    chosen = select_messages(owner).where(~is_withdrawn(), Message.id.not_in(copied))
    if theme is not None:
        chosen = chosen.where(Message.theme == theme)
    for message in session().scalars(chosen):
        text, written_in = _text_of(message, language)
        if written_in == language:
            yield message, text


def _text_of(message: Message, language: str) -> tuple[str, str]:
    try:
        return current_text_for(message, language) or ("", "")
    except BaseLanguageError:
        # Nothing is written yet.
        return "", ""


def _filled(theme: Theme, language: str, country: str) -> Iterator[str]:
    """Yield the texts of a theme with the numbers of a country in them; what lacks one is left out."""
    need = Need(None, country, language, clock.now(), roaming=True)
    here = f"{settings().people_address}{request.path}"
    given = {"place": words_for(language, country).country(country), "link": here}
    for owner in behind().organisation_ids:
        known = load_help(session(), owner, fresh_days=settings().service_max_age_days)
        for _, text in _texts(owner, language, theme):
            body = fill_text(text, need, known, stop=StopWay.NONE, given=given).body
            if body:
                yield body
