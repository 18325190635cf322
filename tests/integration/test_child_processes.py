"""Child processes end with their parent, however it ends."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import textwrap
from pathlib import Path

import pytest

from infra.embedded.process import spawn, stop, wait_until
from tests.support.eventually import eventually

pytestmark = pytest.mark.anyio

PARENT = textwrap.dedent(
    """
    import asyncio, sys
    from pathlib import Path
    from infra.embedded.process import spawn

    async def main():
        program = "import time; print('up', flush=True); time.sleep(600)"
        child = await spawn([sys.executable, "-c", program], Path(sys.argv[1]))
        print(child.pid, flush=True)
        await child.wait()

    asyncio.run(main())
    """
)


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state not in {"Z", "X"}


async def test_a_child_dies_when_its_parent_is_killed(tmp_path: Path) -> None:
    log = tmp_path / "log"
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, str(log), stdout=asyncio.subprocess.PIPE, cwd=Path.cwd()
    )
    assert parent.stdout is not None
    child = int(await parent.stdout.readline())
    await eventually(lambda: log.read_text() == "up\n")
    assert is_running(child)
    parent.kill()
    await parent.communicate()
    await eventually(lambda: not is_running(child))


GUARDED = textwrap.dedent(
    """
    import asyncio, sys
    from pathlib import Path
    from infra.embedded.process import spawn

    PROGRAM = (
        "import signal, subprocess, sys, time;"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'], process_group=0);"
        "print(child.pid, flush=True); time.sleep(600)"
    )

    async def main():
        child = await spawn([sys.executable, "-c", PROGRAM], Path(sys.argv[1]), is_guarded=True)
        print(child.pid, flush=True)
        await child.wait()

    asyncio.run(main())
    """
)


@pytest.mark.parametrize("killed", ["parent", "child"])
async def test_what_a_guarded_child_has_started_dies_with_it_and_with_its_parent(tmp_path: Path, killed: str) -> None:
    log = tmp_path / "log"
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", GUARDED, str(log), stdout=asyncio.subprocess.PIPE, cwd=Path.cwd()
    )
    assert parent.stdout is not None
    child = int(await parent.stdout.readline())
    await eventually(lambda: log.read_text().endswith("\n"))
    grandchild = int(log.read_text())
    assert is_running(grandchild)
    os.kill(parent.pid if killed == "parent" else child, signal.SIGKILL)
    await eventually(lambda: not is_running(grandchild))
    await eventually(lambda: not is_running(child))
    await parent.communicate()


async def test_a_child_stands_in_a_session_of_its_own_and_writes_to_its_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("before\n")
    program = "import os, sys; print(os.environ['WORD'], os.getsid(0) == os.getpid(), file=sys.stderr)"
    child = await spawn([sys.executable, "-c", program], log, {"WORD": "heard"})
    assert await child.wait() == 0
    assert log.read_text() == "before\nheard True\n"


@pytest.mark.parametrize(("asked", "given"), [(0, 50_000), (500_000, 500_000)])
async def test_a_child_is_woken_as_much_later_as_it_may_be(asked: int, given: int, tmp_path: Path) -> None:
    program = "import ctypes; print(ctypes.CDLL(None).prctl(30, 0, 0, 0, 0))"
    child = await spawn([sys.executable, "-c", program], tmp_path / "log", timer_slack_ns=asked)
    assert await child.wait() == 0
    assert int((tmp_path / "log").read_text()) == given


async def test_a_child_that_does_not_heed_the_request_to_end_is_killed(tmp_path: Path) -> None:
    log = tmp_path / "log"
    program = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"
    )
    child = await spawn([sys.executable, "-c", program], log)
    await eventually(lambda: "deaf" in log.read_text())
    assert await stop(child, grace_s=0.1) == -signal.SIGKILL


async def test_stopping_a_child_that_has_ended_tells_how_it_ended(tmp_path: Path) -> None:
    child = await spawn([sys.executable, "-c", "raise SystemExit(3)"], tmp_path / "log")
    await child.wait()
    assert await stop(child, grace_s=1.0) == 3


async def test_a_program_that_does_not_exist_is_told_in_the_log(tmp_path: Path) -> None:
    child = await spawn(["/nowhere/program"], tmp_path / "log")
    assert await child.wait() != 0
    assert "/nowhere/program" in (tmp_path / "log").read_text()


async def test_waiting_ends_with_the_answer_or_with_the_time() -> None:
    answers = iter([False, False, True])

    async def answer() -> bool:
        return next(answers)

    async def never() -> bool:
        return False

    await wait_until(answer, 10.0)
    with pytest.raises(TimeoutError):
        await wait_until(never, 0.01)
