"""A stop as a whole line stops, what may be one waits for a member, a yes is a yes, and the rest is text."""

from __future__ import annotations

import csv
import re
import time
import unicodedata
from collections.abc import Callable
from importlib.resources import files
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.audience.joining.ways_to_join import _AROUND
from campaigns.audience.keywords import Meaning, language_of, meaning_of
from campaigns.audience.phrases.phrase_table import load_phrases
from campaigns.core.languages import all_languages

TABLE = files("campaigns.audience") / "data" / "inbound_words.csv"
ROWS = list(csv.DictReader(TABLE.read_text(encoding="utf-8").splitlines()))
#: What a phrase asks for as the whole line, by its heading.
WHOLE = {
    "stop": Meaning.STOP,
    "stop_phrase": Meaning.STOP,
    "wrong_person": Meaning.HOLD,
    "start": Meaning.START,
    "help": Meaning.HELP,
    "info": Meaning.INFO,
    "yes": Meaning.YES,
}
Form = Literal["NFC", "NFD", "NFKC"]
STOPS = [row for row in ROWS if row["meaning"] in ("stop", "stop_phrase") and "[hold]" not in row["note"]]
BEGINNINGS = [row for row in STOPS if row["meaning"] == "stop" and "[alone]" not in row["note"]]
PHRASES = [
    row for row in ROWS if row["meaning"] in ("stop_phrase", "wrong_person") and "[alone]" not in row["note"]
]
#: Words of no phrase.
OTHERS = st.lists(st.sampled_from(["zebra", "поїзд", "قطار", "ባቡር"]), min_size=1, max_size=6)


def expected_of(row: dict[str, str]) -> Meaning | None:
    return Meaning.HOLD if "[hold]" in row["note"] else WHOLE.get(row["meaning"])


@pytest.mark.parametrize("heading", WHOLE)
def test_every_row_is_heard_as_the_table_says(heading: str) -> None:
    wrong = [
        (row["language"], row["phrase"], heard)
        for row in ROWS
        if row["meaning"] == heading
        and (heard := meaning_of(row["phrase"], row["language"])) is not expected_of(row)
    ]
    assert wrong == []


def test_headings_that_sort_the_inbox_ask_for_nothing() -> None:
    asked = {row["phrase"]: meaning_of(row["phrase"], row["language"]) for row in ROWS if sorts_only(row)}
    assert set(asked.values()) == {None}


def sorts_only(row: dict[str, str]) -> bool:
    return row["meaning"] not in {*WHOLE, "moved"}


@pytest.mark.parametrize("language", all_languages())
def test_printed_words_are_heard(language: str) -> None:
    printed = all_languages()[language]
    stops = {word: meaning_of(word) for word in printed.stop_words}
    assert stops == {word: Meaning.HOLD if word == "بند" else Meaning.STOP for word in printed.stop_words}
    assert {meaning_of(word, language) for word in printed.start_words} <= {Meaning.START, Meaning.YES}
    assert Meaning.START in {meaning_of(word) for word in printed.start_words}


@given(
    row=st.sampled_from(STOPS),
    before=st.text(alphabet=" \n\t.!*\u200f«\"'", max_size=4),
    after=st.text(alphabet=" \n.!?…🙏\u200e»", max_size=4),
    form=st.sampled_from(["NFC", "NFD", "NFKC"]),
    case=st.sampled_from([str.upper, str.lower, str.title, str.swapcase]),
    below=st.sampled_from(
        ["", "\nSent from my iPhone", "\n--\nJoin us", "\nOlena", "\n\n> Hotline 1. Stop: STOP"]
    ),
)
def test_form_and_what_stands_around_do_not_matter(
    row: dict[str, str], before: str, after: str, form: Form, case: Callable[[str], str], below: str
) -> None:
    typed = before + unicodedata.normalize(form, case(row["phrase"])) + after + below
    assert meaning_of(typed, row["language"]) is Meaning.STOP


