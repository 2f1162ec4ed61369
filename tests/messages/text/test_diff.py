"""What is shown as kept and removed is the older text, what is kept and added the newer one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from campaigns.messages.text.diff import Change, compare_texts, compare_versions

TEXTS = st.text(alphabet="ab c\n.((hotline))", max_size=60)


def joined(before: str, after: str, *changes: Change) -> str:
    return "".join(each.text for each in compare_texts(before, after) if each.change in changes)


@given(TEXTS, TEXTS)
def test_both_texts_can_be_read_off(before: str, after: str) -> None:
    assert joined(before, after, Change.KEPT, Change.REMOVED) == before
    assert joined(before, after, Change.KEPT, Change.ADDED) == after


def test_words_are_compared_whole() -> None:
    found = [(each.change, each.text) for each in compare_texts("Keep your passport.", "Keep your papers.")]
    assert found == [
        (Change.KEPT, "Keep your "),
        (Change.REMOVED, "passport"),
        (Change.ADDED, "papers"),
        (Change.KEPT, "."),
    ]


def test_placeholder_is_one_word() -> None:
    changes = compare_texts("Call ((hotline))", "Call ((hotline??us))")
    assert [each.text for each in changes] == ["Call ", "((hotline))", "((hotline??us))"]


def test_only_changed_languages_are_told() -> None:
    before, after = {"en": "a", "uk": "б", "ro": "c"}, {"en": "a", "uk": "в", "ar": "d"}
    words = {"en": {"sms": "s"}}
    changes = compare_versions(before, after, wordings_after=words)
    assert [(each.language, each.channel) for each in changes] == [
        ("uk", ""),
        ("ar", ""),
        ("en", "sms"),
        ("ro", ""),
    ]
