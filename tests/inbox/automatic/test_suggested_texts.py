"""Texts to begin with: in every language of messages, short, and with the fields they may have."""

from __future__ import annotations

import pytest

from campaigns.directory.signposting.choice import Need
from campaigns.inbox.automatic.chosen_texts import PLACE, fields_of
from campaigns.inbox.automatic.suggested_texts import TITLES, suggested_texts
from campaigns.inbox.conversations.models import Occasion
from campaigns.messages.filled_text import fill_text
from campaigns.messages.help_numbers import KnownHelp
from campaigns.messages.text.how_to_stop import StopWay, find_typed_stop
from campaigns.messages.text.placeholders import AGAIN, EMERGENCY, names_in
from campaigns.messages.text.sms_parts import count_parts
from tests.factories import NOON

#: Languages in which messages are written, as the field has them.
LANGUAGES = {"en", "uk", "ru", "pl", "ro", "hu", "sk", "ar", "fa", "ps", "fr", "sw", "lg", "am", "ti", "om", "so"}


#: What stands for the fields that an occasion alone fills in.
GIVEN = {PLACE: "Przemyśl, Polska", EMERGENCY: "112", AGAIN: "05.03. 08:00"}


@pytest.mark.parametrize("occasion", Occasion)
def test_every_language_says_the_same(occasion: Occasion) -> None:
    texts = suggested_texts()[occasion]
    assert set(texts) == LANGUAGES
    assert occasion in TITLES
    for language, text in texts.items():
        assert names_in(text) == names_in(texts["en"]) <= set(fields_of(occasion)), language
        assert find_typed_stop(text, language) is None


@pytest.mark.parametrize("occasion", Occasion)
def test_text_is_two_parts_of_an_sms_at_most(occasion: Occasion) -> None:
    known = KnownHelp([], {"PL": "+48 22 628 01 20"}, 180)
    for language, text in suggested_texts()[occasion].items():
        need = Need(region_code=None, country="PL", language=language, at=NOON, roaming=False)
        filled = fill_text(text, need, known, stop=StopWay.WORD, given=GIVEN)
        assert filled.body is not None
        assert count_parts(filled.body).parts <= 2, (language, filled.body)


def test_text_is_sent_where_no_number_is_known() -> None:
    need = Need(region_code=None, country=None, language="uk", at=NOON, roaming=False)
    text = suggested_texts()[Occasion.HELP]["uk"]
    filled = fill_text(text, need, KnownHelp([], {}, 180), stop=StopWay.WORD, given={})
    assert filled.body is not None
    assert "екстрена служба" in filled.body
