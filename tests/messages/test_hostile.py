"""Nothing in a text is ever evaluated: a template is a listed placeholder, literal text, or refused."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from campaigns.core.errors import PlaceholderError
from campaigns.messages.composer.preview import preview_text
from campaigns.messages.queries import get_base
from campaigns.messages.service import create_message
from campaigns.messages.text.placeholders import ALLOWED, render
from campaigns.staff.models import Role
from tests.factories import a_member, an_organisation

#: What template languages, format strings and shells would evaluate; %s is the payload.
WRAPPERS = (
    *(
        "{{%s}}",
        "{{ %s }}",
        "{%% %s %%}",
        "{{{%s}}}",
        "${%s}",
        "#{%s}",
        "<%%= %s %%>",
        "{%s}",
        "{0.%s}",
        "{0[%s]}",
    ),
    *(
        "%%(%s)s",
        "[[%s]]",
        "@{%s}",
        "*{%s}",
        "`%s`",
        "((%s))",
        "(( %s ))",
        "((((%s))))",
        "((%s",
        "((hotline??%s))",
    ),
)
PAYLOADS = (
    "7931*8641",
    "a.__class__",
    "config.SECRET_KEY",
    "self.__init__.__globals__",
    "''.__class__.__mro__[1].__subclasses__()",
    "request.application.__globals__",
    "hotline.__class__",
    "cycler.__init__.__globals__.os.popen('id').read()",
    "hotline|attr('__class__')",
    "((code))",
)
HOSTILE = [wrapper % payload for wrapper in WRAPPERS for payload in PAYLOADS]
#: What only evaluation would bring about: the product, a class, the key of this instance, a user of the system.
EVALUATED = re.compile(r"68531771|&lt;class |<class |a secret key that only|uid=\d")
VALUES = {"hotline": "112", "place": "Medyka", "link": "https://example.org/k7", "code": "K7"}
#: The grammar once more, written differently: only these stretches may change.
LISTED = re.compile(r"\(\(\s*(hotline|place|link|code)\s*(?:\?\?[^()\n\r\d]*)?\)\)")


@pytest.fixture
def engine(sqlite_engine: Engine) -> Engine:
    """SQLite only: no template reaches the database's own language."""
    return sqlite_engine


def test_there_are_two_hundred_different_templates() -> None:
    assert len(set(HOSTILE)) == 200


def outcome(text: str) -> tuple[bool, str]:
    """Return whether a text is refused, and what it renders to or why not."""
    try:
        return False, render(text, VALUES)
    except PlaceholderError as error:
        return True, str(error)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_template_is_literal_or_refused(text: str) -> None:
    is_refused, said = outcome(text)
    assert not EVALUATED.search(said)
    assert "((" in text if is_refused else said == LISTED.sub(lambda found: VALUES[found.group(1)], text)


def test_hostile_texts_are_shown_and_never_evaluated(client_for: Callable[..., FlaskClient]) -> None:
    author = client_for(Role.AUTHOR)
    for text in HOSTILE:
        answer = author.post("/messages/measure", data={"body": text, "language": "en"})
        assert answer.status_code == 200, text
        assert not EVALUATED.search(answer.text), text


def test_hostile_texts_are_kept_as_written_or_not_at_all(session: Session) -> None:
    ours = an_organisation(session)
    author, kept = a_member(session, ours), 0
    for text in HOSTILE:
        try:
            message = create_message(
                session, ours.id, title=text, theme="docs_keep", base_language="en", text=text, by=author.id
            )
        except PlaceholderError:
            continue
        assert (get_base(message).text, message.title) == (text, text)
        kept += 1
    assert kept == 155


FRAGMENTS = st.sampled_from(
    [
        *(f"(({name}))" for name in ALLOWED),
        "((",
        "))",
        "(",
        ")",
        "??",
        "{{7*7}}",
        "%s",
        "%(code)s",
        "{0}",
        "x",
        "\n",
        "ж",
    ]
)
#: One private character for each value: no text holds it by itself.
SENTINELS = {name: chr(0xE000 + number) for number, name in enumerate(ALLOWED)}


@given(st.lists(FRAGMENTS, max_size=12).map("".join))
def test_output_holds_only_listed_values(text: str) -> None:
    try:
        rendered = render(text, SENTINELS)
    except PlaceholderError:
        return
    for name, sentinel in SENTINELS.items():
        rendered = rendered.replace(sentinel, f"(({name}))")
    assert rendered == text


@given(st.lists(FRAGMENTS, min_size=1, max_size=4).map("".join))
def test_values_are_never_read_as_templates(value: str) -> None:
    rendered = render("a ((hotline)) b", {"hotline": value})
    assert rendered == unicodedata.normalize("NFC", f"a {value} b")


@given(st.text(max_size=80))
def test_any_text_can_be_previewed(text: str) -> None:
    preview = preview_text(text, VALUES)
    assert preview.fault is not None or all(
        piece.placeholder is None or piece.text in VALUES.values() for piece in preview.pieces
    )
