"""The mail that brings a link has few and neutral words, and no figure."""

from __future__ import annotations

from campaigns.core.mail.catalogues import words_in
from campaigns.core.words import N_

_SUBJECT = N_("New report: %(period)s")
_TEXT = N_(
    "%(organisation)s has published figures for %(period)s.\n\n"
    "Read them here:\n%(link)s\n\n"
    "The link is for you alone and opens publications for 90 days. "
    "If you do not want these e-mails any more, tell the organisation."
)


def subject_and_text(language: str, *, organisation: str, period: str, link: str) -> tuple[str, str]:
    """Return subject and text in an interface language."""
    words = words_in(language)
    values = {"organisation": organisation, "period": period, "link": link}
    subject, text = (words.ugettext(template) % values for template in (_SUBJECT, _TEXT))
    return subject, text
