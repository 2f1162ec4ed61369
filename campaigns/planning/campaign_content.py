"""An approval covers one canonical digest of a campaign's content, of which a run keeps a frozen copy."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields, replace
from typing import Any

from campaigns.audience.models import Channel
from campaigns.core.errors import DamagedDataError
from campaigns.messages.text.placeholders import STOP, asks_for

#: The parts of Content that people at risk are touched by.
SAID = ("texts", "rule", "senders", "fallback_language", "link", "code", "correction")
#: Characters of a digest that pages show.
SHORT_LENGTH = 12


def digest_of(content: Mapping[str, Any]) -> str:
    """Return the SHA-256 (hexadecimal) of `content` as canonical JSON: sorted keys, no spaces, UTF-8."""
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def short_digest(digest: str) -> str:
    """Return the first characters of a digest, enough for two people to compare aloud."""
    return digest[:SHORT_LENGTH]


@dataclass(frozen=True, slots=True)
class Cap:
    """How often people are written to at most, over all campaigns and organisations of the instance."""

    #: Messages that a person may get in `days` days before a run leaves them out; 0: no cap.
    messages: int
    days: int


NO_CAP = Cap(messages=0, days=0)


@dataclass(frozen=True, slots=True)
class FrozenRun:
    """Everything a run needs of its campaign, copied when it was made; later edits do not reach it."""

    #: Approved texts by language, with placeholders.
    texts: dict[str, str]
    base_language: str
    #: AudienceRule.to_json().
    rule: dict[str, Any]
    #: Language of people for whom there is no text, or None to leave them out.
    fallback_language: str | None
    max_parts: int
    link: str | None
    #: Short code of the campaign, rendered beside the link.
    code: str
    #: A ZonePolicy value; time_zone is the fixed zone, or that of contacts without a known one.
    zone_policy: str
    time_zone: str
    expires_after_minutes: int
    message_id: int
    message_version: int
    resend_unknown: bool
    #: The senders in their order, as Content holds them; empty in runs frozen when a run had one sender only.
    senders: list[dict[str, Any]] = field(default_factory=list)
    #: Approved WhatsApp templates: {language: {"content_sid": "HX…", "slots": [name or name??fallback, …]}}.
    templates: dict[str, dict[str, Any]] = field(default_factory=dict)
    #: The cap when the run fired; none in runs frozen before there was one.
    cap_messages: int = NO_CAP.messages
    cap_days: int = NO_CAP.days
    #: Whether messages wait for the end of quiet hours; they did not in runs frozen before.
    keeps_quiet: bool = False
    #: By language and channel, where a channel has other words than `texts`; none in runs frozen before.
    wordings: dict[str, dict[str, str]] = field(default_factory=dict)
    #: What the places and routes of `rule` cover (`covers.load_cover`); none in runs frozen before.
    cover: dict[str, str] = field(default_factory=dict)
    #: The numbers for help that its texts may name (messages.named); None: any, as in runs frozen before.
    numbers: dict[str, Any] | None = None
    #: Whether its texts name a page to those who cannot answer; they did not in runs frozen before. An
    #: earlier version said so of all: where they name none, that only adds texts which nobody gets.
    names_page: bool = False
    #: What addresses of those pages began with when it was approved; '': as the settings say when it is planned.
    pages: str = ""

    @property
    def cap(self) -> Cap:
        """How often people are written to at most."""
        return Cap(self.cap_messages, self.cap_days)

    def text_on(self, channel: str, language: str) -> str:
        """Return the words for a channel, which are those for all where it has none of its own."""
        return self.wordings.get(language, {}).get(channel) or self.texts[language]

    @property
    def all_texts(self) -> list[str]:
        """Its texts, those for single channels too."""
        return [*self.texts.values(), *(text for own in self.wordings.values() for text in own.values())]

    @property
    def pays_by_part(self) -> bool:
        """Whether a text may go out as SMS, where each part is paid for; all did when a run had one sender."""
        return not self.senders or any(sender["channel"] == Channel.SMS for sender in self.senders)

    def to_json(self) -> dict[str, Any]:
        """Return the value Run.frozen stores."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> FrozenRun:
        """Read what this or an older version wrote. Raises DamagedDataError when a key is missing or unknown."""
        names = {each.name for each in fields(cls)}
        needed = {each.name for each in fields(cls) if each.default is MISSING and each.default_factory is MISSING}
        if unfit := (needed - set(stored)) | (set(stored) - names):
            wrong = ", ".join(sorted(unfit))
            raise DamagedDataError(f"A run's frozen content does not fit this version: {wrong}.")
        return cls(**stored)


