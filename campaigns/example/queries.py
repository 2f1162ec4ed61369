"""Reads on the example of an organisation."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from campaigns.example.models import ExamplePart, PartKind
from campaigns.planning.models import Campaign
from campaigns.staff.queries import owned


def is_own(model: Any) -> ColumnElement[bool]:
    """Match the rows of a model that did not come with the example."""
    parts = select(ExamplePart.row_id).where(ExamplePart.kind == PartKind(model.__tablename__))
    return ~parts.where(ExamplePart.row_id == model.id).exists()


def find_parts(session: Session, organisation_id: int, kind: PartKind) -> list[int]:
    """Return the ids of an example's parts of one kind, in their order."""
    parts = owned(select(ExamplePart.row_id), ExamplePart, organisation_id).where(ExamplePart.kind == kind)
    return list(session.scalars(parts.order_by(ExamplePart.row_id)))


def find_example(session: Session, organisation_id: int) -> Campaign | None:
    """Return the campaign of an organisation's example; None where there is none."""
    found = owned(select(Campaign), Campaign, organisation_id).where(Campaign.is_example)
    return session.scalar(found.order_by(Campaign.id).limit(1))
