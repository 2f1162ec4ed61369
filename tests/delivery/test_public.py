"""Pages for everybody show whom we write as in a country and what we wrote lately, and nothing of one person."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest

from campaigns.audience.models import Channel
from campaigns.core import clock
from campaigns.delivery.models import RunText
from campaigns.directory.models import Service
from campaigns.messages.models import Message
from campaigns.messages.service import save_translation
from campaigns.messages.translations.withdrawals import withdraw_version
from campaigns.public_pages.service import Profile, set_profile
from campaigns.staff.models import Role
from campaigns.web.people.kept_pages import KEPT_FOR
from tests.factories import a_campaign, a_message, a_region, a_run, a_sender, a_service, add
from tests.moments import standing_at
from tests.web.pages import Pages


def test_senders_and_late_texts_of_those_who_are_open_are_shown(pages: Pages) -> None:
    admin = pages.member(Role.ADMIN)
    with pages.sessions.begin() as session:
        set_profile(session, pages.ours.id, Profile(is_open=True, contact="a@example.org"), by=admin.id)
        ours = {"organisation_id": pages.ours.id}
        a_sender(session, identity="+48500100200", countries=["PL"], **ours)
        a_sender(session, identity="+380441112233", countries=["UA"], **ours)
        a_sender(session, identity="+48500999999", organisation_id=pages.theirs.id)
        campaign = a_campaign(session, pages.ours, admin)
        late = a_run(session, campaign, started_at=clock.now() - timedelta(days=1))
        early = a_run(session, campaign, started_at=clock.now() - timedelta(days=31))
        played = a_run(session, campaign, started_at=clock.now(), is_rehearsal=True)
        for run, body in ((late, "Said lately."), (early, "Said long ago."), (played, "Said to nobody.")):
            add(session, RunText(run_id=run.id, language="en", body=body))
        add(session, RunText(run_id=late.id, language="uk", body="Сказано."))
        add(session, RunText(run_id=late.id, language="en", channel="sms", body=None, sealed_body=b"one person"))
    page = pages.client().get("/en/pl/m").text
    assert "+48500100200" in page
    assert [word for word in ("+380441112233", "+48500999999", "Сказано", "one person") if word in page] == []
    assert "Said lately." in page
    assert [word for word in ("long ago", "to nobody") if word in page] == []
    assert "<form" not in page


@pytest.mark.both_databases
def test_text_for_another_country_is_not_denied(pages: Pages) -> None:
    """Whoever crossed a border finds what they received before it, after what was written to where they are."""
    admin, now = pages.member(Role.ADMIN), clock.now()
    with pages.sessions.begin() as session:
        set_profile(session, pages.ours.id, Profile(is_open=True, contact="a@example.org"), by=admin.id)
        here, there = a_region(session, country="PL"), a_region(session, code="DE-BE", country="DE")
        run = a_run(session, a_campaign(session, pages.ours, admin), started_at=now)
        for region, body in ((here, "To those here."), (there, "To those there.")):
            add(session, RunText(run_id=run.id, language="en", region_id=region.id, body=body))
    for country, first in (("pl", "here"), ("de", "there")):
        told = re.findall(r"To those (here|there)", pages.client().get(f"/en/{country}/m").text)
        assert sorted(told, key=first.__ne__) == told
        assert len(told) == 2


def test_sender_without_its_key_is_told_to_nobody(pages: Pages) -> None:
    """Its number may be mistyped, and a STOP to it is never heard."""
    admin = pages.member(Role.ADMIN)
    with pages.sessions.begin() as session:
        set_profile(session, pages.ours.id, Profile(is_open=True, contact="a@example.org"), by=admin.id)
        a_sender(session, identity="+48500100200", organisation_id=pages.ours.id)
        a_sender(session, identity="+48500100201", organisation_id=None)
        for identity, owner in (("+48500999998", pages.ours.id), ("+48500999999", None)):
            a_sender(session, identity=identity, organisation_id=owner, secret_name="later")
    for page in (pages.client().get(f"/en/pl/{name}").text for name in "me"):
        assert "+48500100200" in page
        assert "+48500100201" in page
        assert "+4850099999" not in page


@pytest.mark.both_databases
def test_sender_that_wrote_lately_is_not_denied_without_its_key(pages: Pages) -> None:
    """Whoever compares a message of last week finds the number it came from; a STOP to it is told to nobody."""
    admin, now = pages.member(Role.ADMIN), clock.now()
    started: dict[str, dict[str, Any]] = {
        "+48500100200": {"started_at": now - timedelta(days=7)},
        "+48500999901": {"started_at": now - timedelta(days=31)},
        "+48500999902": {"started_at": now, "is_rehearsal": True},
        "+48500999903": {"started_at": None},
    }
    with pages.sessions.begin() as session:
        set_profile(session, pages.ours.id, Profile(is_open=True, contact="a@example.org"), by=admin.id)
        for identity, run in started.items():
            sender = a_sender(session, identity=identity, organisation_id=pages.ours.id, secret_name="gone")
            a_run(session, a_campaign(session, pages.ours, admin, sender=sender), **run)
        lent = a_sender(session, identity="+48500999904", organisation_id=None, secret_name="gone")
        a_run(session, a_campaign(session, pages.theirs, admin, sender=lent), started_at=now)
    from_us, ending = (pages.client().get(f"/en/pl/{name}").text for name in "me")
    assert "+48500100200" in from_us
    assert "+48500100200" not in ending
    assert "+485009999" not in from_us + ending


@pytest.mark.both_databases
def test_copy_of_what_a_partner_withdrew_is_shown_as_ours_no_more(pages: Pages) -> None:
    """What the copy said before and says since is told apart: only versions with the wrong words are hidden."""
    admin, now = pages.member(Role.ADMIN), clock.now()
    with pages.sessions.begin() as session:
        set_profile(session, pages.ours.id, Profile(is_open=True, contact="a@example.org"), by=admin.id)
        theirs = a_message(session, pages.theirs, {"en": "Call ((hotline)), wrongly."})
        ours = a_message(session, pages.ours, {"en": "Call ((hotline)), wrongly."})
        ours.copied_from_id, ours.copied_from_version = theirs.id, theirs.version
        campaign = a_campaign(session, pages.ours, admin, message=ours)
        started = {"started_at": now, "frozen": {"message_id": ours.id}}
        copied = a_run(session, campaign, message_version=ours.version, **started)
        save_translation(session, ours, language="en", text="Call ((hotline)), rightly.", by=admin.id)
        mended = a_run(session, campaign, message_version=ours.version, **started)
        for run, body in ((copied, "Call wrongly."), (mended, "Call rightly.")):
            add(session, RunText(run_id=run.id, language="en", body=body))
    assert "Call wrongly." in pages.client().get("/en/pl/m").text
    with pages.sessions.begin() as session:
        withdraw_version(session, session.get_one(Message, theirs.id), 1, by=admin.id, reason="Wrong hotline")
    pages.app.extensions["people"].kept.forget()
    page = pages.client().get("/en/pl/m").text
    assert "Call wrongly." not in page
    assert "Call rightly." in page


@pytest.mark.both_databases
def test_text_that_is_wrong_by_now_is_shown_as_ours_no_more(pages: Pages) -> None:
    """Whoever looks at most a minute later finds neither a dead number nor what was withdrawn."""
    admin, now = pages.member(Role.ADMIN), clock.now()
    with pages.sessions.begin() as session:
        set_profile(session, pages.ours.id, Profile(is_open=True, contact="a@example.org"), by=admin.id)
        campaign = a_campaign(session, pages.ours, admin)
        message = campaign.message
        run = a_run(session, campaign, started_at=now, frozen={"message_id": message.id})
        other = a_run(session, campaign, started_at=now, frozen={"message_id": message.id}, message_version=2)
        number = {"number_national": None, "number_from_abroad": "+48 22 628 01 20", "verified_on": now.date()}
        lines = [a_service(session, pages.ours, **number) for _ in range(4)]
        for line, word in zip(lines, ("Living", "Dead", "Ended", "Renumbered"), strict=True):
            named = {"service_ids": [line.id], "place_id": line.id}
            add(session, RunText(run_id=run.id, language="en", body=f"{word}: +48 22 628 01 20.", **named))
        add(session, RunText(run_id=other.id, language="en", body="Withdrawn."))
    words = ("Living", "Dead", "Ended", "Renumbered", "Withdrawn")

    def shown(seconds: int) -> list[str]:
        with standing_at(now + timedelta(seconds=seconds)):
            page = pages.client().get("/en/pl/m")
        assert KEPT_FOR + timedelta(seconds=int(page.cache_control.max_age or 0)) < timedelta(minutes=1)
        return [word for word in words if word in page.text]

    assert shown(0) == list(words)
    with pages.sessions.begin() as session:
        _, dead, ended, renumbered = (session.get_one(Service, each.id) for each in lines)
        dead.verified_on, ended.expires_on = None, now.date() - timedelta(days=2)
        renumbered.number_from_abroad = "+48 22 628 01 21"
        withdraw_version(session, session.get_one(Message, message.id), 2, by=admin.id, reason="")
    assert shown(11) == ["Living"]


def test_nobody_is_written_to_where_there_is_no_sender(pages: Pages) -> None:
    """A sender that the instance shares is nobody's word before somebody has opened the pages."""
    with pages.sessions.begin() as session:
        a_sender(session, identity="+48500100200", organisation_id=None)
    page = pages.client().get("/en/sa/m").text
    assert "We write to nobody in" in page
    assert "+48500100200" not in page


def test_sender_whose_name_begins_as_a_service_does_is_shown(pages: Pages) -> None:
    admin = pages.member(Role.ADMIN)
    bot: dict[str, Any] = {"channel": Channel.TELEGRAM, "gateway": "telegram", "secret_name": "twilio"}
    with pages.sessions.begin() as session:
        set_profile(session, pages.ours.id, Profile(is_open=True, contact="a@example.org"), by=admin.id)
        for facts in ({"identity": "MGCARE"}, bot | {"identity": "mg_care_bot"}, {"identity": "MG" + "5b" * 16}):
            a_sender(session, organisation_id=pages.ours.id, **facts)
    page = pages.client().get("/en/pl/m").text
    assert [word in page for word in ("MGCARE", "@mg_care_bot", "MG5b")] == [True, True, False]
    assert "https://t.me/mg_care_bot" in pages.client().get("/en/pl/e").text
