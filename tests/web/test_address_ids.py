"""Addresses of pages name what a database can hold, or nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from campaigns.staff.models import Role

Clients = Callable[..., FlaskClient]


@pytest.mark.one_database
@pytest.mark.parametrize("number", [2**63 - 1, 2**63, 10**30, "-1"])
@pytest.mark.parametrize(
    "page", ["/delivery/runs/{}", "/campaigns/{}", "/messages/{}", "/delivery/runs/{}/deliveries"]
)
def test_impossible_id_is_not_found(client_for: Clients, page: str, number: object) -> None:
    assert client_for(Role.ADMIN, Role.STEWARD).get(page.format(number)).status_code == 404
