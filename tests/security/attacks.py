"""What a thief tries with one stolen account, by real requests; the last answer of each says what came of it."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from unittest.mock import patch

from sqlalchemy import select
from werkzeug.test import TestResponse

from campaigns.core import clock
from campaigns.delivery.fanout.fanout import fan_out
from campaigns.directory.models import Service
from campaigns.planning.models import Run
from campaigns.planning.policy import USUAL
from campaigns.staff.models import Role
from tests.audience.files.test_watch import OTHER, STOPPED, a_file
from tests.places.test_in_use import circle_form
from tests.planning.pages.test_senders import FORM as SENDER
from tests.reach.outcomes.told_by_two import FOREIGN, FORM, PAGE, TRIED, a_notice, sheet
from tests.security.scene import KEY, NUMBER, THEIR_CODE, THEIR_KEY, THEIR_NUMBER, Thief
from tests.web.hostile_files import few

Attack = Callable[[Thief], TestResponse]
ATTACKS: dict[str, Attack] = {}
#: What differs from one page to the next by itself: ids, times, tokens.
_BY_ITSELF = re.compile(r"<input type=.hidden.[^>]*>|hx-headers='[^']*'|nonce=\"[^\"]*\"|\d+")


def attack(name: str) -> Callable[[Attack], Attack]:
    """Put an attack on the list under its name in the table."""

    def keep(play: Attack) -> Attack:
        ATTACKS[name] = play
        return play

    return keep


def _verify(thief: Thief, service_id: int) -> TestResponse:
    page = f"/directory/{service_id}"
    seen = re.search(r'name="seen" value="(\w+)"', thief.get(page).text)
    data = TRIED | {"on": clock.now().date().isoformat()} | ({"seen": seen[1]} if seen else {})
    return thief.post(f"{page}/verify", data=data)


@attack("replace the hotline of an approved campaign")
def replace_hotline(thief: Thief) -> TestResponse:
    service_id = thief.scene.target.service_id
    answer = thief.post(f"/directory/{service_id}/edit", data=FORM)
    _verify(thief, service_id)
    return answer


@attack("replace it by a sheet")
def replace_by_sheet(thief: Thief) -> TestResponse:
    return thief.post("/directory/import", data=sheet())


@attack("add a line of their own and verify it")
def add_line(thief: Thief) -> TestResponse:
    answer = thief.post("/directory/new", data=FORM | {"name": "Another line"})
    with thief.scene.pages.sessions() as session:
        own = session.scalar(select(Service.id).where(Service.number_national == FOREIGN))
    return _verify(thief, own) if own else answer


@attack("state another emergency number")
def state_emergency(thief: Thief) -> TestResponse:
    return thief.post("/directory/emergency/PL", data=a_notice())


@attack("lead the link of texts already sent elsewhere")
def lead_link(thief: Thief) -> TestResponse:
    link = f"/reach/campaigns/{thief.scene.target.campaign_id}/link"
    return thief.post(link, data={"target": "https://help.example.org/elsewhere"})


@attack("lead it to a host of their own")
def lead_to_own_host(thief: Thief) -> TestResponse:
    link = f"/reach/campaigns/{thief.scene.target.campaign_id}/link"
    for target in ("https://user:pw@help.example.org/", "https://127.0.0.1/", f"{PAGE}\r\nX: y"):
        thief.post(link, data={"target": target})
    return thief.post(link, data={"target": "https://trafficker.example/login"})


@attack("list a host for links")
def list_host(thief: Thief) -> TestResponse:
    return thief.post("/reach/link-hosts", data={"host": "trafficker.example"})


@attack("move a place in use")
def move_place(thief: Thief) -> TestResponse:
    return thief.post(f"/places/{thief.scene.ids['place']}", data=circle_form((30.09, 46.41)))


@attack("write a campaign and approve it")
def approve_own(thief: Thief) -> TestResponse:
    campaign = f"/campaigns/{thief.scene.ids['draft']}"
    thief.post(f"{campaign}/submit")
    digest = re.search(r'name="digest" value="(\w+)"', thief.get(campaign).text)
    return thief.post(f"{campaign}/approve", data={"digest": digest[1] if digest else "0" * 64})


@attack("add a member who approves for them")
def add_puppet(thief: Thief) -> TestResponse:
    data = {"name": "Jan", "email": "jan@example.org", "roles": ["approver"]}
    return thief.post("/settings/members/add", data=data)


@attack("give themselves every role")
def take_roles(thief: Thief) -> TestResponse:
    own = thief.scene.members.get(thief.name, thief.scene.members[Role.VIEWER])
    return thief.post(f"/settings/members/{own.id}", data={"roles": list(Role)})


@attack("reset the password of an approver")
def reset_password(thief: Thief) -> TestResponse:
    return thief.post(f"/settings/members/{thief.scene.ids['approver_id']}/password")


@attack("take the number of another organisation")
def take_number(thief: Thief) -> TestResponse:
    key, number = (KEY, NUMBER) if thief.is_elsewhere else (THEIR_KEY, THEIR_NUMBER)
    data = SENDER | {"gateway": "africastalking", "secret_name": key, "identity": number}
    return thief.post("/campaigns/senders/new", data=data)


@attack("read the address at which anybody speaks as a phone")
def read_hook(thief: Thief) -> TestResponse:
    thief.get("/campaigns/senders")
    return thief.get(f"/campaigns/senders/{thief.scene.ids['sender']}")


@attack("rehearse for a hotspot of few")
def rehearse(thief: Thief) -> TestResponse:
    answer = thief.post(f"/campaigns/{thief.scene.target.campaign_id}/rehearse")
    with thief.scene.pages.sessions() as session:
        run_id = session.scalar(select(Run.id).where(Run.is_rehearsal))
    if run_id is None:
        return answer
    fan_out(thief.scene.pages.sessions, run_id, policy=USUAL)
    return thief.get(f"/delivery/runs/{run_id}")


@attack("count the people of a small audience")
def count_audience(thief: Thief) -> TestResponse:
    return thief.get(f"/audience/preview?place_ids={thief.scene.ids['place']}")


@attack("count the people of a run")
def count_run(thief: Thief) -> TestResponse:
    thief.get(f"/reach/runs/{thief.scene.ids['run']}")
    return thief.get(f"/delivery/runs/{thief.scene.ids['run']}")


@attack("read what one person was sent")
def read_row(thief: Thief) -> TestResponse:
    thief.get(f"/delivery/runs/{thief.scene.ids['run']}/deliveries")
    return thief.get(f"/delivery/runs/{thief.scene.ids['run']}/deliveries/{thief.scene.ids['delivery']}")


@attack("read the number of a person")
def read_number(thief: Thief) -> TestResponse:
    thief.get("/audience/contacts")
    return thief.get(f"/audience/contacts/{thief.scene.ids['contact']}")


@attack("read what people wrote")
def read_replies(thief: Thief) -> TestResponse:
    thief.get("/inbox")
    return thief.get("/inbox/history")


@attack("lift a stop")
def lift_stop(thief: Thief) -> TestResponse:
    page = f"/audience/contacts/{thief.scene.ids['stopped']}/lift-stop"
    return thief.post(page, data={"channel": "sms", "evidence": "They rang us."})


@attack("ask whether a phone is known, by a file of one row")
def ask_for_phone(thief: Thief) -> TestResponse:
    """Check a file with a phone that said stop to the neighbour, and one with a phone that nobody knows."""
    told = [_checked(thief, number) for number in (STOPPED, OTHER)]
    texts = {_BY_ITSELF.sub("", answer.text) for answer in told}
    thief.found |= {"stop elsewhere"} if len(texts) > 1 else set()
    return told[0]


def _checked(thief: Thief, number: str) -> TestResponse:
    content = {"file": (io.BytesIO(a_file(number)), "people.csv")}
    answer = thief.post("/audience/contacts/files", data=content)
    return thief.get(answer.location) if answer.location and "/files/" in answer.location else answer


@attack("spend the budget of others by a joint release")
def spend_budget(thief: Thief) -> TestResponse:
    quarter = {"view": "regions", "scope": "joint", "period": "2021-Q1"}
    return thief.post("/reach/publications/make", data=quarter)


@attack("stop the server by a workbook")
def upload_workbook(thief: Thief) -> TestResponse:
    hostile = few()[0]
    return thief.post(hostile.page, data=hostile.form())


@attack("guess the password of the stolen session")
def guess_password(thief: Thief) -> TestResponse:
    # What a guess costs is the business of other tests.
    with patch("campaigns.staff.sign_in.password_checks.renewed_hash", return_value=None):
        for number in range(5):
            thief.post("/sign-in/again", data={"password": f"a guess of many {number}"})
    return thief.get("/proposals")


@attack("ask for a token that outlives the session")
def ask_for_token(thief: Thief) -> TestResponse:
    return thief.post("/sign-in?include_auth_token", json={"email": "x", "password": "y"})


@attack("open a campaign before it is sent")
def open_plans(thief: Thief) -> TestResponse:
    return thief.get(f"/campaigns/{thief.scene.ids['draft']}")


@attack("open a release of another organisation")
def open_release(thief: Thief) -> TestResponse:
    release_id = thief.scene.ids["release" if thief.is_elsewhere else "their_release"]
    if thief.token:
        return thief.get(f"/api/v1/releases/{release_id}")
    if thief.is_reader:
        return thief.get(f"/publications/{thief.scene.link}/{release_id}")
    return thief.get(f"/reach/publications/{release_id}")


@attack("report help that another organisation's campaign never gave")
def report_help(thief: Thief) -> TestResponse:
    code = thief.scene.target.code if thief.is_elsewhere else THEIR_CODE
    report = {"code": code, "people": 5000, "day": clock.now().date().isoformat(), "partner": "P"}
    return thief.post("/api/v1/assisted", json=report)
