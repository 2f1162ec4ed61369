"""WhatsApp knows a person by a number and by an id of its own, and shows now the one, now the other."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.core.database import Base


class PairedHandle(Base):
    """That a handle without a number is of a phone, as a provider showed it with something that its person did."""

    __tablename__ = "paired_handle"

    #: As in Address.lookup, and in Address.number of such a handle.
    lookup: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    #: As in Address.number; one phone has one such handle, that which was shown last.
    number: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    shown_at: Mapped[datetime]
