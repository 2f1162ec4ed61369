"""Languages with their days are written and read as one line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.core.errors import InputError
from campaigns.directory.opening_hours import WEEKDAYS
from campaigns.directory.spoken_languages import read_spoken, write_spoken


def test_days_belong_to_their_language() -> None:
    assert read_spoken("CS, en; ru Mon & Thu, mul") == (["cs", "en", "ru", "mul"], {"ru": ["mon", "thu"]})
    assert write_spoken(["ru", "cs"], {"ru": ["thu", "mon"]}) == "cs, ru Mon & Thu"
    assert read_spoken("") == ([], {})


@pytest.mark.parametrize("text", ["Ukrainian", "ru Someday", "ru (assumed)", "u"])
def test_what_is_no_language_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="is no language with its days"):
        read_spoken(text)


days = st.lists(st.sampled_from(WEEKDAYS), unique=True, min_size=1).map(
    lambda some: sorted(some, key=WEEKDAYS.index)
)


@given(st.dictionaries(st.sampled_from(["uk", "ru", "gag", "fa-af", "mul"]), st.none() | days))
def test_written_languages_read_the_same(spoken: dict[str, list[str] | None]) -> None:
    of_days = {code: named for code, named in spoken.items() if named}
    languages, found = read_spoken(write_spoken(list(spoken), of_days))
    assert (sorted(languages), found) == (sorted(spoken), of_days)
