"""These tables are about the instance as a whole, and no step owns them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import LargeBinary, SmallInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.core.database import Base


class KeyFingerprint(Base):
    """By what a key of this instance is known again; nobody learns the key from it, or can guess it quicker."""

    __tablename__ = "key_fingerprint"

    #: As `fingerprints.named_keys` calls it.
    name: Mapped[str] = mapped_column(String(30), primary_key=True)
    salt: Mapped[bytes] = mapped_column(LargeBinary(16))
    #: `fingerprints.digest_of` the key and the salt.
    digest: Mapped[bytes] = mapped_column(LargeBinary(32))
    recorded_at: Mapped[datetime]


class WriteProbe(Base):
    """The one row that is written to see whether the database takes a write."""

    __tablename__ = "write_probe"

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    written_at: Mapped[datetime]