@given(
    row=st.sampled_from(STOPS), times=st.integers(2, 60), between=st.sampled_from([" ", ". ", "\n", " 🛑 ", ", "])
)
def test_repeated_stop_is_one(row: dict[str, str], times: int, between: str) -> None:
    assert meaning_of(between.join([row["phrase"]] * times), row["language"]) is Meaning.STOP


@given(row=st.sampled_from(BEGINNINGS), others=OTHERS)
def test_line_that_begins_with_a_stop_waits(row: dict[str, str], others: list[str]) -> None:
    assert meaning_of(" ".join([row["phrase"], *others]), row["language"]) is Meaning.HOLD


@given(row=st.sampled_from(PHRASES), before=OTHERS, after=OTHERS)
def test_line_that_holds_a_phrase_waits(row: dict[str, str], before: list[str], after: list[str]) -> None:
    assert meaning_of(" ".join([*before, row["phrase"], *after])) is Meaning.HOLD


@given(row=st.sampled_from([row for row in STOPS if "[alone]" in row["note"]]), others=OTHERS)
def test_word_that_counts_alone_says_nothing_with_others(row: dict[str, str], others: list[str]) -> None:
    assert meaning_of(" ".join([row["phrase"], *others]), row["language"]) in (None, Meaning.HOLD)
    assert meaning_of(" ".join([*others, row["phrase"]]), row["language"]) is not Meaning.STOP


@pytest.mark.parametrize(
    "text",
    [
        *("CТОП", "SТOP", "Ѕtop", "STOП", "CТОP", "SТΟΡ", "СТОР", "вiдписатися"),
        *("ODHLÁSIT", "odhlasit", "Arrêt", "wypısz", "ABMELDEN", "DÉSINSCRIRE", "SITISHA"),
        *("ايقاف", "إِيقاف", "إيقـــاف", "قِف", "توقّف", "لغو‌", "وإلغاء", "ኣቁም", "አቍም", "አትፃፍልኝ"),
        *(
            "ＳＴＯＰ",
            "𝐒𝐓𝐎𝐏",
            "S T O P",
            "s.t.o.p.",
            "OPT-OUT",
            "opt out",
            "ST0P",
            "STOOOOP",
            "JOOOOJI",
            "STOPSTOPSTOP",
        ),
        *("STOP STOP STOP STOP", "STOP.STOP.STOP.STOP", "стоп стоп stop", "“STOP”", "--- STOP ---", "Stop!!"),
        *("STOP\nSent from my iPhone", "STOP\n--\nGet Outlook for Android", "Thank you\nstop\nOlena", "> STOP"),
        *("🛑", "🛑🛑🛑", "🛑 stop", "🚫🛑", "🛑🆘"),
        *(
            "please stop",
            "don’t text me",
            "dont text me",
            "Не пишіть мені",
            "не пишіть мені!!!",
            "Stop sending me messages",
        ),
        *("Відписатись", "Відписка", "ОТПИСКА", "отпишите меня", "arrêter", "zrušit"),
        *("START STOP", "help\nSTOP", "leave me alone\nSTOP"),
    ],
)
def test_stop_in_other_shapes(text: str) -> None:
    assert meaning_of(text) is Meaning.STOP


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        *((each, Meaning.STOP) for each in ("pls stop", "OK, STOP", "Thank you. Stop.", "please, please STOOOP")),
        *(
            (each, Meaning.STOP)
            for each in ("пожалуйста, стоп", "Будь ласка, СТОП!", "bitte stop", "proszę STOP, dziękuję")
        ),
        *(
            (each, Meaning.STOP)
            for each in ("من فضلك توقف", "شكرا توقف", "tafadhali acha", "svp arrêter", "OK STOP merci")
        ),
        *((each, Meaning.HELP) for each in ("help please", "Please, help me! Please!", "допоможіть, будь ласка")),
        *((each, Meaning.HOLD) for each in ("leave me alone, please", "спасибо, хватит", "STOP plz")),
        *((each, Meaning.STOP) for each in ("Добрий день, стоп", "hello STOP", "السلام عليكم STOP")),
    ],
)
def test_courtesies_around_it_hide_no_stop_and_no_call_for_help(text: str, meaning: Meaning) -> None:
    assert meaning_of(text) is meaning


