"""Passwords are hashed as the sign-in verifies them."""

from __future__ import annotations

import pytest
from argon2 import PasswordHasher, extract_parameters

from campaigns.core.errors import InputError
from campaigns.staff.sign_in import passwords
from campaigns.staff.sign_in.passwords import hash_password, is_password_of, make_one_time_password


def test_only_the_same_password_fits() -> None:
    hashed = hash_password("correct horse battery")
    assert hashed.startswith("$argon2id$")
    assert is_password_of(hashed, "correct horse battery")
    assert not is_password_of(hashed, "correct horse batterie")


def test_guesses_cost_what_the_library_recommends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "PasswordHasher", PasswordHasher)
    parameters = extract_parameters(hash_password("correct horse battery"))
    assert (parameters.memory_cost, parameters.time_cost) >= (64 * 1024, 3)


def test_composition_of_letters_does_not_matter() -> None:
    assert is_password_of(
        hash_password("пароль зі словом її"), "пароль зі словом ї\u0456\u0308"[:-2] + "\u0456\u0308"
    )


@pytest.mark.parametrize("stored", [None, "", "not a hash"])
def test_member_without_password_never_fits(stored: str | None) -> None:
    assert not is_password_of(stored, "correct horse battery")


@pytest.mark.parametrize("password", ["fourteen chars", "x" * 257])
def test_length_is_bounded(password: str) -> None:
    with pytest.raises(InputError, match="characters"):
        hash_password(password)


def test_one_time_passwords_are_usable_and_differ() -> None:
    first, second = make_one_time_password(), make_one_time_password()
    assert first != second
    assert hash_password(first)
