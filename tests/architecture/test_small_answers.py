"""No answer to what somebody sends depends on how few people few are: previews, counts, verbs, and what they say.

Every POST of the URL map is made as author, as viewer and as a member of every role but data manager, in all three
databases of `worlds.py`. Nothing is kept of it, so that each finds the same: the answer and what it flashes are
compared.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest
from flask import Flask, Response, g
from flask.testing import FlaskClient

from campaigns.core import clock
from tests.architecture.every_route import address_of, read_table
from tests.architecture.worlds import BY_ITSELF, PROVIDER_ID, REFERENCE, WHO, World, difference, serve

Form = dict[str, Any]

#: Begin and end sessions, with limits of their own; shows a word that chance made.
NOT_WALKED = {"security.login", "security.logout", "security.verify", "account.password", "members.issue_password"}


def forms_of(world: World) -> dict[str, list[Form]]:
    """Return what is sent to where an empty form asks nothing of the few."""
    values = world.values
    here, there = values["place_id"]
    small = [
        {"place_ids": str(place), "name": "Few", **save} for place in (here, there) for save in ({}, {"save": "1"})
    ]
    plans = [
        {"name": "Few", "message_id": values["message_id"][1], "audience_id": audience, "max_parts": 3, **save}
        for audience in values["audience_id"]
        for save in ({}, {"save": "1"})
    ]
    reason = {"reason": "The answers were lost."}
    groups = [
        {},
        {"cause": "timeout"},
        {"cause": "reset"},
        {"language": "so"},
        {"country": "UA"},
        {"country": "MD"},
    ]
    return {
        "audience.create": small,
        "audience.save": small,
        "planning.create": plans,
        "planning.edit": plans,
        "delivery.rows.resend": [{"all": "1", "shown": "1000", **group, **reason} for group in groups],
        "delivery.correct": [reason],
        "planning.give_back": [reason],
    }


def answers(world: World, who: str) -> Iterator[tuple[str, str]]:
    """Yield each question and what it answers somebody, with what it flashes."""
    client, forms = world.client(who), forms_of(world)
    stranger = world.app.test_client()
    for rule in world.app.url_map.iter_rules():
        if "POST" not in (rule.methods or ()) or rule.endpoint in NOT_WALKED:
            continue
        names = sorted(rule.arguments)
        for chosen in product(*(world.values[name] for name in names)):
            address = address_of(world.app, rule, dict(zip(names, chosen, strict=True)))
            if rule.endpoint.startswith("api_"):
                yield address, post_to_api(stranger, address, world.token)
                continue
            for form in forms.get(rule.endpoint, [{}]):
                yield f"{address} {form or ''}", post(client, address, form)


def post(client: FlaskClient, address: str, form: Form) -> str:
    answer = client.post(address, data=form)
    assert answer.status_code < 500, f"{address} answered {answer.status}"
    with client.session_transaction() as cookie:
        flashed = cookie.pop("_flashes", [])
    return f"{answer.status} {answer.headers.get('Location', '')}\n{flashed}\n{BY_ITSELF.sub('', answer.text)}"


def post_to_api(client: FlaskClient, address: str, token: str) -> str:
    report = {"code": "NOBODYS", "people": 3, "day": "2026-03-01", "partner": "Shelter", "step": "assisted"}
    answer = client.post(address, json=report, headers={"Authorization": f"Bearer {token}"})
    # What the token does not open says nothing of what is behind it.
    assert answer.status_code not in (401, *range(500, 600)), f"{address} answered {answer.status}"
    return f"{answer.status}\n{answer.text}"


def keep_nothing(app: Flask) -> Flask:
    """Let an application answer as ever, and commit nothing: what is asked for last runs first."""

    @app.after_request
    def refuse(response: Response) -> Response:
        g.refused = True
        return response

    return app


@pytest.fixture(scope="module")
def unchanged(worlds: tuple[World, ...]) -> list[World]:
    return [world.behind(keep_nothing(serve(world.pages.sessions.kw["bind"]))) for world in worlds]


@pytest.mark.long
@pytest.mark.parametrize("who", WHO)
def test_no_answer_depends_on_how_few_people_are(unchanged: list[World], who: str) -> None:
    leaks, now = [], clock.now()
    with clock.running_on(lambda: now):
        for nobody, one, other in zip(*(answers(world, who) for world in unchanged), strict=True):
            leaks += [difference(one, other), difference(nobody, one)]
            question, text = one
            assert PROVIDER_ID not in text, question
            assert REFERENCE not in text, question
    assert not any(leaks), "\n".join(filter(None, leaks))


@pytest.mark.long
@pytest.mark.parametrize("name", ["rounded", "shown"])
def test_the_answers_would_show_a_leak(
    worlds: tuple[World, ...], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Each way to write a number is planted as a leak where it is read, in applications of their own."""
    leaky = [world.behind(keep_nothing(serve(world.pages.sessions.kw["bind"]))) for world in worlds[1:]]
    for world in leaky:
        monkeypatch.setitem(world.app.jinja_env.filters, name, lambda count: count)
    pairs = zip(*(answers(world, "everybody else") for world in leaky), strict=True)
    assert next((found for pair in pairs if (found := difference(*pair))), None)


def test_what_is_sent_has_somewhere_to_go(unchanged: list[World]) -> None:
    known = {endpoint for endpoint, method in read_table() if method == "POST"}
    assert set(forms_of(unchanged[0])) | NOT_WALKED <= known
