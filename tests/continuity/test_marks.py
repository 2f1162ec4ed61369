"""The mark outlives whoever writes it, torn pages included, and belongs to one living worker."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from campaigns.continuity.marks import Mark, read_marks, take_mark_file
from campaigns.core.errors import SettingsError

MARK = Mark(epoch=0, number=1, code="c" * 32, pulse="p" * 32)


@pytest.mark.parametrize("times", [1, 2, 3])
def test_newest_mark_is_read_again(tmp_path: Path, times: int) -> None:
    file = take_mark_file(tmp_path / "mark")
    for number in range(1, times + 1):
        file.write(replace(MARK, number=number))
    file.close()
    again = take_mark_file(tmp_path / "mark")
    assert again.last == replace(MARK, number=times)
    assert read_marks(tmp_path / "mark") == [again.last]


def test_mark_is_on_the_disk_when_it_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[list[Mark]] = []
    named: list[str] = []
    fsync, fdatasync = os.fsync, os.fdatasync

    def note_fsync(descriptor: int) -> None:
        named.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
        fsync(descriptor)

    def note_fdatasync(descriptor: int) -> None:
        synced.append(read_marks(tmp_path / "mark"))
        fdatasync(descriptor)

    monkeypatch.setattr(os, "fsync", note_fsync)
    monkeypatch.setattr(os, "fdatasync", note_fdatasync)
    file = take_mark_file(tmp_path / "mark")
    assert named == [str(file.path), str(tmp_path)]
    file.write(MARK)
    assert synced == [[MARK]]


@pytest.mark.parametrize("times", [2, 3])
def test_torn_page_leaves_the_mark_before(tmp_path: Path, times: int) -> None:
    file = take_mark_file(tmp_path / "mark")
    for number in range(1, times + 1):
        file.write(replace(MARK, number=number))
    file.close()
    descriptor = os.open(tmp_path / "mark-0", os.O_RDWR)
    os.pwrite(descriptor, b"torn", times % 2 * 4096 + 100)
    os.close(descriptor)
    assert read_marks(tmp_path / "mark") == [replace(MARK, number=times - 1)]


def test_reopened_file_is_not_written_over_its_newest_page(tmp_path: Path) -> None:
    for number in (1, 2, 3):
        file = take_mark_file(tmp_path / "mark")
        before = file.last
        file.write(replace(MARK, number=number))
        file.close()
        descriptor = os.open(tmp_path / "mark-0", os.O_RDWR)
        page = os.pread(descriptor, 4096, number % 2 * 4096)
        os.pwrite(descriptor, b"\0" * 4096, number % 2 * 4096)
        assert read_marks(tmp_path / "mark") == ([] if before is None else [before])
        os.pwrite(descriptor, page, number % 2 * 4096)
        os.close(descriptor)


def test_two_living_workers_have_a_mark_each(tmp_path: Path) -> None:
    first, second = take_mark_file(tmp_path / "mark"), take_mark_file(tmp_path / "mark")
    assert first.path != second.path
    first.close()
    assert take_mark_file(tmp_path / "mark").path == first.path


def test_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match="where it notes how far it came"):
        take_mark_file(tmp_path / "file" / "mark")


def test_mark_that_a_full_disk_takes_in_part_is_not_taken_for_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = take_mark_file(tmp_path / "mark")
    file.write(MARK)
    write = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda to, content, at: write(to, content[:10], at))
    with pytest.raises(OSError, match="part"):
        file.write(replace(MARK, number=2))
    assert file.last == MARK
    assert read_marks(tmp_path / "mark") == [MARK]
