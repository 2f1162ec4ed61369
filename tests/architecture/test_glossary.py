"""The glossary holds in texts, names and addresses.

`docs/glossary.csv` gives each concept one word, and in its column `not` those that must not be used for it. A
word that is needed in another sense has a row in `other_senses.csv`: everywhere (`*`), in texts that hold a
fragment, or in the one text that follows `=`; for names it is in `other_senses_of_names.csv`. Code may use the
words of the column `code`.
"""

from __future__ import annotations

import ast
import csv
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po
from flask import Flask
from sqlalchemy import Engine

from campaigns.core.languages import INTERFACE_LANGUAGES
from campaigns.core.settings import PROJECT_ROOT
from campaigns.web.navigation import STEPS
from tests.web.pages import make_pages

GLOSSARY = PROJECT_ROOT / "docs" / "glossary.csv"
SENSES = Path(__file__).with_name("other_senses.csv")
NAME_SENSES = Path(__file__).with_name("other_senses_of_names.csv")
EVERYWHERE = "*"
#: What a value or an automatic field stands for is none of our words.
VALUES = re.compile(r"%\(\w+\)s|\(\(\w+\)\)")
PARTS_OF_NAMES = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
Row = dict[str, str]


def read(path: Path) -> list[Row]:
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def forbidden(row: Row) -> list[str]:
    """Return the words not to use for a concept; what stands in parentheses is a remark."""
    return [word for part in row["not"].split(";") if (word := re.sub(r"\(.*?\)", "", part).strip())]


def pattern(word: str) -> re.Pattern[str]:
    """Return what finds a word in a text, also as a plural, in the past or under way."""
    return re.compile(rf"\b{re.escape(word)}(?:s|es|d|ed|ing|ped|ping)?\b", re.IGNORECASE)


def catalogue_of(language: str) -> Catalog:
    with (PROJECT_ROOT / "translations" / language / "LC_MESSAGES" / "messages.po").open("rb") as lines:
        return read_po(lines, locale=language)


@pytest.fixture(scope="module")
def texts() -> list[str]:
    """Return every English text of the interface, without its values."""
    found = (message.id for message in catalogue_of(INTERFACE_LANGUAGES[1]) if message.id)
    return [VALUES.sub("…", form) for each in found for form in ((each,) if isinstance(each, str) else each)]


@pytest.fixture
def app(sqlite_engine: Engine) -> Iterator[Flask]:
    with make_pages(sqlite_engine) as pages:
        yield pages.app


def is_meant(where: str, text: str) -> bool:
    """Say whether a row of the other senses is about a text."""
    if where == EVERYWHERE:
        return True
    return text == where[1:] if where.startswith("=") else where in text


def test_texts_use_the_words_of_the_glossary(texts: list[str]) -> None:
    senses: dict[str, list[str]] = {}
    for row in read(SENSES):
        senses.setdefault(row["word"], []).append(row["where"])
    wrong = {
        f"{word} ({row['english']}): {text}"
        for row in read(GLOSSARY)
        for word in forbidden(row)
        if EVERYWHERE not in senses.get(word, ())
        for text in texts
        if pattern(word).search(text) and not any(is_meant(where, text) for where in senses.get(word, ()))
    }
    assert not wrong, "use the glossary's word, or say in other_senses.csv what it means there"


def test_other_senses_are_needed_and_explained(texts: list[str]) -> None:
    words = {word for row in read(GLOSSARY) for word in forbidden(row)}
    for row in read(SENSES):
        assert row["word"] in words, row
        assert row["means"].strip(), row
        assert any(pattern(row["word"]).search(text) and is_meant(row["where"], text) for text in texts), row


def names() -> Iterator[tuple[str, str]]:
    """Yield the kind and the name of each file, class, template and setting."""
    for path in sorted((PROJECT_ROOT / "campaigns").rglob("*.py")):
        yield from (("file", part) for part in path.relative_to(PROJECT_ROOT / "campaigns").with_suffix("").parts)
        tree = ast.parse(path.read_text(encoding="utf-8"))
        yield from (("class", node.name) for node in ast.walk(tree) if isinstance(node, ast.ClassDef))
    for path in sorted((PROJECT_ROOT / "templates").rglob("*.html")):
        yield from (
            ("template", part) for part in path.relative_to(PROJECT_ROOT / "templates").with_suffix("").parts
        )
    settings = tomllib.loads((PROJECT_ROOT / "config" / "default.toml").read_text(encoding="utf-8"))
    yield from (("setting", key) for key in keys_of(settings))


