"""Keep which services an answer names, so that whoever got a number is found again when it is dead."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from campaigns.core.database import BigId, UTCDateTime, rows_with

revision: str = "0071"
down_revision: str | None = "0072"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

#: Function of each database that makes rows of a JSON list.
_ROWS_OF = {"sqlite": sa.func.json_each, "postgresql": sa.func.json_array_elements_text}


def upgrade() -> None:
    op.create_table(
        "answer_service",
        sa.Column("run_id", BigId, nullable=False),
        sa.Column("service_id", BigId, nullable=False),
        sa.Column("named_at", UTCDateTime(), nullable=False),
        sa.Column("died_at", UTCDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["run_id"], ["run_answer.run_id"], name=op.f("fk_answer_service_run_id_run_answer")
        ),
        sa.ForeignKeyConstraint(["service_id"], ["service.id"], name=op.f("fk_answer_service_service_id_service")),
        sa.PrimaryKeyConstraint("run_id", "service_id", name=op.f("pk_answer_service")),
    )
    alive, dead = rows_with("died_at IS NULL"), rows_with("died_at IS NOT NULL")
    op.create_index("ix_answer_service_alive", "answer_service", ["service_id", "named_at"], **alive)
    op.create_index("ix_answer_service_dead", "answer_service", ["service_id", "run_id"], **dead)
    _name_what_was_named()


def _name_what_was_named() -> None:
    """Keep what the answers of earlier versions named."""
    run = sa.table("run", sa.column("id"), sa.column("created_at"))
    run_answer = sa.table("run_answer", sa.column("run_id"))
    text = sa.table("run_text", sa.column("run_id"), sa.column("service_ids"))
    service, kept = sa.table("service", sa.column("id")), ["run_id", "service_id", "named_at"]
    named = _ROWS_OF[op.get_bind().dialect.name](text.c.service_ids).table_valued("value", name="named")
    was_named = service.c.id == sa.cast(named.c.value, sa.BigInteger)
    answers = run_answer.join(run, run.c.id == run_answer.c.run_id).join(text, text.c.run_id == run.c.id)
    rows = answers.join(named, sa.true()).join(service, was_named)
    found = sa.select(run.c.id, service.c.id, run.c.created_at).distinct().select_from(rows)
    answer_service = sa.table("answer_service", *map(sa.column, kept))
    op.execute(sa.insert(answer_service).from_select(kept, found))


def downgrade() -> None:
    op.drop_table("answer_service")
