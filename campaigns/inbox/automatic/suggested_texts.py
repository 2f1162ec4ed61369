"""Texts to begin with: in 17 languages, machine-made, and sent only once somebody reviewed them."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.inbox.conversations.models import Occasion
from campaigns.messages.models import Message
from campaigns.messages.service import create_in_languages
from campaigns.messages.themes import Theme
from campaigns.staff.queries import owned

BASE_LANGUAGE = "en"
#: Titles by which members find them among their messages.
TITLES = {
    Occasion.WELCOME: "Automatic: welcome",
    Occasion.HELP: "Automatic: call for help",
    Occasion.INFO: "Automatic: who writes",
    Occasion.MOVED: "Automatic: where they are now",
    Occasion.WHICH_PLACE: "Automatic: which place",
    Occasion.UNKNOWN_PLACE: "Automatic: unknown place",
    Occasion.OFF_DUTY: "Automatic: nobody is on duty",
    Occasion.STILL_WAITING: "Automatic: no answer yet",
    Occasion.COMPLAINT: "Automatic: a complaint about us",
}


@cache
def suggested_texts() -> Mapping[Occasion, Mapping[str, str]]:
    """Return the texts by occasion and language; the base language comes first."""
    found: dict[Occasion, dict[str, str]] = {}
    with (files("campaigns.inbox") / "data" / "automatic_texts.csv").open(encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            found.setdefault(Occasion(row["occasion"]), {})[row["language"]] = row["text"]
    return found


def add_suggested(session: Session, organisation_id: int, *, by: int) -> list[Message]:
    """Add the texts as messages that nobody has reviewed, but for those whose title is there already."""
    titles = owned(select(Message.title), Message, organisation_id).where(Message.title.in_(TITLES.values()))
    present = set(session.scalars(titles))
    return [
        create_in_languages(
            session,
            organisation_id,
            title=TITLES[occasion],
            theme=Theme.ASK_FOR_HELP,
            base_language=BASE_LANGUAGE,
            texts=texts,
            by=by,
        )
        for occasion, texts in suggested_texts().items()
        if TITLES[occasion] not in present
    ]
