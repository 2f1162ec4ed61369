"""An instance whose pages for everybody have something on each of them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from campaigns.audience.joining.ways_to_join import create_entry_point
from campaigns.audience.models import Channel
from campaigns.core import clock
from campaigns.delivery.models import RunText
from campaigns.directory.opening_hours import ALWAYS
from campaigns.public_pages.service import Profile, set_profile
from campaigns.staff.models import Role
from tests.factories import a_campaign, a_message, a_run, a_sender, a_service, add
from tests.web.pages import Pages

TEXTS = {
    "en": "Keep your passport with you. Call ((hotline)). More: ((link))",
    "uk": "Тримайте паспорт при собі. Телефонуйте: ((hotline)). Більше: ((link))",
    "ar": "احتفظ بجواز سفرك معك. اتصل على ((hotline)). المزيد: ((link))",
}
BOT: dict[str, Any] = {"channel": Channel.TELEGRAM, "gateway": "telegram", "identity": "fingerpost_bot"}


def furnish(pages: Pages) -> None:
    """Open the pages, and add helplines of several kinds, advice, senders and what they sent."""
    admin = pages.member(Role.ADMIN)
    fresh: dict[str, Any] = {"verified_on": clock.now().date()}
    weekday: dict[str, Any] = {day: [["08:30", "16:30"]] for day in ("mon", "tue", "wed", "thu", "fri")}
    with pages.sessions.begin() as session:
        ours = pages.ours
        set_profile(session, ours.id, Profile(is_open=True, contact="info@example.org"), by=admin.id)
        a_service(
            session, ours, name="Line", hours=ALWAYS, languages=["pl", "uk", "ar"], confidential=True, **fresh
        )
        free = {"number_national": "800 012 948", "number_from_abroad": None, "cost": "free in PL"}
        a_service(session, ours, name="Papers", kind="legal", hours=weekday, **free, **fresh)
        abroad = {"number_from_abroad": "+380 44 284 19 15"}
        a_service(
            session,
            ours,
            name="House",
            kind="shelter",
            region_codes=["PL-18"],
            by_appointment=True,
            **abroad,
            **fresh,
        )
        number = {"identity": "+48500100200", "countries": ["PL"], "organisation_id": ours.id}
        for facts in (number, number | {"channel": Channel.WHATSAPP}, BOT | {"organisation_id": ours.id}):
            a_sender(session, **facts)
        create_entry_point(session, ours.id, name="Anywhere", code="GATE-1", by=None)
        campaign = a_campaign(session, ours, admin, message=a_message(session, ours, TEXTS))
        run = a_run(session, campaign, started_at=clock.now() - timedelta(days=1))
        for language, text in TEXTS.items():
            body = text.replace("((hotline))", "+48226280120").replace("((link))", "https://info.example/pl/1")
            add(session, RunText(run_id=run.id, language=language, body=body))