@pytest.mark.parametrize(
    "text",
    [
        *("please", "thank you", "ok", "START please", "yes please", "thanks, join", "please don't stop"),
        *("hello", "добрий день", "سلام", "Hello START", "hi, yes"),
    ],
)
def test_courtesy_makes_nothing_else_of_a_message(text: str) -> None:
    assert meaning_of(text) is None


@pytest.mark.parametrize(
    "text",
    [
        *("стоп поїзд", "STOP please now", "Stop the man who took my papers", "stop human trafficking"),
        *(
            "cancel my appointment",
            "unsubscribe me please now",
            "stop!!! who are you people",
            "إلغاء الاشتراك من الرسائل",
        ),
        *(
            "Please do not write to me at night",
            "leave me alone",
            "Locked in.\nDo not write to me by day, he reads it",
        ),
        *("wrong number", "you have the wrong number, my friend", "بند", "⛔", "🚫🚫", "🔕", "⛔️"),
        *("S.T.O.P. writing me", "s t o p contacting my wife", "START ❌", "👎 start", "START ✋🏽"),
        *("INFO 🛑", "YES ⛔", "moved to Lviv 🛑"),
        *("دیگر به من پیام ندهید لطفا", "دیگر به من پیامندهید لطفا", "لاتراسلوني بعد الآن"),
    ],
)
def test_what_may_be_a_stop_waits(text: str) -> None:
    assert meaning_of(text) is Meaning.HOLD


@pytest.mark.parametrize(
    "text",
    [
        *("We have got to STOP this bill", "please don't stop", "I can't stop thinking", "where is the bus stop"),
        *("не стоп", "stopover in Warsaw", "Acha nikupigie simu", "قف هنا", "بند یم", "стор 5", "Ende gut"),
        *("", "…", "👍", "ok", "no", "ні", "не", "> Stop: STOP\n> Hotline 1", "Where can I sleep?\n> STOP"),
        *("Liked “Hotline 1\nStop: STOP”", "Liked “Stop: STOP”", "Emphasized «Hotline 1\nSTOP»"),
        *("Hello\n----- Original message -----\nSTOP", "START please", "join us again", "yes please"),
        *("yes but where", "Так, я тут", "A, no", "da, hier", "Yes\nwhere?"),
    ],
)
def test_sentence_is_text(text: str) -> None:
    assert meaning_of(text) is None


@pytest.mark.parametrize("text", ["START", "join", "Старт!", "Hello\nSTART", "S T A R T", "JOIN JOIN", "ابدأ"])
def test_word_for_joining_starts(text: str) -> None:
    assert meaning_of(text) is Meaning.START


@pytest.mark.parametrize("row", [row for row in ROWS if row["meaning"] == "yes"], ids=lambda row: row["phrase"])
def test_yes_never_starts(row: dict[str, str]) -> None:
    assert meaning_of(row["phrase"], row["language"]) is Meaning.YES
    others = {meaning_of(row["phrase"], language) for language in (None, *all_languages())}
    assert others <= {None, Meaning.YES}


def test_yes_is_heard_in_the_language_of_the_contact_and_english() -> None:
    assert meaning_of("tak", "pl") is Meaning.YES
    assert meaning_of("yes", "pl") is Meaning.YES
    assert meaning_of("ndiyo", "pl") is None
    assert meaning_of("t a k", "pl") is Meaning.YES
    assert meaning_of("ta k", "pl") is None
    # Words that mean something else in another language.
    assert meaning_of("ha", "so") is Meaning.YES
    assert meaning_of("ha") is None
    assert meaning_of("ha", "hu") is None


