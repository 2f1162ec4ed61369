"""Fingerprints of an instance's keys tell when another key stands in the place of one."""

from __future__ import annotations

import hashlib
import hmac
from secrets import token_bytes

from campaigns.core import clock
from campaigns.core.models import KeyFingerprint
from campaigns.core.settings import Settings

SALT_BYTES = 16
#: The one key that may be another one day: it signs what lasts for weeks, and seals nothing.
REPLACEABLE = "secret_key"
#: 16 MB and some hundredths of a second a guess. Keys are made by chance, so this is for one that was not.
_COST, _BLOCK, _LANES = 2**14, 8, 1


def named_keys(settings: Settings) -> dict[str, bytes]:
    """Return every key of the settings by its name in the database. Raises SettingsError for malformed ones."""
    vault = settings.vault()
    sealing = {f"encryption key {version}": key for version, key in sorted(vault.keys.items())}
    return {REPLACEABLE: settings.secret_key.encode(), "lookup_key": vault.lookup_key, **sealing}


def digest_of(key: bytes, salt: bytes) -> bytes:
    """Return the fingerprint of a key, 32 bytes."""
    return hashlib.scrypt(key, salt=salt, n=_COST, r=_BLOCK, p=_LANES, dklen=32)


def fingerprint(name: str, key: bytes) -> KeyFingerprint:
    """Return the row that remembers a key."""
    salt = token_bytes(SALT_BYTES)
    return KeyFingerprint(name=name, salt=salt, digest=digest_of(key, salt), recorded_at=clock.now())


def fits(row: KeyFingerprint, key: bytes) -> bool:
    """Say whether a key is the one that a row remembers."""
    return hmac.compare_digest(row.digest, digest_of(key, row.salt))
