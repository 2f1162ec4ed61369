"""Every row of the lists is heard however it is typed, and what nobody can read is never last."""

from __future__ import annotations

import time
import unicodedata

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from campaigns.audience.joining.ways_to_join import beside_code
from campaigns.audience.keywords import meaning_of
from campaigns.audience.phrases.phrase_table import load_rows
from campaigns.core.folding import words_of
from campaigns.inbox.complaints.passing_complaints import GIVEN_BACK
from campaigns.inbox.conversations.labels import TOPICS
from campaigns.inbox.conversations.waiting_again import NOT_ARRIVED
from campaigns.inbox.given.dead_numbers import NUMBER_DIED
from campaigns.inbox.handing_over.deciding import CAME_BACK, NOT_TAKEN, RECEIVER_GONE
from campaigns.inbox.models import LONGEST_TEXT, ReplyKind
from campaigns.inbox.urgency.judging import Judged, judge
from campaigns.inbox.urgency.latin_letters import consonants_of, sounds_of
from campaigns.inbox.urgency.levels import Urgency
from campaigns.inbox.urgency.nearby import WITHIN, slots_of
from campaigns.inbox.urgency.word_lists import HEADINGS, load_lists
from campaigns.inbox.urgency.wordless import Sign

ROWS = [row for row in load_rows() if row["meaning"] in HEADINGS]
PHRASES = [row for row in ROWS if row["form"] != "nearby"]
NEARBY = [row for row in ROWS if row["form"] == "nearby"]
#: Words of no list.
OTHERS = st.lists(st.sampled_from(["zebra", "жирафа", "زرافة", "ቀጭኔ"]), max_size=5)


def judged(text: str) -> Judged:
    return judge(text, ReplyKind.TEXT)


def headings(text: str) -> set[str]:
    return set(judged(text).tags)


@given(
    row=st.sampled_from(PHRASES),
    before=OTHERS,
    after=OTHERS,
    is_decomposed=st.booleans(),
    case=st.sampled_from([str.upper, str.lower, str.title, str.swapcase]),
    sign=st.sampled_from(["", "!!!", "\u200f", "\u0301", " 🙏", "…"]),
)
def test_every_phrase_is_heard_anywhere(
    row: dict[str, str], before: list[str], after: list[str], is_decomposed: bool, case: object, sign: str
) -> None:
    assert callable(case)
    typed = " ".join(
        [*before, unicodedata.normalize("NFD" if is_decomposed else "NFC", case(row["phrase"])) + sign, *after]
    )
    assert row["meaning"] in headings(typed)


@given(
    lines=st.lists(st.one_of(st.text(max_size=20), st.sampled_from(["HELP", "стоп", "🙏", "…", ""])), max_size=4),
    kind=st.sampled_from(ReplyKind),
)
def test_nothing_that_can_be_typed_is_too_much(lines: list[str], kind: ReplyKind) -> None:
    """A message that cannot be judged is answered by nobody."""
    assert judge("\n".join(lines), kind).urgency in Urgency


@pytest.mark.parametrize("sign", ["🙏", "...", "❤️", "-"])
def test_language_of_a_call_is_heard_beside_a_line_without_words(sign: str) -> None:
    told = judge(f"{sign}\nдопоможіть\n{sign}", ReplyKind.HELP)
    assert "uk" in (told.language, told.supposed)


@pytest.mark.parametrize("text", ["S.O.S.", "s o s", "Please, S-O-S!", "С.О.С", "r a p e"])
def test_call_that_is_spaced_out_is_heard(text: str) -> None:
    assert judged(text).urgency is Urgency.DANGER


@pytest.mark.parametrize("text", ["I a m", "a b c", "и с к", "w z o"])
def test_single_letters_are_no_call(text: str) -> None:
    assert judged(text).urgency is Urgency.QUESTION


@given(row=st.sampled_from(NEARBY), data=st.data())
def test_words_near_each_other_are_heard_in_any_order(row: dict[str, str], data: st.DataObject) -> None:
    chosen = [data.draw(st.sampled_from(slot)) for slot in slots_of(row["phrase"])]
    assume(len(set(chosen)) == len(chosen))
    words = data.draw(st.permutations([word.strip("*") for word in chosen]))
    between = "zebra " if 2 * len(words) <= WITHIN and data.draw(st.booleans()) else ""
    assert row["meaning"] in headings(f" {between}".join(words))


def test_words_far_from_each_other_are_not_heard() -> None:
    assert "urgent_trapped" not in headings("мій паспорт " + "жирафа " * 7 + "забрали")
    assert "urgent_trapped" in headings("мій паспорт " + "жирафа " * 5 + "забрали")


def test_only_headings_that_order_have_words_near_each_other() -> None:
    assert {row["meaning"] for row in load_rows() if row["form"] == "nearby"} <= set(HEADINGS)
    assert [row["phrase"] for row in NEARBY if not all(all(slot) for slot in slots_of(row["phrase"]))] == []


