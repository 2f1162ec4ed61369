"""A content resource knows what a template says, how it is filled in, and how far its approval has come."""

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from campaigns.sandbox.world.approval import VARIABLE, reason_against
from campaigns.sandbox.world.fixture import Fixture, Template

#: Where the words of a content type stand, first match first.
_BODIES = ("body", "title", "label")
#: Where its choices stand, and what labels them.
_CHOICES = (("actions", "title"), ("items", "item"))


@dataclass(slots=True)
class Approval:
    """A template handed in for WhatsApp; seconds since the epoch on the sandbox's clock."""

    name: str
    category: str
    content_type: str
    submitted_at: float
    decided_at: float
    #: `approved`, or `rejected` for the reason beside it, or what the fixture says.
    end: str = "approved"
    rejection_reason: str = ""

    def status_at(self, now: float) -> str:
        """Return the status on its way: received, pending, then the decision."""
        if now >= self.decided_at:
            return self.end
        third = (self.decided_at - self.submitted_at) / 3
        return "received" if now < self.submitted_at + third else "pending"


@dataclass(slots=True, eq=False)
class Content:
    """One Content resource."""

    sid: str
    account: str
    name: str
    language: str
    types: Mapping[str, Any]
    variables: Mapping[str, str]
    created_at: float
    updated_at: float
    approval: Approval | None = None

    @property
    def body(self) -> str:
        """Return the words of its first type, variables not filled in."""
        for parts in self.types.values():
            for name in _BODIES if isinstance(parts, Mapping) else ():
                if isinstance(parts.get(name), str):
                    return str(parts[name])
        return ""

    def choices(self) -> Iterator[tuple[str, str]]:
        """Yield the label and the payload of each button or list item."""
        for parts in self.types.values():
            for name, label in _CHOICES:
                for choice in _objects_in(parts, name):
                    yield str(choice.get(label, "")), str(choice.get("id", ""))

    def render(self, variables: Mapping[str, str]) -> tuple[str, list[str]]:
        """Return the text with its variables filled in, and the names of those that stay empty."""
        values = {**self.variables, **variables}
        missing = [name for name in VARIABLE.findall(self.body) if name not in values]
        return VARIABLE.sub(lambda found: values.get(found[1], found[0]), self.body), missing

    def status_at(self, now: float) -> str:
        """Return the status of its approval."""
        return self.approval.status_at(now) if self.approval else "unsubmitted"


@dataclass(slots=True)
class ContentStore:
    """All Content resources, oldest first."""

    #: The account of templates that name none.
    account: str
    _by_sid: dict[str, Content] = field(default_factory=dict)
    _fixture: Fixture = field(default_factory=Fixture)

    def load(self, fixture: Fixture, now: float) -> None:
        """Take the templates of a fixture if they were changed; what came over the API stays."""
        is_new = fixture.templates is not self._fixture.templates
        self._fixture = fixture
        for template in fixture.templates if is_new else ():
            content = _from_template(template, account=template.account or self.account, now=now)
            self._by_sid[content.sid] = content

    def of(self, account: str) -> Iterator[Content]:
        """Yield an account's contents, oldest first."""
        return (content for content in self._by_sid.values() if content.account == account)

    def find(self, account: str, sid: str) -> Content | None:
        """Return an account's content, or None."""
        content = self._by_sid.get(sid)
        return content if content and content.account == account else None

    def status_of(self, sid: str, now: float) -> str:
        """Return the status of a content's approval; a deleted content has none."""
        content = self._by_sid.get(sid)
        return content.status_at(now) if content else "unsubmitted"

    def add(self, account: str, body: Mapping[str, Any], now: float) -> Content:
        """Make a content from the checked body of an API call."""
        content = Content(
            sid=f"HX{uuid.uuid4().hex}",
            account=account,
            name=str(body.get("friendly_name") or ""),
            language=str(body["language"]),
            types=body["types"],
            variables=dict(body.get("variables") or {}),
            created_at=now,
            updated_at=now,
        )
        self._by_sid[content.sid] = content
        return content

    def remove(self, content: Content) -> None:
        """Delete a content."""
        self._by_sid.pop(content.sid, None)

    def submit(self, content: Content, *, name: str, category: str, now: float) -> Approval:
        """Hand a content in for approval; whether it will be approved is decided now, and known later."""
        reason = self._fixture.rejections.get(name) or self._name_is_taken(content, name)
        reason = reason or reason_against(content.types, content.body)
        content.approval = Approval(
            name=name,
            category=category,
            content_type=next(iter(content.types), ""),
            submitted_at=now,
            decided_at=now + self._fixture.approval_s,
            end="rejected" if reason else "approved",
            rejection_reason=reason,
        )
        content.updated_at = now
        return content.approval

    def _name_is_taken(self, content: Content, name: str) -> str:
        """Return why a name cannot be used: it was rejected before, or names a template of this language."""
        for other in self.of(content.account):
            if other is content or other.approval is None or other.approval.name != name:
                continue
            if other.approval.end == "rejected":
                return "A template with this name was rejected before; use another name."
            if other.language == content.language:
                return "There is already a template with this name in this language."
        return ""


def _objects_in(parts: object, name: str) -> list[Mapping[str, Any]]:
    """Return the objects in a list of a content type, whatever else a caller put there."""
    listed = parts.get(name) if isinstance(parts, Mapping) else None
    return [item for item in listed if isinstance(item, Mapping)] if isinstance(listed, list) else []


def _from_template(template: Template, *, account: str, now: float) -> Content:
    """Make the content of a fixture's template; its sid is the same in every run."""
    key = f"{account}/{template.name}/{template.language}"
    content = Content(
        sid=template.sid or f"HX{uuid.uuid5(uuid.NAMESPACE_URL, key).hex}",
        account=account,
        name=template.name,
        language=template.language,
        types=template.types or {"twilio/text": {"body": template.body}},
        variables=template.variables,
        created_at=now,
        updated_at=now,
    )
    if template.status != "unsubmitted":
        kind = next(iter(content.types))
        content.approval = Approval(
            template.name, template.category, kind, now, now, template.status, template.rejection_reason
        )
    return content
