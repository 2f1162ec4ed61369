"""Setting up, and what a restore put in place: whatever is half there is told in one sentence."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from unittest.mock import Mock

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from campaigns.core.database import make_engine
from campaigns.core.errors import UnavailableError
from campaigns.core.settings import load_settings
from campaigns.readiness.instance import check_whole
from campaigns.readiness.setting_up import set_up


def test_backup_over_a_file_whose_log_lay_there_still_is_found_damaged(tmp_path: Path) -> None:
    """SQLite writes what the old log holds into the backup, and says nothing."""
    database, backup = tmp_path / "one.db", tmp_path / "backup.db"
    engine = make_engine(f"sqlite:///{database}")
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE kept (id INTEGER PRIMARY KEY, words TEXT UNIQUE)"))
        values = [{"words": f"{number:0200}"} for number in range(2000)]
        connection.execute(text("INSERT INTO kept (words) VALUES (:words)"), values)
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM kept WHERE id % 2"))
    engine.dispose()
    check_whole(f"sqlite:///{database}")
    with closing(sqlite3.connect(database)) as old:
        old.execute("VACUUM INTO ?", [str(backup)])
        old.execute("UPDATE kept SET words = words || 'later'")
        old.commit()
        # As after a power cut, with nobody to close it.
        shutil.copy(f"{database}-wal", tmp_path / "log")
    for name, left in (("one.db", "backup.db"), ("one.db-wal", "log")):
        shutil.copy(tmp_path / left, tmp_path / name)
    with pytest.raises(UnavailableError, match=r"is damaged .* together with what lies beside it"):
        check_whole(f"sqlite:///{database}")


def test_set_up_that_breaks_after_the_upgrade_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever read that nothing was changed would leave the old version running on new tables."""
    place = {
        "FINGERPOST_DATABASE_URL": f"sqlite:///{tmp_path / 'one.db'}",
        "FINGERPOST_KEYS_FILE": str(tmp_path / "k"),
    }
    locked = OperationalError("INSERT", {}, sqlite3.OperationalError("database is locked"))
    monkeypatch.setattr("campaigns.readiness.setting_up.load_regions", Mock(side_effect=locked))
    told = "keeps it locked. The tables are upgraded; run `fingerpost setup` once more."
    with pytest.raises(UnavailableError, match=told):
        set_up(load_settings(place | {"FINGERPOST_MODE": "demo"}), say=print)