def keys_of(table: dict[str, Any]) -> Iterator[str]:
    for key, value in table.items():
        yield key
        if isinstance(value, dict):
            yield from keys_of(value)


def addresses(app: Flask) -> Iterator[tuple[str, str]]:
    """Yield the fixed parts of the addresses of pages; what programs and providers ask is fixed."""
    for rule in app.url_map.iter_rules():
        if not rule.rule.startswith(("/api", "/hooks", "/static")):
            yield from (("address", part) for part in rule.rule.split("/") if part and "<" not in part)


def strict_words() -> set[str]:
    """Return the single words that no name may hold: none of the everyday ones, and none that code may use."""
    rows = read(GLOSSARY)
    free = {row["word"].lower() for row in read(SENSES) if row["where"] == EVERYWHERE}
    own = {part.lower() for row in rows for part in PARTS_OF_NAMES.findall(f"{row['english']} {row['code']}")}
    return {word.lower() for row in rows for word in forbidden(row) if " " not in word} - free - own


def test_names_and_addresses_use_the_words_of_the_glossary(app: Flask) -> None:
    meant = {row["word"] for row in read(NAME_SENSES)}
    strict = strict_words()
    found: dict[str, set[str]] = {}
    for kind, name in [*names(), *addresses(app)]:
        for part in PARTS_OF_NAMES.findall(name):
            for word in {part.lower(), part.lower().removesuffix("s")} & strict:
                found.setdefault(word, set()).add(f"{kind} {name}")
    assert {word: sorted(where) for word, where in found.items() if word not in meant} == {}
    assert meant <= set(found), "these senses are not needed any more"
    assert all(row["means"].strip() for row in read(NAME_SENSES))


@pytest.mark.parametrize("language", INTERFACE_LANGUAGES[1:])
def test_translations_use_the_words_of_the_glossary(language: str) -> None:
    catalogue = catalogue_of(language)
    translated = [
        (message.id, form)
        for message in catalogue
        if message.id
        for form in ((message.string,) if isinstance(message.string, str) else message.string or ())
    ]
    wrong = [
        (row["english"], stem, form)
        for row in read(GLOSSARY)
        for stem in (part.strip() for part in row[f"{language} not"].split(";"))
        if stem
        for _english, form in translated
        if re.search(stem, form)
    ]
    assert not wrong


def test_every_concept_is_explained_and_named_once() -> None:
    rows = read(GLOSSARY)
    assert len({row["english"] for row in rows}) == len(rows)
    for row in rows:
        assert all(row[column].strip() for column in ("english", "meaning", "uk", "ar")), row["english"]
        if row["code"]:
            assert row["code"].lower() != row["english"].lower(), "code needs a word only where it has another one"


#: The steps whose menu, address and folder differ, by what the glossary's note on a concept says.
FOLDERS = {"/": "now", "/campaigns": "planning", "/settings": "staff"}
EXPLAINED = {"planning": "campaign", "staff": "member"}


def test_menu_address_and_folder_agree(app: Flask) -> None:
    notes = {row["english"]: row for row in read(GLOSSARY)}
    for url, label in STEPS:
        word = label._args[0].lower()
        assert url in ("/", f"/{word}"), "the menu says what the address says"
        folder = FOLDERS.get(url, word)
        package, pages = PROJECT_ROOT / "campaigns", PROJECT_ROOT / "templates"
        assert (package / folder).is_dir() or (package / f"{folder}.py").is_file()
        assert (pages / folder).is_dir() or (pages / f"{folder}.html").is_file()
        if folder != word:
            assert folder in notes[EXPLAINED[folder]]["note"], (
                "the glossary says why the folder is called otherwise"
            )
        endpoints = [
            rule.endpoint for rule in app.url_map.iter_rules() if rule.rule.rstrip("/") == url.rstrip("/")
        ]
        modules = {app.view_functions[endpoint].__module__ for endpoint in endpoints}
        assert modules
        assert all(module.split(".")[1] == folder for module in modules)
