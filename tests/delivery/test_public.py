"""Pages for everybody show whom we write as in a country and what we wrote lately, and nothing of one person."""

from __future__ import annotations

from datetime import timedelta

from campaigns.core import clock
from campaigns.delivery.models import RunText
from campaigns.public_pages.service import set_profile
from campaigns.staff.models import Role
from tests.factories import a_campaign, a_run, a_sender, add
from tests.web.pages import Pages


def test_senders_and_late_texts_of_those_who_are_open_are_shown(pages: Pages) -> None:
    admin = pages.member(Role.ADMIN)
    with pages.sessions.begin() as session:
        set_profile(session, pages.ours.id, is_open=True, shown_name="", contact="a@example.org", by=admin.id)
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


def test_nobody_is_written_to_where_there_is_no_sender(pages: Pages) -> None:
    page = pages.client().get("/en/sa/m").text
    assert "We write to nobody in" in page