@pytest.mark.parametrize("age", [8, 9, 12, 15, 17])
@pytest.mark.parametrize(
    "said",
    ["I am {}", "мені {} років", "mam {} lat", "j'ai {} ans", "je mi {}", "{} éves vagyok", "عمري {}", "ዕድሜዬ {}"],
)
def test_age_of_a_child_is_heard(said: str, age: int) -> None:
    assert "urgent_child" in headings(said.format(age))
    assert "urgent_child" in headings(said.format(str(age).translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩"))))


@pytest.mark.parametrize("age", [7, 18, 20, 116])
def test_other_numbers_are_no_age_of_a_child(age: int) -> None:
    assert "urgent_child" not in headings(f"мені {age} років")


@pytest.mark.parametrize(
    "text",
    [
        *(
            "pomogite menya zaperli",
            "Pomohite, menja zaperli",
            "dopomozhit, mene trymayut",
            "vin zabrav mij pasport",
        ),
        *("on zabral moy pasport", "sa3duni ana ma7bousa", "mitarsam"),
    ],
)
def test_latin_letters_are_heard(text: str) -> None:
    assert judged(text).urgency is Urgency.DANGER


@pytest.mark.parametrize(
    ("cyrillic", "latin"), [("щоб", "shchob"), ("їхати", "yikhaty"), ("Юля", "Yulja"), ("жити", "zhyty")]
)
def test_sounds_are_one(cyrillic: str, latin: str) -> None:
    assert [sounds_of(word) for word in words_of(cyrillic)] == [sounds_of(word) for word in words_of(latin)]


@pytest.mark.parametrize(
    ("written", "latin"), [("محبوسة", "ma7bousa"), ("ساعدوني", "sa3douni"), ("እርዱኝ", "erdugn")]
)
def test_consonants_are_one(written: str, latin: str) -> None:
    assert [consonants_of(word) for word in words_of(written)] == [consonants_of(word) for word in words_of(latin)]


@pytest.mark.parametrize(
    ("text", "sign"),
    [
        *(
            (text, Sign.NO_WORDS)
            for text in ("", "  \n", "https://maps.app.goo.gl/x1", "https://maps.google.com/?q=1,2")
        ),
        *((text, Sign.UNLISTED_LANGUAGE) for text in ("আমাদের সাহায্য করুন", "दरवाज़ा बंद", "我們需要", "დაგვეხმარეთ")),
        ("Merhaba, nerede uyuyabiliriz, iki çocuğum var", Sign.UNLISTED_LANGUAGE),
        *((text, Sign.MACHINE) for text in ("https://example.com/offer", "lorem " * 20)),
    ],
)
def test_what_no_list_reads_has_a_reason(text: str, sign: Sign) -> None:
    found = judged(text)
    assert set(found.tags) == {str(sign)}
    assert found.language is None
    assert found.urgency is (Urgency.MACHINE if sign is Sign.MACHINE else Urgency.DAY)


def test_bare_call_for_help_is_one_level_up() -> None:
    found = judge("help", ReplyKind.HELP)
    assert found.urgency is Urgency.DAY
    assert set(found.tags) == {str(Sign.ASKS_FOR_HELP)}


def test_sign_of_distress_is_danger() -> None:
    assert judged("🆘").urgency is Urgency.DANGER
    assert judged("👍").urgency is Urgency.QUESTION


def test_danger_is_never_a_machine() -> None:
    assert judged("поліція " * 40).urgency is Urgency.DANGER


def test_every_reason_has_its_words() -> None:
    came_back = {CAME_BACK, NOT_TAKEN, RECEIVER_GONE, GIVEN_BACK, NUMBER_DIED, NOT_ARRIVED}
    assert set(TOPICS) == {*HEADINGS, *Sign, *came_back}


@given(st.text(max_size=300))
def test_any_text_has_a_level(text: str) -> None:
    assert judged(text).urgency in Urgency


@given(st.text(max_size=60))
def test_form_of_text_does_not_matter(text: str) -> None:
    assert judged(unicodedata.normalize("NFD", text)) == judged(unicodedata.normalize("NFC", text))


@pytest.mark.parametrize(
    "piece",
    [
        *(
            "e" + "\u0301" * 10_000,
            "\0",
            "\u202e",
            "\ufdfa",
            "a",
            "لا",
            "15 ",
            "не пускають, забрав паспорт ",
            "لا يخلونا ",
        ),
        *(
            "ፓስፖርቴን ወስዶ ",
            "ne puskaye pasport zabrav ",
            "wamenyanganya simu ",
            "he took my passport and won't let me ",
        ),
    ],
)
def test_long_message_takes_no_time(piece: str) -> None:
    load_lists()
    text = (piece * (10_000_000 // len(piece)))[:10_000_000]
    assert len(text) > 100 * LONGEST_TEXT
    # The quickest of three: a machine that does much else beside makes one of them slow, and not all.
    took = list[float]()
    for _ in range(3):
        began = time.process_time()
        judged(text)
        took.append(time.process_time() - began)
    assert min(took) < 0.2


@pytest.mark.parametrize(
    "text",
    [
        *("www.a" * 800 + " q", "http://x" * 500 + " x", "www. " * 800 + "é"),
        *("x\n" + "_" * 1300 + " " * 1300 + "_" * 1300 + " é", "x\n" + "-" * 4000 + " é"),
        *("a" + "㌖" * 4000 + "a", "a" + "é" * 50_000 + "a", "w\n" * 2048),
    ],
)
def test_no_message_keeps_a_process_busy(text: str) -> None:
    """A pattern that tries every way to part a text would go on for ever: one message would silence all others."""
    load_lists()
    began = time.process_time()
    meaning_of(text)
    judged(text)
    beside_code(text)
    assert time.process_time() - began < 1
