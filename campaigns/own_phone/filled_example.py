"""A text is filled in for a test as its preview shows it: with examples for what differs by person."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy.orm import Session

from campaigns.audience.models import Channel
from campaigns.core import clock
from campaigns.delivery.answers.answer_runs import AnswerText
from campaigns.messages.composer.preview import example_values, preview_text
from campaigns.messages.models import Translation
from campaigns.messages.queries import load_help
from campaigns.messages.text.placeholders import names_in


def fill_example(
    session: Session,
    translation: Translation,
    organisation_id: int,
    *,
    given: Mapping[str, str],
    fresh_days: int,
) -> AnswerText:
    """Return a text as SMS; `given` is what a campaign says for its placeholders.

    Raises PlaceholderError for a text whose placeholders are faulty.
    """
    text, language = translation.wordings.get(Channel.SMS) or translation.text, translation.language
    known = load_help(session, organisation_id, fresh_days=fresh_days)
    values = example_values(names_in(text), known, clock.now(), language=language)
    preview = preview_text(text, {**values, **given})
    if preview.fault is not None:
        raise preview.fault
    return AnswerText(language, "".join(piece.text for piece in preview.pieces))
