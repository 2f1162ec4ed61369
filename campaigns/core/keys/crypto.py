"""What identifies a person is sealed (AES-256-GCM), and an address is found again by a keyed hash."""

from __future__ import annotations

import hmac
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from campaigns.core.errors import DamagedDataError, SettingsError

KEY_BYTES = 32
NONCE_BYTES = 12
#: Where the nonce ends in sealed bytes.
_BODY = 1 + NONCE_BYTES


@dataclass(frozen=True, slots=True)
class Vault:
    """Seals and opens values under versioned keys; the version is the first byte of each ciphertext."""

    #: Encryption keys by version (1–255), each 32 bytes; the highest version seals.
    keys: Mapping[int, bytes]
    #: Key of the lookup hash, 32 bytes; never rotated together with the others.
    lookup_key: bytes

    def __post_init__(self) -> None:
        if not self.keys:
            raise SettingsError("There is no encryption key.")
        named = {f"encryption key {version}": key for version, key in self.keys.items()}
        for name, key in {**named, "lookup_key": self.lookup_key}.items():
            if len(key) != KEY_BYTES:
                raise SettingsError(f"The {name} has {len(key)} bytes: it must have 32 bytes.")
        if not all(0 < version < 256 for version in self.keys):
            raise SettingsError("Key versions run from 1 to 255.")

    def seal(self, plain: str, *, table: str, column: str, row_id: int) -> bytes:
        """Encrypt `plain` for one column of one row; the bytes cannot be opened anywhere else."""
        return self.seal_bytes(plain.encode(), table=table, column=column, row_id=row_id)

    def seal_bytes(self, plain: bytes, *, table: str, column: str, row_id: int) -> bytes:
        """Encrypt a file likewise; `open_bytes` opens it."""
        version = max(self.keys)
        nonce = os.urandom(NONCE_BYTES)
        sealed = _cipher(self.keys[version]).encrypt(nonce, plain, _bound_to(table, column, row_id))
        return bytes([version]) + nonce + sealed

    def sealer(self, *, table: str, column: str) -> Callable[[str, int], bytes]:
        """Return `seal` for one column and many rows; it takes the text and the row's id."""
        version = max(self.keys)
        encrypt, column_of = _cipher(self.keys[version]).encrypt, _bound_to(table, column, "")
        begins = bytes([version])

        def seal_row(plain: str, row_id: int) -> bytes:
            nonce = os.urandom(NONCE_BYTES)
            return begins + nonce + encrypt(nonce, plain.encode(), column_of + b"%d" % row_id)

        return seal_row

    def open(self, sealed: bytes, *, table: str, column: str, row_id: int) -> str:
        """Decrypt what `seal` made. Raises DamagedDataError when the key, the row or the bytes do not fit."""
        return self.opener(table=table, column=column)(sealed, row_id)

    def open_or_none(self, sealed: bytes | None, *, table: str, column: str, row_id: int) -> str | None:
        """Decrypt as `open` does; None: nothing was sealed, or nobody can open it."""
        if sealed is None:
            return None
        try:
            return self.open(sealed, table=table, column=column, row_id=row_id)
        except DamagedDataError:
            return None

    def open_bytes(self, sealed: bytes, *, table: str, column: str, row_id: int) -> bytes:
        """Decrypt what `seal_bytes` made; raises as `open` does."""
        return self._bytes_opener(table, column)(sealed, row_id)

    def opener(self, *, table: str, column: str) -> Callable[[bytes, int], str]:
        """Return `open` for one column and many rows; it takes the sealed bytes and the row's id."""
        open_bytes = self._bytes_opener(table, column)

        def open_row(sealed: bytes, row_id: int) -> str:
            opened = open_bytes(sealed, row_id)
            try:
                return opened.decode()
            except UnicodeDecodeError:
                raise DamagedDataError(f"{table} {row_id} cannot be deciphered.") from None

        return open_row

    def _bytes_opener(self, table: str, column: str) -> Callable[[bytes, int], bytes]:
        keys, column_of = self.keys, _bound_to(table, column, "")

        def open_row(sealed: bytes, row_id: int) -> bytes:
            key = keys.get(sealed[0]) if sealed else None
            if key is None:
                raise DamagedDataError(f"{table} {row_id} is sealed with a key that is not configured.")
            try:
                return _cipher(key).decrypt(sealed[1:_BODY], sealed[_BODY:], column_of + b"%d" % row_id)
            except (InvalidTag, ValueError):
                # ValueError: a nonce that was cut off.
                raise DamagedDataError(f"{table} {row_id} cannot be deciphered.") from None

        return open_row

    def lookup_hash(self, channel: str, handle: str) -> bytes:
        """Return the HMAC-SHA-256 by which a normalised handle on a channel is found again."""
        return hmac.digest(self.lookup_key, f"{channel}\0{handle}".encode(), "sha256")

    def number_hash(self, number: str) -> bytes:
        """Return the keyed hash of a phone number (E.164) that is the same on all of its channels."""
        return self.lookup_hash("number", number)

    def word_hash(self, word: str) -> int:
        """Return the keyed hash by which a folded word of sealed texts is found again: 64 bits, signed."""
        digest = hmac.digest(self.lookup_key, f"word\0{word}".encode(), "sha256")
        return int.from_bytes(digest[:8], signed=True)


def _bound_to(table: str, column: str, row_id: int | str) -> bytes:
    return f"{table}.{column}.{row_id}".encode()


@cache
def _cipher(key: bytes) -> AESGCM:
    """Return the cipher of a key; making one costs as much as using it."""
    return AESGCM(key)
