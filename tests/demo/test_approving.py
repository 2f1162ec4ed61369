"""The demo's campaign is approved as a real one is, and its run is planned: all of it in one process."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from sqlalchemy import func, select, update

from campaigns.core import clock
from campaigns.core.database import make_engine, make_sessions
from campaigns.core.keys.leave_token import NOBODYS
from campaigns.delivery.fanout.fanout import fan_out
from campaigns.delivery.models import Delivery, RunText
from campaigns.demo import stage
from campaigns.planning.models import Approval, RunState, TemplateState, WhatsAppTemplate
from campaigns.planning.policy import Policy
from campaigns.planning.runs.firing import fire_due
from campaigns.schema import metadata
from tests.moments import standing_at
from tests.web.pages import page_settings

PEOPLE = 60


def test_campaign_of_the_demo_names_its_pages_and_is_planned(tmp_path: Path) -> None:
    engine = make_engine(f"sqlite:///{tmp_path / 'demo.db'}")
    metadata.create_all(engine)
    sessions, settings = make_sessions(engine), page_settings(engine, secret_telegram="5550100:token")
    policy = Policy.of(settings)
    with sessions.begin() as session:
        cast = stage.hire(session)
        stage.mark_places(session, cast)
        stage.list_services(session, cast)
        stage.gather_people(session, cast, count=PEOPLE, settings=settings)
        campaign = stage.plan(session, cast, stage.write_message(session, cast), settings)
        # No provider is asked here.
        session.execute(update(WhatsAppTemplate).values(state=TemplateState.APPROVED, content_sid="HX1"))
        stage.approve(session, cast, campaign, settings)
        approval = session.scalars(select(Approval)).one()
        assert approval.content is not None
        assert approval.content["pages"] == settings.people_address != ""
    with standing_at(clock.now() + timedelta(minutes=2)):
        with sessions.begin() as session:
            (run,) = fire_due(session, now=clock.now(), policy=policy)
            assert (run.state, run.reason) == (RunState.PLANNING, None)
        fan_out(sessions, run.id, policy=policy)
    with sessions() as session:
        session.add(run)
        session.refresh(run)
        assert (run.state, run.reason) == (RunState.RUNNING, None)
        # Some have no text in their language.
        assert 0 < run.planned <= PEOPLE
        assert session.scalar(select(func.count()).select_from(Delivery)) == run.planned
        link = RunText.body.like(f"%{settings.people_address}/%/e/{NOBODYS}%")
        assert session.scalars(select(RunText.language).where(link)).all() != []
    engine.dispose()
