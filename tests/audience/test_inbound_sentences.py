"""Sentences that people may write back, made by somebody who had not seen the code, are heard as meant."""

from __future__ import annotations

import csv
from collections import defaultdict
from pathlib import Path

import pytest

from campaigns.audience.keywords import meaning_of
from campaigns.core.languages import all_languages

FILE = Path(__file__).with_name("data") / "inbound_sentences.csv"
MEANINGS = ("stop", "hold", "start", "yes", "help", "info", "text")
FEWEST = 40


def read_sentences() -> dict[tuple[str, str], list[str]]:
    sentences = defaultdict(list)
    with FILE.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            sentences[row["language"], row["meaning"]].append(row["sentence"])
    return sentences


SENTENCES = read_sentences()


def test_every_language_has_sentences_of_every_kind() -> None:
    assert set(SENTENCES) == {(language, meaning) for language in all_languages() for meaning in MEANINGS}
    assert min(len(set(sentences)) for sentences in SENTENCES.values()) >= FEWEST


@pytest.mark.parametrize("meaning", MEANINGS)
@pytest.mark.parametrize("language", all_languages())
def test_sentences_are_heard_as_they_are_meant(language: str, meaning: str) -> None:
    heard = [(sentence, meaning_of(sentence, language) or "text") for sentence in SENTENCES[language, meaning]]
    assert [pair for pair in heard if pair[1] != meaning] == []


@pytest.mark.parametrize("meaning", [meaning for meaning in MEANINGS if meaning not in ("yes", "text")])
@pytest.mark.parametrize("language", all_languages())
def test_words_are_heard_from_everybody(language: str, meaning: str) -> None:
    heard = [(sentence, meaning_of(sentence)) for sentence in SENTENCES[language, meaning]]
    # TD, from a carrier's list, is heard from French speakers only.
    assert [pair for pair in heard if pair[1] != meaning and "td" not in pair[0].casefold()] == []


@pytest.mark.parametrize("spoken", all_languages())
def test_text_is_text_whoever_writes_it(spoken: str) -> None:
    texts = [text for (_, meaning), sentences in SENTENCES.items() if meaning == "text" for text in sentences]
    heard = [(text, meaning_of(text, spoken)) for text in texts]
    # What is a yes, and no more than that, depends on the language.
    assert [pair for pair in heard if pair[1] not in (None, "yes")] == []
