"""People of a contact file wait as sealed bytes until all of the file was read; no database here."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic_core import from_json, to_json

from campaigns.audience.consent.handles import Handle
from campaigns.audience.contact_rows import ContactRow
from campaigns.audience.models import Channel
from campaigns.core.keys.crypto import NONCE_BYTES

_CHANNELS = {channel.value: channel for channel in Channel}


@dataclass(frozen=True, slots=True)
class StagedRows:
    """Seals and opens the people of one file."""

    #: Of this file alone, while it is read.
    key: bytes

    @classmethod
    def new(cls) -> StagedRows:
        """Return this with a key that nobody has had before."""
        return cls(AESGCM.generate_key(256))

    def sealed(self, people: Sequence[ContactRow]) -> bytes:
        """Return people as bytes that only this key opens."""
        return self.sealed_bytes(to_json([_values(row) for row in people]))

    def opened(self, sealed: bytes) -> list[ContactRow]:
        """Return the people that `sealed` was given."""
        return [_row(values) for values in from_json(self.opened_bytes(sealed))]

    def sealed_bytes(self, plain: bytes) -> bytes:
        """Return bytes as others that only this key opens."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + AESGCM(self.key).encrypt(nonce, plain, None)

    def opened_bytes(self, sealed: bytes) -> bytes:
        """Return the bytes that `sealed_bytes` was given."""
        return AESGCM(self.key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], None)


def _values(row: ContactRow) -> tuple[Any, ...]:
    handles, beside = (
        [(handle.channel.value, handle.text, handle.country) for handle in each]
        for each in (row.handles, row.beside)
    )
    return (
        *(row.line, handles, row.language, row.other_language, row.position, row.place, row.region),
        *(row.position_at and row.position_at.isoformat(), row.consent_at.isoformat()),
        *(row.consent_how, row.groups, beside),
    )


def _row(values: list[Any]) -> ContactRow:
    line, handles, language, other_language, position, place, region, position_at, consent_at, *others = values
    how, groups, beside = others
    return ContactRow(
        line=line,
        handles=_handles(handles),
        language=language,
        other_language=other_language,
        position=position and (position[0], position[1]),
        place=place,
        region=region,
        position_at=position_at and _moment(position_at),
        consent_at=_moment(consent_at),
        consent_how=how,
        groups=groups,
        beside=_handles(beside),
    )


def _handles(values: list[Any]) -> tuple[Handle, ...]:
    return tuple(Handle(_CHANNELS[channel], text, country) for channel, text, country in values)


@lru_cache(maxsize=1024)
def _moment(text: str) -> datetime:
    """Return a moment, of which a file has few: most are days."""
    return datetime.fromisoformat(text)
