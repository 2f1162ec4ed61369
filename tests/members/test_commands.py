"""The commands for members say what they take."""

from __future__ import annotations

from click.testing import CliRunner

from campaigns.members.commands import add_member
from campaigns.staff.models import Role


def test_help_names_every_role() -> None:
    shown = CliRunner().invoke(add_member, ["--help"]).output
    assert all(role.value in shown for role in Role)
