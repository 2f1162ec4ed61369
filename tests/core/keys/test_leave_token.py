"""The token of an address is read by its key alone, and by nobody's guess."""

from __future__ import annotations

import pytest

from campaigns.core.keys.crypto import Vault
from campaigns.core.keys.leave_token import (
    LENGTH,
    NOBODYS,
    is_token_of,
    read_address_id,
    token_of,
    with_hidden_link,
    with_nobodys_link,
    with_own_link,
)

ANOTHER = Vault(keys={1: b"k" * 32}, lookup_key=b"m" * 32)
THEIRS, OTHERS = b"t" * 32, b"o" * 32


def names(token: str, vault: Vault) -> int | None:
    """Return the id of the address, of a handle with the hash `THEIRS`, that a token names."""
    found = read_address_id(token, vault)
    return found if found is not None and is_token_of(token, found, THEIRS, vault) else None


@pytest.mark.parametrize("address_id", [1, 2, 1_000_000, 2**34 - 1])
def test_token_names_its_address_alone(vault: Vault, address_id: int) -> None:
    token = token_of(address_id, THEIRS, vault)
    assert len(token) == LENGTH
    assert names(token, vault) == address_id
    assert names(token, ANOTHER) is None
    assert not is_token_of(token, address_id, OTHERS, vault)


def test_token_is_read_as_people_copy_it(vault: Vault) -> None:
    token = next(each for each in (token_of(number, THEIRS, vault) for number in range(1, 99)) if "1" in each)
    assert names(token.upper().replace("1", "l"), vault) == names(token, vault) is not None


def test_neighbours_have_nothing_in_common(vault: Vault) -> None:
    tokens = {token_of(number, THEIRS, vault) for number in range(1, 500)}
    assert len({token[:7] for token in tokens}) == len({token[7:] for token in tokens}) == 499


@pytest.mark.parametrize("token", [NOBODYS, "", "x", "0" * 40, "ü" * LENGTH, "u" * LENGTH])
def test_other_texts_name_nobody(vault: Vault, token: str) -> None:
    assert names(token, vault) is None


def test_one_wrong_letter_names_nobody(vault: Vault) -> None:
    token = token_of(7, THEIRS, vault)
    others = [
        token[:place] + ("x" if token[place] != "x" else "y") + token[place + 1 :] for place in range(LENGTH)
    ]
    assert [each for each in others if names(each, vault) is not None] == []


def test_text_of_anybody_is_the_rendered_one_again(vault: Vault) -> None:
    rendered = f"Account {NOBODYS}. https://info.example/en/e/{NOBODYS} /e/short"
    own = with_own_link(rendered, 7, "sms", "+380501234567", vault)
    token = token_of(7, vault.lookup_hash("sms", "+380501234567"), vault)
    assert own == f"Account {NOBODYS}. https://info.example/en/e/{token} /e/short"
    assert with_nobodys_link(own) == rendered
    assert with_hidden_link(rendered) == f"Account {NOBODYS}. https://info.example/en/e/… /e/short"
