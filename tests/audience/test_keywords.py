"""Stop words are recognised in every language, however they are typed; sentences that mention them are not."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.audience.keywords import Meaning, meaning_of
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
    ],
)
def test_other_spellings_stop(text: str) -> None:
    assert meaning_of(text) is Meaning.STOP


@pytest.mark.parametrize("text", ["STOP please now", "стоп, дякую", "Stop!!"])
def test_first_of_three_words_stops(text: str) -> None:
    assert meaning_of(text) is Meaning.STOP


@pytest.mark.parametrize(
    "text", ["We have got to STOP this bill", "please stop", "Stop the man who took my papers", "", "…", "help"]
)
def test_sentence_is_no_opt_out(text: str) -> None:
    assert meaning_of(text) is None


@pytest.mark.parametrize("text", ["yes but where", "Так, я тут", "start the engine"])
def test_start_needs_the_whole_message(text: str) -> None:
    assert meaning_of(text) is None
