"""This table tells which rows of an organisation are its example, to be kept or thrown away together."""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.core.database import Base, BigId


class PartKind(StrEnum):
    """What a part of the example is: the name of its table."""

    PLACE = "place"
    ROUTE = "route"
    SERVICE = "service"
    MESSAGE = "message"
    AUDIENCE = "audience"
    SENDER = "sender"
    CAMPAIGN = "campaign"


class ExamplePart(Base):
    """A row that came with the example and is not the organisation's own yet."""

    __tablename__ = "example_part"

    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"), primary_key=True)
    kind: Mapped[PartKind] = mapped_column(String(10), primary_key=True)
    row_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
