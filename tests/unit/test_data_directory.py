import os
import subprocess
import sys
from collections import namedtuple

import pytest

from infra import data_directory
from infra.data_directory import DATA_VERSION, DataDirectoryError, lock_holder, locked_data_directory


def refusal(directory) -> str:
    with pytest.raises(DataDirectoryError) as raised, locked_data_directory(directory):
        pass
    assert "\n" not in str(raised.value)
    return str(raised.value)


def test_a_new_directory_is_made_and_marked_with_its_version(tmp_path):
    with locked_data_directory(tmp_path / "a" / "b"):
        assert (tmp_path / "a" / "b" / "VERSION").read_text() == f"{DATA_VERSION}\n"


def test_a_directory_in_use_names_the_process_that_holds_it(tmp_path):
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, pathlib; from infra.data_directory import locked_data_directory\n"
            "with locked_data_directory(pathlib.Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()",
            str(tmp_path),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": "."},
    )
    with holder:
        assert holder.stdout.readline() == b"held\n"
        assert lock_holder(tmp_path) == holder.pid
        assert f"in use by process {holder.pid}:" in refusal(tmp_path)
        holder.kill()
    with locked_data_directory(tmp_path):
        assert lock_holder(tmp_path) == os.getpid()
    assert lock_holder(tmp_path) is None


def test_whether_the_last_holder_was_killed_is_known(tmp_path):
    with locked_data_directory(tmp_path) as was_killed:
        assert not was_killed
    with locked_data_directory(tmp_path) as was_killed:
        assert not was_killed
    (tmp_path / "lock").write_text("4711\n")
    with locked_data_directory(tmp_path) as was_killed:
        assert was_killed


def test_a_released_directory_can_be_used_again(tmp_path):
    for _ in range(2):
        with locked_data_directory(tmp_path):
            pass


def test_children_do_not_hold_the_directory_after_their_parent(tmp_path):
    command = [sys.executable, "-c", "print(flush=True); input()"]
    with locked_data_directory(tmp_path):
        child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, close_fds=False)
        assert child.stdout.readline() == b"\n"
    with child, locked_data_directory(tmp_path):
        child.communicate(b"\n")


def test_data_of_a_newer_version_are_refused_and_left_alone(tmp_path):
    (tmp_path / "VERSION").write_text(f"{DATA_VERSION + 1}\n")
    assert f"version {DATA_VERSION + 1}" in refusal(tmp_path)
    assert "MOCKX_DATA_DIR" in refusal(tmp_path)
    assert (tmp_path / "VERSION").read_text() == f"{DATA_VERSION + 1}\n"


def test_a_damaged_version_is_refused(tmp_path):
    (tmp_path / "VERSION").write_text("one\n")
    assert "is damaged" in refusal(tmp_path)


def test_a_full_disk_is_refused_before_anything_is_written(tmp_path, monkeypatch):
    usage = namedtuple("usage", "free")
    monkeypatch.setattr(data_directory.shutil, "disk_usage", lambda path: usage(free=5_000_000))
    text = refusal(tmp_path)
    assert "5 MB" in text
    assert "MOCKX_DATA_DIR" in text
    assert not (tmp_path / "VERSION").exists()


def test_a_path_that_is_no_directory_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    assert "MOCKX_DATA_DIR" in refusal(tmp_path / "file")
