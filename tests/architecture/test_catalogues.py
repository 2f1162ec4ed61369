"""The catalogues hold every text of the interface, translated, and say that a native reader must review them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from gettext import c2py
from itertools import pairwise
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.frontend import parse_keywords, parse_mapping_cfg
from babel.messages.plurals import get_plural
from babel.messages.pofile import read_po

from campaigns.core.languages import INTERFACE_LANGUAGES
from campaigns.core.settings import PROJECT_ROOT

#: English is the source and has no catalogue.
TRANSLATED = INTERFACE_LANGUAGES[1:]
#: What a text is looked up by: its context, and its singular (with its plural, where it has one).
Key = tuple[str | None, str | tuple[str, ...]]
#: Numbers enough to see every plural form of every language at least twice, if it stands for more than one number.
NUMBERS = range(1_000)
#: A text without an end that a value follows, in an element of its own or not.
GLUED = re.compile(r"\{\{-? _\('[^']*[^'.!?…:]'(?:, [^}]*)?\) -?\}\} (?:<(?!span)[^>]*>)*\{\{[^}]*\}\}")
#: The ending of an Arabic noun in the accusative, which numbers from 11 to 99 ask for.
TANWIN = "\N{ARABIC FATHATAN}"


@pytest.fixture(scope="module")
def texts() -> set[Key]:
    """Extract every text of code and templates, as `make messages` does."""
    words = (PROJECT_ROOT / "Makefile").read_text(encoding="utf-8").split()
    keywords = [after for before, after in pairwise(words) if before == "--keywords"]
    with (PROJECT_ROOT / "config" / "babel.cfg").open(encoding="utf-8") as lines:
        methods, options = parse_mapping_cfg(lines)  # type: ignore[no-untyped-call] # Babel gives it no types
    found = extract_from_dir(
        PROJECT_ROOT,
        methods,
        options,
        DEFAULT_KEYWORDS | parse_keywords(keywords),
        directory_filter=lambda path: Path(path).name not in {"node_modules", "var"} and "/." not in path,
    )
    return {(context, text) for _file, _line, text, _comments, context in found}


@pytest.fixture(scope="module", params=TRANSLATED)
def catalogue(request: pytest.FixtureRequest) -> Catalog:
    path = PROJECT_ROOT / "translations" / request.param / "LC_MESSAGES" / "messages.po"
    with path.open("rb") as lines:
        return read_po(lines, locale=request.param)


def messages(catalogue: Catalog) -> Iterator[tuple[Message, list[str], list[str]]]:
    """Yield each message with its texts in English and in the language of the catalogue."""
    for message in catalogue:
        if message.id:
            yield message, forms_of(message.id), forms_of(message.string or "")


def forms_of(text: str | tuple[str, ...] | list[str]) -> list[str]:
    return [text] if isinstance(text, str) else list(text)


def placeholders(text: str) -> set[str]:
    return set(re.findall(r"%\((\w+)\)s", text))


def only_number(catalogue: Catalog, form: int) -> bool:
    """Say whether a plural form stands for a single number, as the Arabic dual does, and so need not repeat it."""
    form_of = c2py(catalogue.plural_expr)
    return sum(form_of(number) == form for number in NUMBERS) == 1


def test_catalogues_hold_exactly_the_texts(catalogue: Catalog, texts: set[Key]) -> None:
    held = {(message.context, message.id) for message, _english, _forms in messages(catalogue)}
    assert held == texts, "`make messages` brings the catalogues up to date; then translate what is new"
    assert not catalogue.obsolete


def test_every_text_is_translated(catalogue: Catalog) -> None:
    for message, _english, forms in messages(catalogue):
        assert all(form.strip() for form in forms), message.id
        assert not message.fuzzy, message.id


def test_plural_forms_are_those_of_cldr(catalogue: Catalog) -> None:
    assert (catalogue.num_plurals, catalogue.plural_expr) == get_plural(catalogue.locale)
    for message, _english, forms in messages(catalogue):
        assert len(forms) == (catalogue.num_plurals if message.pluralizable else 1), message.id


def test_placeholders_are_those_of_english(catalogue: Catalog) -> None:
    for message, english, forms in messages(catalogue):
        wanted = placeholders(english[-1])
        for number, form in enumerate(forms):
            spared = {"num"} if message.pluralizable and only_number(catalogue, number) else set()
            assert wanted - spared <= placeholders(form) <= wanted, message.id
            assert form % dict.fromkeys(wanted, "") is not None, message.id


@pytest.mark.parametrize("catalogue", ["ar"], indirect=True)
def test_arabic_nouns_are_in_the_accusative_after_eleven_not_after_hundred(catalogue: Catalog) -> None:
    form_of = c2py(catalogue.plural_expr)
    eleven, hundred = form_of(11), form_of(100)
    for message, _english, forms in messages(catalogue):
        if message.pluralizable:
            assert forms[hundred].count(TANWIN) <= forms[eleven].count(TANWIN), message.id


def test_no_sentence_is_glued_from_a_text_and_a_value() -> None:
    """A value stands inside its sentence, where translators can move it; else a colon leads to it."""
    templates = sorted((PROJECT_ROOT / "templates").rglob("*.html"))
    glued = [f"{path.name}: {found}" for path in templates for found in GLUED.findall(path.read_text("utf-8"))]
    assert not glued


@pytest.mark.parametrize("page", ["{{ _('Made at') }} {{ at|moment }}", "{{ _('By', x=1) }} <bdi>{{ name }}"])
def test_glued_sentence_is_found(page: str) -> None:
    assert GLUED.findall(page)


def test_catalogues_await_native_review(catalogue: Catalog) -> None:
    assert "awaiting native review" in catalogue.last_translator
    assert "awaits review by a native reader" in catalogue.header_comment
    assert "@" not in catalogue.header_comment + catalogue.last_translator + catalogue.language_team


def test_references_name_files_without_lines(catalogue: Catalog) -> None:
    for message, _english, _forms in messages(catalogue):
        # Babel's types do not know that lines may be left out.
        locations: list[tuple[str, int | None]] = [*message.locations]
        for path, line in locations:
            assert line is None, message.id
            assert not Path(path).is_absolute(), message.id
