"""Reads on the example of an organisation."""

from __future__ import annotations

from collections.abc import Container
from typing import Any

from sqlalchemy import ColumnElement, select, true
from sqlalchemy.orm import Session

from campaigns.example.models import ExamplePart, PartKind
from campaigns.planning.models import Campaign, Sender
from campaigns.staff.queries import owned

#: The credential of an example's sender: there is none of this name, so nobody can be written to with it.
CREDENTIAL = "example"


def is_own(model: Any) -> ColumnElement[bool]:
    """Match the rows of a model that did not come with the example."""
    parts = select(ExamplePart.row_id).where(ExamplePart.kind == PartKind(model.__tablename__))
    return ~parts.where(ExamplePart.row_id == model.id).exists()


def may_have_provider(secrets: Container[str]) -> ColumnElement[bool]:
    """Match all senders but those of examples, kept as one's own or not; `secrets` names the credentials.

    No provider knows their numbers, so nothing is to be asked for or waited for there.
    """
    return true() if CREDENTIAL.upper() in secrets else Sender.secret_name != CREDENTIAL


def find_parts(session: Session, organisation_id: int, kind: PartKind) -> list[int]:
    """Return the ids of an example's parts of one kind, in their order."""
    parts = owned(select(ExamplePart.row_id), ExamplePart, organisation_id).where(ExamplePart.kind == kind)
    return list(session.scalars(parts.order_by(ExamplePart.row_id)))


def find_example(session: Session, organisation_id: int) -> Campaign | None:
    """Return the campaign of an organisation's example; None where there is none."""
    found = owned(select(Campaign), Campaign, organisation_id).where(Campaign.is_example)
    return session.scalar(found.order_by(Campaign.id).limit(1))