@dataclass(frozen=True, slots=True)
class ScheduleContent:
    """One schedule as it is approved."""

    #: Naive local time, ISO 8601 to the minute.
    starts_at: str
    recurrence: str | None
    zone_policy: str
    time_zone: str
    grace_minutes: int
    expires_after_minutes: int
    #: It starts as soon as it is approved.
    on_approval: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return what is digested; of a time of its own, as before there were others."""
        content = asdict(self)
        if not self.on_approval:
            del content["on_approval"]
        return content


@dataclass(frozen=True, slots=True)
class Content:
    """All that one campaign will send, to whom, from whom, when and under which limits."""

    #: Reviewed texts by language that are not stale, with placeholders.
    texts: dict[str, str]
    base_language: str
    message_id: int
    #: Names the texts for people; two versions with the same texts have the same digest.
    message_version: int
    #: AudienceRule.to_json().
    rule: dict[str, Any]
    #: In the order in which they are tried: id, channel, gateway, identity, secret_name and countries of each
    #: sender; its pace and daily limit may change freely.
    senders: tuple[dict[str, Any], ...]
    fallback_language: str | None
    max_parts: int
    link: str | None
    code: str
    resend_unknown: bool
    schedules: tuple[ScheduleContent, ...]
    #: What one run may cost at most, in cents of a dollar; None: no limit.
    budget_cents: int | None = None
    #: Reviewed texts of the correction by language; empty when none is prepared.
    correction: dict[str, str] = field(default_factory=dict)
    #: By language and channel, where a channel has other words than `texts`.
    wordings: dict[str, dict[str, str]] = field(default_factory=dict)
    #: What the places and routes of `rule` cover (`covers.load_cover`); empty when it names none.
    cover: dict[str, str] = field(default_factory=dict)
    #: Where the campaign's counted address leads; '' when it has none.
    leads_to: str = ""
    #: The numbers for help that its texts may name (messages.named); empty when they ask for none.
    numbers: dict[str, Any] = field(default_factory=dict)
    #: What addresses of our own pages begin with; empty when its texts name none.
    pages: str = ""
    #: Why it goes before others, as its author says; '': it does not.
    urgent: str = ""

    def texts_on(self, channel: str) -> dict[str, str]:
        """Return the words for a channel by language, which are those for all where it has none of its own."""
        return {code: self.wordings.get(code, {}).get(channel) or text for code, text in self.texts.items()}

    @property
    def shown_texts(self) -> dict[str, str]:
        """The words that are counted, by language: those for SMS, which is paid by its parts.

        Without it, what the first sender says is what most people read.
        """
        return self.texts_on(Channel.SMS if self.uses(Channel.SMS) else self.senders[0]["channel"])

    @property
    def sent_texts(self) -> list[str]:
        """Its texts with the words that the channels of its senders have of their own."""
        own = (words for each in self.wordings.values() for channel, words in each.items() if self.uses(channel))
        return [*self.texts.values(), *own]

    @property
    def worded(self) -> list[tuple[str, str]]:
        """Every text with its language, those for single channels too."""
        own = [(code, text) for code, words in self.wordings.items() for text in words.values()]
        return [*self.texts.items(), *own]

    @property
    def names_page(self) -> bool:
        """Whether its texts name a page to those who cannot answer, as SMS do."""
        return self.uses(Channel.SMS) and any(asks_for(text, STOP) for text in self.texts_on(Channel.SMS).values())

    def uses(self, channel: str) -> bool:
        """Say whether any sender is of this channel."""
        return any(sender["channel"] == channel for sender in self.senders)

    @property
    def digest(self) -> str:
        """The digest an approval stores and a run is compared with."""
        return digest_of(self.to_json())

    @property
    def said_digest(self) -> str:
        """The digest of what is said, from whom and to whom: what the do-no-harm checklist is answered for.

        Times and limits may change without new answers; an approval covers them.
        """
        content = self.to_json()
        others = {name: content[name] for name in ("wordings", "cover", "leads_to") if name in content}
        return digest_of({name: content.get(name) for name in SAID} | others)

    def of_correction(self, message_id: int) -> Content:
        """Return the content with the texts of its correction, the message `message_id`, in place of its own."""
        return replace(self, message_id=message_id, texts=self.correction, correction={}, wordings={})

    def to_json(self) -> dict[str, Any]:
        """Return what is digested and kept with an approval; without a correction, as before there were any."""
        content = asdict(self)
        del content["message_version"]
        content["schedules"] = sorted(
            (schedule.to_json() for schedule in self.schedules),
            key=lambda schedule: sorted(map(str, schedule.items())),
        )
        for name in ("correction", "wordings", "cover", "leads_to", "numbers", "pages", "urgent"):
            if not content[name]:
                del content[name]
        if content["budget_cents"] is None:
            del content["budget_cents"]
        return content

    def freeze(
        self,
        schedule: ScheduleContent,
        templates: dict[str, dict[str, Any]],
        *,
        cap: Cap,
        keeps_quiet: bool = False,
    ) -> FrozenRun:
        """Return what a run of `schedule` keeps, with the WhatsApp templates that are approved now."""
        return FrozenRun(
            texts=self.texts,
            base_language=self.base_language,
            rule=self.rule,
            fallback_language=self.fallback_language,
            max_parts=self.max_parts,
            link=self.link,
            code=self.code,
            zone_policy=schedule.zone_policy,
            time_zone=schedule.time_zone,
            expires_after_minutes=schedule.expires_after_minutes,
            message_id=self.message_id,
            message_version=self.message_version,
            resend_unknown=self.resend_unknown,
            senders=list(self.senders),
            templates=templates,
            cap_messages=cap.messages,
            cap_days=cap.days,
            keeps_quiet=keeps_quiet,
            wordings=self.wordings,
            cover=self.cover,
            numbers=self.numbers,
            names_page=self.names_page,
            pages=self.pages,
        )
