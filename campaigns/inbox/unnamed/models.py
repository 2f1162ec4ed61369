"""This table knows for some hours which forms were sent, and for some minutes which report came of each."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.core.database import Base


class SentForm(Base):
    """A form for a report that was sent: it is taken once, and sent again within minutes it gives a new code.

    The link to the report goes when somebody comes back to it, when it is erased, and after those minutes in any
    case: so nothing tells for long whether anybody came back.
    """

    __tablename__ = "sent_form"

    #: Vault.lookup_hash of the stamp that the form carried.
    stamp: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    #: Vault.lookup_hash of the stamp with what was written, and to whom.
    said: Mapped[bytes] = mapped_column(LargeBinary(32))
    conversation_id: Mapped[int | None] = mapped_column(
        ForeignKey("conversation.id", ondelete="SET NULL"), index=True
    )
    #: The hour alone, once the link is gone.
    sent_at: Mapped[datetime]
