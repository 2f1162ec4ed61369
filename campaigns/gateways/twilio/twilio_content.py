"""Twilio's Content API serves as a book of WhatsApp templates, by the official client."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from twilio.base.exceptions import TwilioException, TwilioRestException, TwilioServiceException
from twilio.rest.content.v1.content import ContentList
from twilio.rest.content.v1.content.approval_create import ApprovalCreateList

from campaigns.core.errors import RefusedError, UnavailableError
from campaigns.core.words import N_
from campaigns.gateways.base import SendError, UnknownOutcomeError
from campaigns.gateways.template_book import TemplateStanding
from campaigns.gateways.transport.http import current_fence
from campaigns.gateways.twilio.twilio_client import TwilioAccount

PAGE_SIZE = 500


class TwilioContent:
    """The Content resources of one account."""

    def __init__(self, account: TwilioAccount) -> None:
        self._account = account
        self._domain = account.client.content

    async def create(self, name: str, *, language: str, body: str, samples: Mapping[str, str]) -> str:
        """Make a text template; see TemplateBook.create."""
        # The client takes its own generated classes only; a key it does not know posts no type at all, silently.
        wanted = ContentList.ContentCreateRequest(
            {
                "friendly_name": name,
                "language": language,
                "variables": dict(samples),
                "types": ContentList.Types({"twilio/text": {"body": body}}),
            }
        )
        with _calls():
            return _text_of((await self._domain.v1.contents.create_async(wanted)).sid)

    async def submit(self, template_id: str, *, name: str, category: str) -> str:
        """Hand a template in for WhatsApp; see TemplateBook.submit."""
        wanted = ApprovalCreateList.ContentApprovalRequest({"name": name, "category": category})
        with _calls():
            approvals = self._domain.v1.contents(template_id).approval_create
            return _text_of((await approvals.create_async(wanted)).status)

    async def states(self) -> AsyncIterator[list[TemplateStanding]]:
        """Give the account's templates and what became of them; see TemplateBook.states."""
        with _calls():
            page = await self._domain.v1.content_and_approvals.page_async(page_size=PAGE_SIZE)
        while page is not None:
            with _calls():
                standings = [_standing_of(content) for content in page]
            yield standings
            with _calls():
                self._demand_own_origin(page.next_page_url)
                page = await page.next_page_async()

    async def close(self) -> None:
        """Release connections."""
        await self._account.close()

    def _demand_own_origin(self, url: object) -> None:
        """Raise UnavailableError for a next page elsewhere: our credential goes along with the call."""
        if url is not None and _origin_of(str(url)) != _origin_of(self._domain.base_url):
            raise UnavailableError(N_("Twilio's list of templates leads to a foreign address."))


@contextmanager
def _calls() -> Iterator[None]:
    """Turn the failures of a call into errors for a member."""
    current_fence.set(None)
    try:
        yield
    except (TwilioRestException, TwilioServiceException) as error:
        words = str(getattr(error, "msg", None) or getattr(error, "detail", None) or error.code)[:300]
        raise RefusedError(N_("Twilio refused the template: %(words)s"), words=words) from error
    except (SendError, TwilioException, ValueError, TypeError, AttributeError, KeyError) as error:
        raise UnavailableError(N_("Twilio's templates cannot be reached or read now.")) from error


def _standing_of(content: Any) -> TemplateStanding:
    approval = content.approval_requests or {}
    return TemplateStanding(
        id=_text_of(content.sid),
        name=str(approval.get("name") or content.friendly_name or ""),
        language=str(content.language or ""),
        state=str(approval.get("status") or "unsubmitted"),
        reason=str(approval.get("rejection_reason") or ""),
    )


def _text_of(value: object) -> str:
    """Return a word of a reply. Raises UnknownOutcomeError when there is none."""
    if not isinstance(value, str) or not value:
        raise UnknownOutcomeError("broken_reply")
    return value


def _origin_of(url: str) -> tuple[str, str, int | None]:
    parts = urlsplit(url)
    port = parts.port or {"https": 443, "http": 80}.get(parts.scheme)
    return parts.scheme, parts.hostname or "", port
