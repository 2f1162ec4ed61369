"""Content resources are written as Twilio's JSON, and their list is filtered here."""

from datetime import UTC, datetime
from typing import Any

from aiohttp import web
from multidict import MultiMapping

from campaigns.sandbox.world.content_templates import Content


def content_dict(content: Content, request: web.Request, *, has_links: bool = True) -> dict[str, Any]:
    """Return a content with the keys of Twilio's resource."""
    body: dict[str, Any] = {
        "sid": content.sid,
        "account_sid": content.account,
        "friendly_name": content.name,
        "language": content.language,
        "variables": content.variables,
        "types": content.types,
        "date_created": _iso(content.created_at),
        "date_updated": _iso(content.updated_at),
    }
    if has_links:
        url = str(request.url.origin() / "v1" / "Content" / content.sid)
        approvals = f"{url}/ApprovalRequests"
        body["url"] = url
        body["links"] = {"approval_fetch": approvals, "approval_create": f"{approvals}/whatsapp"}
    return body


def approval_dict(content: Content, now: float) -> dict[str, Any]:
    """Return how far the approval of a content has come; the reason is known with the decision."""
    approval, status = content.approval, content.status_at(now)
    return {
        "type": "whatsapp",
        "name": approval.name if approval else "",
        "category": approval.category if approval else "",
        "content_type": approval.content_type if approval else next(iter(content.types), ""),
        "status": status,
        "rejection_reason": approval.rejection_reason if approval and status == approval.end else "",
        "allow_category_change": True,
    }


def meets(content: Content, query: MultiMapping[str]) -> bool:
    """Tell whether a content meets the filters of a v2 list."""
    language, kinds = query.getall("Language", []), query.getall("ContentType", [])
    return (
        (not language or content.language in language)
        and (not kinds or any(kind in content.types for kind in kinds))
        and query.get("ContentName", "").casefold() in content.name.casefold()
        and query.get("Content", "").casefold() in content.body.casefold()
        and query.get("DateCreatedAfter", "") <= _iso(content.created_at)
        and query.get("DateCreatedBefore", "9999") >= _iso(content.created_at)
    )


def _iso(moment: float) -> str:
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%dT%H:%M:%SZ}"
