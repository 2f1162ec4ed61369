"""Nothing that anybody but a data manager may open depends on how few people few are, nor shows a single message.

Each page, file and answer must be the same in all of three databases that are alike in all but small numbers
(`worlds.py`), letter by letter. It walks the URL map, as test_permissions.py does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import product
from pathlib import Path

import pytest
from sqlalchemy import func, select

from campaigns.core import clock
from campaigns.delivery.models import Delivery
from campaigns.staff.models import Role
from tests.architecture.every_route import address_of, read_table
from tests.architecture.worlds import (
    BY_ITSELF,
    FEW,
    PROVIDER_ID,
    REFERENCE,
    WHO,
    World,
    copy_of,
    difference,
)

#: Ways to write a number whose leak is planted with --whole only.
LATER = [pytest.param(name, marks=pytest.mark.long) for name in ("figure", "coarse", "rounded")]


def addresses(world: World) -> Iterator[tuple[str, str]]:
    """Yield the method and address of everything that is read, each kind of thing under every name it has."""
    for rule in world.app.url_map.iter_rules():
        if "GET" in (rule.methods or ()) and rule.endpoint not in NOT_WALKED:
            names = sorted(rule.arguments)
            for chosen in product(*(world.values[name] for name in names)):
                yield rule.endpoint, address_of(world.app, rule, dict(zip(names, chosen, strict=True)))
    here, there = world.values["place_id"]
    run = world.values["run_id"][0]
    for place in (here, there):
        yield "audience.preview", f"/audience/preview?place_ids={place}"
        yield "places.show", f"/places/{place}?people=1"
    for audience in world.values["audience_id"]:
        yield "planning.coverage.show", f"/campaigns/languages/{world.values['message_id'][1]}?audience={audience}"
    for query in ("all=1&cause=timeout", "all=1&language=en", "all=1&country=UA&channel=sms", "chosen=1"):
        yield "delivery.rows.resend", f"/delivery/runs/{run}/resend?{query}"
    for query in ("unit=week", "country=PL", "language=uk", "country=FR"):
        yield "themes.show", f"/reach/themes?{query}"
    yield "delivery.rows.index", f"/delivery/runs/{run}/deliveries?state=failed"


#: What a page says in place of the numbers that it waits for.
NOT_COUNTED = re.compile("people are being counted|Waiting to be counted")
#: Ends the session; answers the time; is signed for somebody else.
NOT_WALKED = {"static", "security.logout"}


def read(world: World, who: str) -> Iterator[tuple[str, str]]:
    """Yield each address and what it answers somebody, without what differs from one answer to the next."""
    stranger, client = world.app.test_client(), world.client(who)
    for endpoint, address in addresses(world):
        if endpoint.startswith("api_"):
            answer = stranger.get(address, headers={"Authorization": f"Bearer {world.token}"})
            # What the token does not open says nothing of what is behind it.
            assert answer.status_code != 401, address
        else:
            answer = client.get(address)
        assert answer.status_code < 500, f"{address} answered {answer.status}"
        yield address, f"{answer.status} {answer.headers.get('Location', '')} {BY_ITSELF.sub('', answer.text)}"


@pytest.mark.parametrize("who", WHO)
def test_nothing_depends_on_how_few_people_are(worlds: tuple[World, ...], who: str) -> None:
    leaks, now = [], clock.now()
    # A gate names each language that somebody reads and no text is in: nobody is left out in silence.
    gated = f"/campaigns/{worlds[0].values['campaign_id'][0]}"
    names_gaps = {gated, f"{gated}/checks"}
    # A minute that ends between two answers is no leak.
    with clock.running_on(lambda: now):
        for nobody, one, other in zip(*(read(world, who) for world in worlds), strict=True):
            leaks.append(difference(one, other))
            address, text = one
            if address not in names_gaps:
                leaks.append(difference(nobody, one))
            assert PROVIDER_ID not in text, address
            assert REFERENCE not in text, address
            assert not NOT_COUNTED.search(text), f"{address} shows no number that could leak"
            assert "/deliveries" not in address or text.startswith("403"), address
    assert not any(leaks), "\n".join(filter(None, leaks))


@pytest.fixture
def copies(worlds: tuple[World, ...], tmp_path: Path) -> Iterator[list[World]]:
    """The two worlds with somebody again, for whoever leaves a trace: what is refused is in the audit trail."""
    with ExitStack() as opened:
        yield [
            opened.enter_context(copy_of(world, tmp_path / f"{number}.db"))
            for number, world in enumerate(worlds[1:])
        ]


def test_data_managers_see_what_others_do_not(copies: list[World]) -> None:
    """What is hidden is there: else the walk would be blind."""
    world = copies[0]
    client, run = world.pages.client(world.pages.member(Role.STEWARD)), world.values["run_id"][0]
    assert PROVIDER_ID in client.get(f"/delivery/runs/{run}/deliveries/{first_row(world, run)}").text
    assert f'<span class="figure-number">{FEW.failed}</span>' in client.get(f"/delivery/runs/{run}").text
    assert "Lubelskie" in client.get("/reach/themes").text


def first_row(world: World, run_id: int) -> int:
    with world.pages.sessions() as session:
        return session.scalars(select(func.min(Delivery.id)).where(Delivery.run_id == run_id)).one()


@pytest.mark.parametrize("name", ["shown", *LATER])
def test_the_walk_sees_a_leak(copies: list[World], monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Each way to write a number is planted as a leak, one at a time.

    In applications of their own: what templates import keeps the filters that it saw first, so that a leak would
    miss it where a page was read before, and outlive the test where none was.
    """
    for world in copies:
        monkeypatch.setitem(world.app.jinja_env.filters, name, lambda count: count)
    pairs = zip(*(read(world, "author") for world in copies), strict=True)
    assert next((found for pair in pairs if (found := difference(*pair))), None)


def test_every_kind_of_page_is_walked(worlds: tuple[World, ...]) -> None:
    walked = {endpoint for endpoint, _ in addresses(worlds[0])}
    readable = {endpoint for endpoint, method in read_table() if method == "GET"}
    assert readable - NOT_WALKED <= walked


def test_no_file_lists_contacts_messages_or_conversations(worlds: tuple[World, ...]) -> None:
    """None is given out; whoever adds one asks for a data manager with a fresh password, and says so here."""
    steps = ("audience.contacts.", "delivery.", "inbox", "settling.")
    files = {
        rule.endpoint
        for rule in worlds[0].app.url_map.iter_rules()
        if rule.endpoint.startswith(steps) and re.search(r"\.(csv|xlsx|json|pdf|txt)$|export|download", rule.rule)
    }
    # Shows the columns, and holds nobody.
    assert files == {"audience.contacts.example"}
