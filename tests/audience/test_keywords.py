"""Stop words are recognised in every language, however they are typed; sentences that mention them are not."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.audience.keywords import AFFIRMATIVES, Meaning, meaning_of
from campaigns.core.languages import all_languages

STOP_WORDS = [word for language in all_languages().values() for word in language.stop_words]
START_WORDS = [word for language in all_languages().values() for word in language.start_words]


@pytest.mark.parametrize("word", STOP_WORDS)
def test_every_listed_word_stops(word: str) -> None:
    assert meaning_of(word) is Meaning.STOP


@pytest.mark.parametrize("word", START_WORDS)
def test_every_listed_word_starts(word: str) -> None:
    assert meaning_of(word) is Meaning.START


@given(
    word=st.sampled_from(STOP_WORDS),
    before=st.text(alphabet=" \n\t.!*\u200f«\"'", max_size=4),
    after=st.text(alphabet=" \n.!?…🙏\u200e»", max_size=4),
    form=st.sampled_from(["NFC", "NFD", "NFKC"]),
    case=st.sampled_from([str.upper, str.lower, str.title, str.swapcase]),
)
def test_case_and_punctuation_do_not_matter(word: str, before: str, after: str, form: str, case: object) -> None:
    assert callable(case)
    assert meaning_of(before + unicodedata.normalize(form, case(word)) + after) is Meaning.STOP


@pytest.mark.parametrize(
    "text",
    [
        "CТОП",
        "SТOP",
        "Ѕtop",
        "ODHLÁSIT",
        "odhlasit",
        "Arrêt",
        "ايقاف",
        "إِيقاف",
        "إيقـــاف",
        "قِف",
        "ኣቁም",
        "ＳＴＯＰ",
        "S T O P",
        "s.t.o.p.",
        "OPT-OUT",
        "opt out",
        "ST0P",
        "SТΟΡ",
        "STOП",
        "CТОP",
        "wypısz",
        "توقّف",
        "توقـف",
        "لغو‌",
        "አቍም",
        "𝐒𝐓𝐎𝐏",
    ],
)
def test_other_spellings_stop(text: str) -> None:
    assert meaning_of(text) is Meaning.STOP


@pytest.mark.parametrize("text", ["STOP please now", "стоп, дякую", "Stop!!", "START STOP", "Start, no, stop"])
def test_first_of_three_words_stops(text: str) -> None:
    assert meaning_of(text) is Meaning.STOP


@pytest.mark.parametrize(
    "text", ["We have got to STOP this bill", "please stop", "Stop the man who took my papers", "", "…", "help"]
)
def test_sentence_is_no_opt_out(text: str) -> None:
    assert meaning_of(text) is None


@pytest.mark.parametrize("text", ["START please", "СТАРТ, будь ласка", "join us again"])
def test_first_of_three_words_starts(text: str) -> None:
    assert meaning_of(text) is Meaning.START


@pytest.mark.parametrize(
    "text",
    ["yes but where", "Так, я тут", "A, no", "da, hier", "start the engine of it", "start" + "?" * 3 + " a b c"],
)
def test_doubtful_yes_does_not_start(text: str) -> None:
    assert meaning_of(text) is None


def test_affirmatives_are_words_of_the_table() -> None:
    assert set(AFFIRMATIVES) <= set(START_WORDS)


@given(
    word=st.sampled_from(STOP_WORDS),
    others=st.lists(st.sampled_from(["the", "мене", "بعد", "men"]), min_size=3, max_size=9),
    at=st.integers(0, 9),
)
def test_longer_sentence_only_mentions_the_word(word: str, others: list[str], at: int) -> None:
    assert meaning_of(" ".join([*others[:at], word, *others[at:]])) is None


@given(st.text(max_size=200))
def test_any_text_has_an_answer(text: str) -> None:
    assert meaning_of(text) in (None, Meaning.STOP, Meaning.START)
