"""A password is refused when little is left of it without what guessers try first; several words are enough."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from campaigns.core.errors import InputError
from campaigns.staff.models import Member, Role
from campaigns.staff.sign_in.password_rules import check_new_password, is_guessable
from campaigns.staff.sign_in.passwords import SHORTEST, hash_password, make_one_time_password
from tests.web.pages import Pages

AROUND = ("olena.kovalenko@porada.example", "Olena Kovalenko", "Porada Foundation", "porada")
PRESENT = "correct horse battery"


@pytest.mark.parametrize(
    "password",
    [
        *("password1234567", "passwordpassword", "P@ssw0rd!P@ssw0rd", "aaaaaaaaaaaaaaa", "abcabcabcabcabc"),
        *("123456789012345", "qwertyuiopasdfgh", "qwertyqwerty1234", "1q2w3e4r5t6y7u8i", "zyxwvutsrqponml"),
        *("Summer2026Summer", "welcome-welcome-1", "correct horse battery staple", "iloveyou iloveyou"),
        *("йцукенгшщзхїфива", "пароль пароль 12", "olena.kovalenko1991", "Kovalenko!Olena!1", "porada-foundation"),
        *(
            "fingerpost2026!!",
            "Fingerpost-Porada-1",
            "olena@porada.example",
            "!!!!!!!!!!!!!!!!!!",
            "x1x1x1x1x1x1x1x1",
        ),
    ],
)
def test_what_is_tried_first_is_refused(password: str) -> None:
    assert is_guessable(password, around=AROUND)


@pytest.mark.parametrize(
    "password",
    [
        *("correct horse battery", "four other long words", "seven wooden signposts", "olena likes wet pavement"),
        *("жовтий трамвай за рогом", "ثلاث قطط على السطح", "zielony tramwaj o świcie", "kX9#mQ2$vL7@pR4"),
    ],
)
def test_several_own_words_are_enough(password: str) -> None:
    assert not is_guessable(password, around=AROUND)


def test_passwords_that_the_program_makes_are_good() -> None:
    for _ in range(200):
        one_time = make_one_time_password()
        assert len(one_time) >= SHORTEST
        assert not is_guessable(one_time, around=AROUND)


@pytest.mark.parametrize("same", [PRESENT, "Correct Horse Battery"])
def test_present_password_is_no_new_one(same: str) -> None:
    with pytest.raises(InputError, match="present password"):
        check_new_password(same, present=PRESENT, around=())


@pytest.fixture
def member(pages: Pages) -> Member:
    return pages.member(Role.ADMIN, email="olena@porada.example", password=hash_password(PRESENT))


def change(client: FlaskClient, new: str) -> tuple[int, str]:
    answer = client.post("/settings/password", data={"current": PRESENT, "new": new, "again": new})
    return answer.status_code, answer.text


def test_page_refuses_what_the_rules_refuse(pages: Pages, member: Member) -> None:
    client = pages.client(member)
    for new, told in (
        ("short words", "15 characters"),
        ("passwordpassword", "easily guessed"),
        ("olena@porada.example", "easily guessed"),
        (f"{pages.ours.name} {pages.ours.name} ours 2026", "easily guessed"),
        (PRESENT, "present password"),
    ):
        status, text = change(client, new)
        assert (status, told in text) == (422, True), new
    assert change(client, "four other long words")[0] == 302
