"""The interface speaks the language that the member chose, or else the browser's."""

from __future__ import annotations

from flask import Flask, request, session
from flask_babel import Babel, get_locale
from flask_security import current_user

from campaigns.core.languages import INTERFACE_LANGUAGES, all_languages, is_right_to_left
from campaigns.core.settings import PROJECT_ROOT

SESSION_KEY = "locale"


def init_locale(app: Flask) -> None:
    """Translate `app` from the project's catalogues and tell templates the language and its direction."""
    app.config["BABEL_TRANSLATION_DIRECTORIES"] = str(PROJECT_ROOT / "translations")
    Babel(app, locale_selector=choose_language)

    @app.context_processor
    def language() -> dict[str, object]:
        code = current_language()
        known = all_languages()
        return {
            "language": code,
            "text_direction": "rtl" if is_right_to_left(code) else "ltr",
            "interface_languages": [(code, known[code].autonym) for code in INTERFACE_LANGUAGES],
        }


def choose_language() -> str:
    """Return the interface language of this request."""
    for chosen in (getattr(current_user, "locale", None), session.get(SESSION_KEY)):
        if chosen in INTERFACE_LANGUAGES:
            return str(chosen)
    return request.accept_languages.best_match(INTERFACE_LANGUAGES) or INTERFACE_LANGUAGES[0]


def current_language() -> str:
    """Return the code of the language this page is written in."""
    locale = get_locale()
    return locale.language if locale else INTERFACE_LANGUAGES[0]
