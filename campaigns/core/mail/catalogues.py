"""Texts that no page shows are translated here, such as those of mails."""

from __future__ import annotations

from functools import cache

from babel.support import NullTranslations, Translations

from campaigns.core.languages import INTERFACE_LANGUAGES
from campaigns.core.settings import PROJECT_ROOT


def words_in(language: str | None) -> NullTranslations:
    """Return the catalogue of an interface language; of the first one for any other."""
    return _load(language if language in INTERFACE_LANGUAGES else INTERFACE_LANGUAGES[0])


@cache
def _load(language: str) -> NullTranslations:
    return Translations.load(str(PROJECT_ROOT / "translations"), [language])