@pytest.mark.parametrize(
    ("text", "language", "sure"),
    [
        *(
            ("HELP", "en", None),
            ("help, будь ласка", "en", None),
            ("moved Kraków", "en", None),
            ("help me", "en", "en"),
        ),
        *(("HELP\nдопоможіть", None, "uk"), ("допомога", "uk", "uk"), ("pomoc", None, None), ("info", None, None)),
    ],
)
def test_english_keyword_is_of_no_language(text: str, language: str | None, sure: str | None) -> None:
    assert (language_of(text), language_of(text, with_keywords=False)) == (language, sure)


def test_no_is_not_folded_into_a_yes() -> None:
    assert meaning_of("he", "rom") is Meaning.YES
    assert meaning_of("не", "rom") is None
    assert meaning_of("ні", "rom") is None


def test_language_may_name_a_country() -> None:
    assert meaning_of("بله", "fa-AF") is Meaning.YES


@pytest.mark.parametrize("text", ["HELP", "Допомога!", "help help", "help me", "h e l p", "Yes\nhelp"])
def test_help_is_heard(text: str) -> None:
    assert meaning_of(text) is Meaning.HELP


@pytest.mark.parametrize("text", ["INFO", "more info?", "інформація"])
def test_info_is_heard(text: str) -> None:
    assert meaning_of(text) is Meaning.INFO


@pytest.mark.parametrize(
    "text", ["moved to Lviv", "Переїхала до Варшави", "I'm now in New York City", "Hello\nmoved Lviv"]
)
def test_move_is_heard(text: str) -> None:
    assert meaning_of(text) is Meaning.MOVED


@pytest.mark.parametrize("text", ["moved", "we moved to Lviv", "moved to a house that has no heating"])
def test_move_needs_what_may_be_a_place(text: str) -> None:
    assert meaning_of(text) is None


@given(st.text(max_size=200))
def test_any_text_has_an_answer(text: str) -> None:
    assert meaning_of(text) in (None, *Meaning)


@given(st.text(alphabet="“”«»„\n>|-— 🛑\u200dстопstop", max_size=60))
def test_punctuation_breaks_nothing(text: str) -> None:
    assert meaning_of(text) in (None, *Meaning)


@pytest.mark.parametrize(
    "text", ["“" * 16_000, "“" + "a\n" * 8_000, "stop " * 3_000, "please " * 2_000, "لا تت " * 3_000, "-" * 16_000]
)
def test_long_message_takes_no_time(text: str) -> None:
    load_phrases()
    began = time.process_time()
    meaning_of(text)
    assert time.process_time() - began < 2


def test_ordinary_message_takes_less_than_a_millisecond() -> None:
    texts = ["STOP", "Мене тримають у квартирі, паспорт забрали. Що мені робити?", "من می‌خواهم به خانه بروم"]
    load_phrases()
    began = time.process_time()
    for text in texts * 100:
        meaning_of(text)
    assert (time.process_time() - began) / 300 < 0.001


@pytest.mark.parametrize(("word", "meaning"), [("STOP", Meaning.STOP), ("HELP", Meaning.HELP)])
def test_word_between_rules_is_no_heading_of_another_message(word: str, meaning: Meaning) -> None:
    assert meaning_of(f"hello\n____ {word} ____") is meaning
    assert meaning_of(f"hello\n----- Original message -----\n{word}") is None


@given(text=st.text(alphabet="aB1-_ .é㌖\n", max_size=12))
def test_code_is_parted_from_what_stands_around_it(text: str) -> None:
    inner = re.search(r"[A-Za-z0-9_-](?:.*[A-Za-z0-9_-])?", text, re.DOTALL)
    assert _AROUND.sub("", text) == (inner[0] if inner else "")
