"""What is sealed opens in its own place only, and whatever cannot be opened says so in one way."""

from __future__ import annotations

import os

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from campaigns.core.errors import DamagedDataError
from campaigns.core.keys.crypto import Vault

PLACE = {"table": "address", "column": "ciphertext"}


def test_what_was_sealed_opens_in_its_place_only(vault: Vault) -> None:
    sealed = vault.seal("+380671234567", **PLACE, row_id=7)
    assert vault.open(sealed, **PLACE, row_id=7) == "+380671234567"
    with pytest.raises(DamagedDataError):
        vault.open(sealed, **PLACE, row_id=8)


@pytest.mark.parametrize("length", [0, 1, 2, 7, 8, 9, 13, 20, 29, 40])
def test_whatever_was_cut_or_changed_is_damaged(vault: Vault, length: int) -> None:
    sealed = vault.seal("+380671234567", **PLACE, row_id=7)
    for bad in (sealed[:length], sealed[:1] + os.urandom(length), bytes([200]) + sealed[1:]):
        with pytest.raises(DamagedDataError, match="address 7"):
            vault.open(bad, **PLACE, row_id=7)


def test_what_is_no_text_is_damaged(vault: Vault) -> None:
    nonce = os.urandom(12)
    sealed = b"\x01" + nonce + AESGCM(vault.keys[1]).encrypt(nonce, b"\xff\xfe", b"address.ciphertext.7")
    with pytest.raises(DamagedDataError):
        vault.open(sealed, **PLACE, row_id=7)


def test_many_rows_are_sealed_as_one_is(vault: Vault) -> None:
    seal = vault.sealer(**PLACE)
    assert [vault.open(seal(f"+38067{row_id}", row_id), **PLACE, row_id=row_id) for row_id in (7, 8)] == [
        "+380677",
        "+380678",
    ]
