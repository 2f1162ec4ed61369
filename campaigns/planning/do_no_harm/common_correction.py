"""An organisation keeps one correction for whatever its campaigns say; it is reviewed once in each language.

Its first words come from a bundled table of neutral sentences. Nobody has reviewed these: each waits for a reader
of its language, as every text does.
"""

from __future__ import annotations

import csv
from collections.abc import Collection
from functools import cache
from importlib.resources import files
from io import StringIO

from sqlalchemy.orm import Session

from campaigns.core import clock
from campaigns.core.errors import InputError
from campaigns.core.words import N_
from campaigns.messages.models import Message
from campaigns.messages.service import create_in_languages
from campaigns.messages.themes import Theme
from campaigns.planning.correcting import find_correction, follows_common
from campaigns.planning.models import Campaign, CommonCorrection
from campaigns.staff import audit
from campaigns.staff.models import Organisation
from campaigns.staff.queries import get_owned, hold_organisation

BASE_LANGUAGE = "en"


@cache
def bundled_texts() -> dict[str, str]:
    """Return the neutral sentences by language; they are machine-made, and nobody has reviewed them."""
    sheet = (files("campaigns.planning") / "data" / "corrections.csv").read_text(encoding="utf-8")
    return {row["language"]: row["text"] for row in csv.DictReader(StringIO(sheet))}


def choose_common_correction(session: Session, organisation_id: int, *, message_id: int | None, by: int) -> None:
    """Name the message that corrects whatever the organisation's campaigns say; None: none does.

    Only drafts that name no other one follow it: what is submitted or approved keeps what it was read with. Raises
    NotFoundError for another organisation's message.
    """
    # Two members who choose at the same time follow one another.
    hold_organisation(session, organisation_id)
    organisation = session.get_one(Organisation, organisation_id)
    kept = session.get(CommonCorrection, organisation_id)
    if message_id is None:
        if kept is not None:
            session.delete(kept)
            session.flush()
            _record(session, "correction.drop", organisation, organisation, by)
        return
    message = get_owned(session, Message, message_id, organisation_id)
    if kept is not None and kept.message_id == message.id:
        return
    kept = kept or CommonCorrection(organisation_id=organisation_id)
    kept.message_id, kept.chosen_by_id, kept.chosen_at = message.id, by, clock.now()
    session.add(kept)
    session.flush()
    _record(session, "correction.choose", message, organisation, by)


def write_common_correction(
    session: Session, organisation_id: int, *, title: str, languages: Collection[str], by: int
) -> Message:
    """Write a message of the bundled sentences in some languages, and name it.

    Raises InputError without any language, and where the organisation has a correction, which might be reviewed.
    """
    # The answer to a second click waits for the first, and finds what that wrote.
    hold_organisation(session, organisation_id)
    if session.get(CommonCorrection, organisation_id) is not None:
        raise InputError(N_("There is a correction of the organisation already: open its message to change it."))
    texts = {language: text for language, text in bundled_texts().items() if language in languages}
    if not texts:
        raise InputError(N_("Choose at least one language."))
    message = create_in_languages(
        session,
        organisation_id,
        title=title,
        theme=Theme.ASK_FOR_HELP,
        base_language=BASE_LANGUAGE if BASE_LANGUAGE in texts else next(iter(texts)),
        texts=texts,
        by=by,
    )
    choose_common_correction(session, organisation_id, message_id=message.id, by=by)
    return message


def adopt_common_correction(session: Session, campaign: Campaign) -> dict[str, int]:
    """Name it for a held draft without a correction that it covers; return what is recorded of that."""
    found = find_correction(session, campaign)
    if found is None or not follows_common(campaign):
        return {}
    campaign.correction_id, campaign.correction_adopted = found.id, True
    session.flush()
    session.expire(campaign, ["correction"])
    return {"correction_id": found.id}


def _record(
    session: Session, action: str, subject: Message | Organisation, organisation: Organisation, by: int
) -> None:
    audit.record(session, action, subject=subject, organisation_id=organisation.id, member_id=by)
