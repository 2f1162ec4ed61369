"""An operator imports files of places, contacts and services from the command line."""

from __future__ import annotations

import gc
from functools import partial
from typing import Any, BinaryIO

import click
from phonenumbers import SUPPORTED_REGIONS
from sqlalchemy.orm import Session

from campaigns.audience import service as audience
from campaigns.commands.import_progress import Progress
from campaigns.core.errors import InputError
from campaigns.core.settings import load_settings
from campaigns.directory.exchange.hsds import is_hsds, read_services
from campaigns.directory.exchange.service import exchange_services, import_services
from campaigns.directory.exchange.worklist import read_worklist
from campaigns.places import proposed as places
from campaigns.places.files.incoming import read_places
from campaigns.places.files.sheet_cells import decode_text
from campaigns.planning.uses import find_used


def import_file(
    kind: str, session: Session, organisation_id: int, *, name: str, file: BinaryIO, country: str | None
) -> Any:
    """Import a file of `kind` (places, contacts or services) and return a dataclass of counts."""
    if kind == "places":
        incoming = read_places(file)
        return places.import_incoming(
            session, organisation_id, incoming, by=None, find_used=find_used, source=name
        )
    if kind == "services":
        text = decode_text(file.read())
        if is_hsds(text):
            return exchange_services(session, organisation_id, read_services(text), by=None)
        listed = read_worklist(text)
        return import_services(session, organisation_id, listed.drafts, without_number=listed.without_number)
    if country is not None and country.upper() not in SUPPORTED_REGIONS:
        raise InputError(f"There is no country {country}: write its two letters, such as PL.")
    settings = load_settings()
    _collect_rarely()
    return audience.import_file(
        session,
        organisation_id,
        name,
        file,
        by=None,
        vault=settings.vault(),
        settings=settings,
        default_country=country and country.upper(),
        tell=Progress(partial(click.echo, err=True)),
    )


def _collect_rarely() -> None:
    """Let the garbage collector look less often, until this process ends with its import.

    Rows have no cycles, and with its defaults it takes a third of the time.
    """
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
