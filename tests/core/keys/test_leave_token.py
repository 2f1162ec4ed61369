"""The token of an address is read by its key alone, and by nobody's guess."""

from __future__ import annotations

import pytest

from campaigns.core.keys.crypto import Vault
from campaigns.core.keys.leave_token import LENGTH, NOBODYS, find_address_id, token_of

ANOTHER = Vault(keys={1: b"k" * 32}, lookup_key=b"m" * 32)


@pytest.mark.parametrize("address_id", [1, 2, 1_000_000, 2**34 - 1])
def test_token_names_its_address_alone(vault: Vault, address_id: int) -> None:
    token = token_of(address_id, vault)
    assert len(token) == LENGTH
    assert find_address_id(token, vault) == address_id
    assert find_address_id(token, ANOTHER) is None


def test_token_is_read_as_people_copy_it(vault: Vault) -> None:
    token = next(each for each in (token_of(number, vault) for number in range(1, 99)) if "1" in each)
    assert find_address_id(token.upper().replace("1", "l"), vault) == find_address_id(token, vault)


def test_neighbours_have_nothing_in_common(vault: Vault) -> None:
    tokens = {token_of(number, vault) for number in range(1, 500)}
    assert len({token[:7] for token in tokens}) == len({token[7:] for token in tokens}) == 499


@pytest.mark.parametrize("token", [NOBODYS, "", "x", "0" * 40, "ü" * LENGTH, "u" * LENGTH])
def test_other_texts_name_nobody(vault: Vault, token: str) -> None:
    assert find_address_id(token, vault) is None


def test_one_wrong_letter_names_nobody(vault: Vault) -> None:
    token = token_of(7, vault)
    others = [
        token[:place] + ("x" if token[place] != "x" else "y") + token[place + 1 :] for place in range(LENGTH)
    ]
    assert [each for each in others if find_address_id(each, vault) is not None] == []
