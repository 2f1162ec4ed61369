"""Whatever looks like a number, an address, an id or a name of staff is masked; what is needed stays."""

from __future__ import annotations

import pytest

from campaigns.inbox.handing_over.exporting.masking import MASK, Mask

MASKED = Mask(["Олена Коваль", "Ian Will", "أحمد الحسن", "Mary-Ann O'Neil", "Dr. Józef Łoś"], {"4821", "12"})


@pytest.mark.parametrize(
    "number",
    [
        "+380670000001",
        "+380 67 000 00 01",
        "0048 (22) 621-34-56",
        "٠٦٧٣٣٤٤٥٥٦",
        "۰۶۷ ۳۳۴ ۴۵۵۶",
        "०६७३३४४५५६",
        "０６７１２３４５",
        "፩፪፫፬፭፮፯",
        "①②③④⑤⑥",
        "1️⃣2️⃣3️⃣4️⃣5️⃣6️⃣",
        "0 6 7 . 1 2 - 3",
        "067\u200b123\u200b45",
        "067\u202a123\u202c45",
        "067–123–45–67",
        "067·123_45",
        "067\n123\n45",
        "12-34-56",
        "0  –  6  –  7  –  1  –  2  –  3",
        "067\u200b\u200b\u200b\u200b\u200b\u200b123",
        "FK123456",
        "SM3f2a99c0",
        "48213",
    ],
)
def test_number_is_masked_in_every_notation(number: str) -> None:
    assert MASKED(f"Call {number} tonight.") == f"Call {MASK} tonight."


@pytest.mark.parametrize(
    "address",
    [
        "t.me/ivanna",
        "https://example.org/a?b=c",
        "www.example.org",
        "@ivanna",
        "ivanna@example.org",
        "wa.me/48221",
        "#12",
        "№ 12",
        "viber://chat",
    ],
)
def test_address_or_numbered_thing_is_masked(address: str) -> None:
    assert MASKED(f"Write {address} now") == f"Write {MASK} now"


def test_ids_of_the_rows_are_masked_where_they_are_no_amounts() -> None:
    assert MASKED("Conversation 4821, for 12 people") == f"Conversation {MASK}, for 12 people"
    assert MASKED("Розмова ٤٨٢١") == f"Розмова {MASK}"


@pytest.mark.parametrize(
    ("said", "masked"),
    [
        ("Поговоріть з Оленою Коваль", "Поговоріть з ███ ███"),
        ("olena? ОЛЕНА!", "olena? ███!"),
        ("رقم لأحمد والحسن", "رقم ███ ███"),
        ("Will called. She will come.", "███ called. She will come."),
        ("O’Neil and Mary", "███ and ███"),
        ("Ask Ол\u200bена", "Ask ███"),
        ("Ask Jozef Los or Józefa", "Ask ███ ███ or ███"),
    ],
)
def test_names_of_staff_are_masked_in_their_cases(said: str, masked: str) -> None:
    assert MASKED(said) == masked


@pytest.mark.parametrize(
    "said",
    [
        "Two adults, 3 children of 4, 7 and 12 years; they come at 18:30.",
        "Жінка 34 років з дитиною, автобус 14, у 2026 році.",
        "امرأة مع طفل عمره ٧ سنوات",
        "ሴት ከልጅ ጋር",
        "A room for 3, by bus 14/15.\nThey speak Dari.",
    ],
)
def test_what_has_to_be_known_stays(said: str) -> None:
    assert MASKED(said) == said
