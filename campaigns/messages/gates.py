"""Pure checks keep a message from being sent; each has one sentence and a link to where it is mended."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from campaigns.core.errors import PlaceholderError
from campaigns.core.sentences import Count, CountryName, LanguageName, People, Sentence
from campaigns.core.words import N_, Template
from campaigns.messages.models import TranslationState
from campaigns.messages.text.how_to_stop import find_typed_stop
from campaigns.messages.text.placeholders import STOP, names_in
from campaigns.messages.text.plain_language import TYPED, find_hints
from campaigns.messages.text.sms_parts import costly_characters, count_parts

#: Most characters a sentence names one by one; a Cyrillic text has its whole alphabet to name.
NAMED_CHARACTERS = 12

MESSAGE = "messages.show"
COMPOSER = "messages.compose"
DIRECTORY = "directory.index"
WITHDRAWN = N_(
    "This version of the message was withdrawn because something in it is wrong. Change its text first."
)
#: A later version says the same throughout.
UNMENDED = N_(
    "An earlier version of this message was withdrawn because something in it is wrong, and no word of it was "
    "changed since. Change what is wrong."
)
#: A later version was changed in another language.
STILL_SAID = N_(
    "An earlier version of this message was withdrawn because something in it is wrong, and this one says the "
    "same in %(languages)s. Is it right there?"
)
COPIED = N_(
    "%(partner)s withdrew the text that this was copied from, because something in it is wrong. Is it right here?"
)


@dataclass(frozen=True, slots=True)
class Gate:
    """The outcome of one check."""

    #: One of the names in `planning/labels.GATES`.
    name: str
    passed: bool
    #: What is right, or what is wrong.
    sentence: Sentence
    #: Flask endpoint of the page where it is mended, and its values.
    link_endpoint: str
    link_values: dict[str, Any]
    #: It lets through, but whoever decides should read it.
    warns: bool = False
    #: The author may agree that those it speaks of are left out.
    may_leave_out: bool = False
    #: Languages of the texts that wait for their review, where that is what it is closed for.
    waiting: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TranslationFacts:
    """What the gates need to know of one translation."""

    language: str
    text: str
    #: Effective state: `stale` when the source text changed after it was made.
    state: TranslationState
    translator_id: int | None
    reviewer_id: int | None


def translations_gate(
    message_id: int,
    *,
    people: Mapping[str, int],
    available: Collection[str],
    fallback_language: str | None,
    confirmed: int | None,
    waiting: Collection[str] = (),
    returned: Collection[str] = (),
) -> Gate:
    """Block while people are left out for want of a text in their language.

    `people` counts the audience by language, `available` are languages with a current, reviewed text, `waiting`
    those with one that nobody has reviewed yet, `returned` those with one that came back from its review,
    `fallback_language` is the one that others get (None: nothing), `confirmed` is how many left-out people the
    author has accepted.
    """
    missing = sorted(language for language, count in people.items() if count and language not in available)
    if not missing or fallback_language in available:
        return _passed("translations", message_id, N_("Everybody in the audience gets a text they can read."))
    unread = [language for language in missing if language in waiting]
    if undecided := unread or [language for language in missing if language in returned]:
        template = (
            N_("Texts in %(languages)s wait for review (%(people)s people).")
            if unread
            else N_("Texts in %(languages)s came back from review: read the comments (%(people)s people).")
        )
        values = {"people": People.of(sum(people[language] for language in undecided))}
        gate = _gate("translations", False, template, values, message_id=message_id, languages=undecided)
        return replace(gate, waiting=tuple(unread))
    left_out = sum(people[language] for language in missing)
    accepted = confirmed is not None and left_out <= confirmed
    template = (
        N_("%(people)s people are left out, as confirmed: no reviewed text in %(languages)s.")
        if accepted
        else N_("%(people)s people would be left out: no reviewed text that is up to date in %(languages)s.")
    )
    values = {"people": People.of(left_out)}
    gate = _gate("translations", accepted, template, values, message_id=message_id, languages=missing)
    return replace(gate, may_leave_out=not accepted)


def staleness_gate(message_id: int, translations: Iterable[TranslationFacts]) -> Gate:
    """Block while a text was reviewed by its own translator, or its base changed after it was made."""
    translations = list(translations)
    stale = [each.language for each in translations if each.state is TranslationState.STALE]
    if stale:
        template = N_("The source text changed after these were translated: %(languages)s.")
        return _gate("staleness", False, template, {}, message_id=message_id, languages=stale)
    own = [
        each.language
        for each in translations
        if each.state is TranslationState.REVIEWED and each.reviewer_id in (None, each.translator_id)
    ]
    if own:
        template = N_("Nobody but the translator has reviewed: %(languages)s.")
        return _gate("staleness", False, template, {}, message_id=message_id, languages=own)
    return _passed("staleness", message_id, N_("No text is older than the source text it was made from."))


def withdrawn_gate(
    message_id: int, *, fault: Template | None = None, languages: Collection[str] = (), partner: str | None = None
) -> Gate:
    """Block while all that was withdrawn is said (`fault`); warn where some is.

    It is said in `languages` as another version said it, or as a `partner` whom the message was copied from did.
    """
    if fault is not None:
        return _gate("withdrawn", False, fault, {}, message_id=message_id)
    if languages:
        gate = _gate("withdrawn", True, STILL_SAID, {}, message_id=message_id, languages=languages)
        return replace(gate, warns=True)
    if partner is not None:
        return replace(_gate("withdrawn", True, COPIED, {"partner": partner}, message_id=message_id), warns=True)
    return _passed("withdrawn", message_id, N_("Nothing of it was withdrawn."))


def placeholders_gate(message_id: int, texts: Mapping[str, str], *, base_language: str) -> Gate:
    """Block while a text holds a faulty placeholder, or other ones than the source text; `texts` by language."""
    try:
        wanted = names_in(texts.get(base_language, ""))
        others = [language for language, text in texts.items() if names_in(text) != wanted]
    except PlaceholderError as error:
        fault = Sentence.of(error)
        return _gate("placeholders", False, fault.template, fault.values, message_id=message_id)
    if others:
        template = N_("Other automatic fields than in the source text: %(languages)s.")
        return _gate("placeholders", False, template, {}, message_id=message_id, languages=others)
    return _passed(
        "placeholders", message_id, N_("Every automatic field is known, and all texts use the same ones.")
    )


def stop_gate(
    message_id: int, texts: Iterable[tuple[str, str]], *, by_link: Collection[tuple[str, str]] = ()
) -> Gate:
    """Block while a text types how to stop; warn while one does not say it.

    `texts` are pairs of language and words, those for single channels too. Those of `by_link` go out over a name
    that nobody can answer, so each has to give the link by which people end it.
    """
    silent: set[tuple[str, str]] = set()
    for language, text in texts:
        try:
            typed, names = find_typed_stop(text, language), names_in(text)
        except PlaceholderError:
            # Another gate says so.
            continue
        if typed is not None:
            template = N_("%(languages)s asks for the answer “%(word)s”, which some cannot give: write ((stop)).")
            return _gate("stop", False, template, {"word": typed}, message_id=message_id, languages=[language])
        if STOP not in names:
            silent.add((language, text))
    if linkless := sorted({language for language, _ in silent.intersection(by_link)}):
        template = N_(
            "A sender of this campaign is a name that nobody can answer: write ((stop)) in %(languages)s. "
            "It becomes a link there, each person’s own."
        )
        return _gate("stop", False, template, {}, message_id=message_id, languages=linkless)
    if silent:
        template = N_(
            "These texts do not say how to opt out; ((stop)) does where answers reach us: %(languages)s."
        )
        gate = _gate(
            "stop",
            True,
            template,
            {},
            message_id=message_id,
            languages=sorted({language for language, _ in silent}),
        )
        return replace(gate, warns=True)
    return _passed("stop", message_id, N_("Every text says how to opt out, wherever an answer reaches us."))


def length_gates(message_id: int, rendered: Mapping[str, str], *, max_parts: int) -> list[Gate]:
    """Block once for each rendered text (by language) that takes more SMS parts than the campaign allows."""
    closed = []
    for language, text in rendered.items():
        parts, costly = count_parts(text).parts, costly_characters(text)
        if parts > max_parts:
            named = " ".join(costly[:NAMED_CHARACTERS])
            values = {"parts": Count(parts), "allowed": Count(max_parts), "characters": named}
            template = _too_long(costly)
            closed.append(_gate("length", False, template, values, message_id=message_id, languages=[language]))
    return closed or [_passed("length", message_id, N_("Every text fits the parts that the campaign allows."))]


def _too_long(costly: Collection[str]) -> Template:
    if not costly:
        return N_("%(languages)s takes %(parts)s parts, allowed are %(allowed)s. Shorten it.")
    if len(costly) <= NAMED_CHARACTERS:
        return N_(
            "%(languages)s takes %(parts)s parts, allowed are %(allowed)s. "
            "These characters make each part shorter: %(characters)s"
        )
    return N_(
        "%(languages)s takes %(parts)s parts, allowed are %(allowed)s. In its script a part holds 67 characters: "
        "shorten it or allow more parts."
    )


def typed_gate(message_id: int, texts: Iterable[tuple[str, str]]) -> Gate:
    """Warn of numbers and links that are typed into texts, pairs of language and words: nobody verified them."""
    typed: dict[str, set[str]] = {}
    for language, text in texts:
        for hint in find_hints(text):
            if hint.kind in TYPED:
                typed.setdefault(hint.values["excerpt"], set()).add(language)
    if not typed:
        return _passed("typed", message_id, N_("No number or link is typed by hand."))
    template = N_(
        "Typed by hand in %(languages)s, so nobody verified it and nothing corrects it later: %(typed)s. "
        "Automatic fields name services of the directory, and links."
    )
    named = {"typed": tuple(sorted(typed)[:NAMED_CHARACTERS])}
    languages = sorted(set().union(*typed.values()))
    return replace(_gate("typed", True, template, named, message_id=message_id, languages=languages), warns=True)


def signposts_gate(
    message_id: int, missing: Mapping[str, int], *, on_fallback: int = 0, is_named: bool = True
) -> Gate:
    """Block while people have no signpost and the text no fallback; `missing` counts them by region or country.

    `on_fallback` counts people without a service whose text names the emergency number, or its fallback, instead:
    they are warned of. Where no text names a service (`is_named`), nobody is said to be pointed to one.
    """
    people = sum(missing.values())
    if not people and on_fallback:
        template = N_(
            "No verified service fits %(people)s people: their text names the emergency number of their country, "
            "or its own words for that case."
        )
        pointed = Sentence(template, {"people": People.of(on_fallback)})
        return Gate("signposts", True, pointed, DIRECTORY, {}, warns=True)
    if not people and not is_named:
        return _passed("signposts", message_id, N_("No text names a service."))
    if not people:
        return _passed("signposts", message_id, N_("Everybody is pointed to a service that was verified lately."))
    places = tuple(CountryName(place) for place in sorted(missing) if missing[place])
    template = N_("%(people)s people have no verified service to be pointed to: %(places)s.")
    lacking = Sentence(template, {"people": People.of(people), "places": places})
    return Gate("signposts", False, lacking, DIRECTORY, {})


def about(template: Template, values: Mapping[str, Any], languages: Collection[str]) -> Sentence:
    """Return a sentence that names languages by their codes ("" is an unknown one) as %(languages)s."""
    named = {"languages": tuple(map(LanguageName, languages))} if languages else {}
    return Sentence(template, {**values, **named})


def _gate(
    name: str,
    passed: bool,
    template: Template,
    values: Mapping[str, Any],
    *,
    message_id: int,
    languages: Collection[str] = (),
) -> Gate:
    """Return a gate that links to the tab of the first language it is about, else to the message."""
    first = next((language for language in languages if language), None)
    link: dict[str, Any] = {"message_id": message_id}
    endpoint, link = (COMPOSER, link | {"language": first}) if first else (MESSAGE, link)
    return Gate(name, passed, about(template, values, languages), endpoint, link)


def _passed(name: str, message_id: int, template: Template) -> Gate:
    return _gate(name, True, template, {}, message_id=message_id)
