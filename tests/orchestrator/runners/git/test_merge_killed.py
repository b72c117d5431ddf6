"""The worker is killed with SIGKILL after every single call of git."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from governance.adapters import EffectRefusedError
from orchestrator.runners.faults import UnansweredError
from orchestrator.runners.git.merge import GitMerge
from orchestrator.runners.git.repository import open_repository
from orchestrator.runners.git.turn import turn
from tests.factories.git import branch, commit, git, merge_arguments, repository

pytestmark = pytest.mark.kill
KEY = "e" * 64
ROOT = Path(__file__).parents[4]
tool = GitMerge(["/"])

WORKER = """
import json, sys
from orchestrator.runners.git.merge import GitMerge
call = json.loads(sys.argv[1])
getattr(GitMerge(["/"]), call["method"])(*call["given"], effect_key=call["key"], fence=1)
"""

# Every line is a call for a worker of its own, forked here because starting Python takes longer
# than the call; the answer is how the worker ended.
FOREMAN = """
import json, os, sys
from orchestrator.runners.git.merge import GitMerge
for line in sys.stdin:
    call = json.loads(line)
    worker = os.fork()
    if not worker:
        os.environ["PATH"] = call["path"]
        getattr(GitMerge(["/"]), call["method"])(*call["given"], effect_key=call["key"], fence=1)
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1]), flush=True)
"""

# The process that calls git dies right after its call number `at` has ended. Between two calls it
# changes nothing, so these are all the points there are; a git that is orphaned is tested apart.
STAND_IN = """#!/bin/sh
n=$(($(cat {count}) + 1)); echo $n > {count}
{git} "$@"; code=$?
[ $n = {at} ] && kill -9 $PPID
exit $code
"""


@pytest.fixture(scope="module")
def foreman() -> Iterator["subprocess.Popen[str]"]:
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, "-c", FOREMAN],
        env=env,
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()


def killed_at(
    foreman: "subprocess.Popen[str]", folder: Path, at: int, method: str, *given: Any
) -> bool:
    """Run `method` in a process that dies at its git call number `at`; False if it finished."""
    assert foreman.stdin is not None
    assert foreman.stdout is not None
    folder.mkdir(exist_ok=True)
    count, script = folder / "count", folder / "git"
    count.write_text("0")
    script.write_text(STAND_IN.format(count=count, at=at, git=shutil.which("git")))
    script.chmod(0o755)
    path = f"{folder}:{os.environ['PATH']}"
    call = {"method": method, "given": given, "key": KEY, "path": path}
    print(json.dumps(call), file=foreman.stdin, flush=True)
    code = int(foreman.stdout.readline())
    assert code in (0, -signal.SIGKILL)
    return code != 0


def shop_at(folder: Path) -> tuple[Path, dict[str, Any], dict[str, str]]:
    """Return a fresh copy of one shop whose branch changes, removes and adds a file."""
    template = folder.parent / "template"
    if not template.exists():
        repository(template, {"a.py": "A = 1\n", "gone.py": "", "shop.py": "PRICE = 1\n"})
        branch(template, {"a.py": "A = 2\n", "gone.py": None, "new.py": "N\n"}, back_to="main")
    shutil.copytree(template, folder)
    arguments = merge_arguments(folder)
    return folder, arguments, dict(tool.collect(arguments).pins)


def recovered(arguments: dict[str, Any], pins: dict[str, str]) -> Any:
    """Do what the engine does with an effect it finds in flight: ask, then repeat."""
    found = tool.probe(arguments, pins, effect_key=KEY)
    return found or tool.perform(arguments, pins, effect_key=KEY, fence=2)


@pytest.mark.slow
def test_a_merge_killed_anywhere_happens_exactly_once(
    tmp_path: Path, foreman: "subprocess.Popen[str]"
) -> None:
    kills = 0
    for at in range(1, 200):
        shop, arguments, pins = shop_at(tmp_path / f"shop{at}")
        if not killed_at(foreman, tmp_path / "bin", at, "perform", arguments, pins):
            break
        kills += 1
        response = recovered(arguments, pins)
        assert response["warnings"] == []
        assert git(shop, "rev-list", "--count", f"{pins['target_sha']}..main") == "2"
        assert git(shop, "rev-parse", "main") == response["commit"]
        assert git(shop, "status", "--porcelain") == ""
    assert kills > 10


@pytest.mark.slow
def test_an_undo_killed_anywhere_happens_exactly_once(
    tmp_path: Path, foreman: "subprocess.Popen[str]"
) -> None:
    kills = 0
    for at in range(1, 200):
        shop, arguments, pins = shop_at(tmp_path / f"shop{at}")
        response = tool.perform(arguments, pins, effect_key=KEY, fence=1)
        commit(shop, "Later (#9)", {"later.py": ""})
        if not killed_at(foreman, tmp_path / "bin", at, "compensate", arguments, dict(response)):
            break
        kills += 1
        undone = tool.compensate(arguments, response, effect_key=KEY, fence=2)
        assert undone["warnings"] == []
        assert git(shop, "rev-parse", "main~2") == response["commit"]
        assert git(shop, "status", "--porcelain") == ""
        assert (shop / "gone.py").exists()
    assert kills > 10


@pytest.mark.parametrize("finished", [["new.py"], ["gone.py"], ["a.py"], ["a.py", "new.py"]])
def test_a_work_tree_that_was_half_updated_is_finished(
    tmp_path: Path, finished: list[str]
) -> None:
    shop, arguments, pins = shop_at(tmp_path / "shop")
    lagging = tmp_path / "lagging"
    shutil.copytree(shop, lagging, symlinks=True)
    arguments |= {"repository": str(lagging)}
    tool.perform(arguments, pins, effect_key=KEY, fence=1)
    # The branch has moved; index and files are as they were, but for the finished files.
    shutil.copy2(shop / ".git" / "index", lagging / ".git" / "index")
    for name in {"a.py", "gone.py", "new.py"} - set(finished):
        (lagging / name).unlink(missing_ok=True)
        if (shop / name).exists():
            shutil.copy2(shop / name, lagging / name)
    assert git(lagging, "status", "--porcelain") != ""
    found = tool.probe(arguments, pins, effect_key=KEY)
    assert found is not None
    assert found["warnings"] == []
    assert git(lagging, "status", "--porcelain") == ""


def test_what_a_person_changed_meanwhile_is_kept_and_told(tmp_path: Path) -> None:
    shop, arguments, pins = shop_at(tmp_path / "shop")
    index = (shop / ".git" / "index").read_bytes()
    tool.perform(arguments, pins, effect_key=KEY, fence=1)
    (shop / ".git" / "index").write_bytes(index)
    (shop / "a.py").write_text("A = 'mine'\n")
    found = tool.probe(arguments, pins, effect_key=KEY)
    assert found is not None
    (warning,) = found["warnings"]
    assert str(shop) in warning
    assert (shop / "a.py").read_text() == "A = 'mine'\n"


def started(
    arguments: dict[str, Any], pins: dict[str, str], **env: str
) -> subprocess.Popen[bytes]:
    call = json.dumps({"method": "perform", "given": [arguments, pins], "key": KEY})
    environment = os.environ | {"PYTHONPATH": str(ROOT)} | env
    return subprocess.Popen([sys.executable, "-c", WORKER, call], env=environment, cwd=ROOT)


def test_twins_that_perform_one_effect_at_once_merge_once_and_both_say_so(tmp_path: Path) -> None:
    shop, arguments, pins = shop_at(tmp_path / "shop")
    twins = [started(arguments, pins) for _ in range(4)]
    assert [twin.wait(60) for twin in twins] == [0, 0, 0, 0]
    assert git(shop, "rev-list", "--count", "--merges", "main") == "1"
    assert git(shop, "status", "--porcelain") == ""


def test_nobody_asks_while_an_orphaned_git_is_still_at_it(tmp_path: Path) -> None:
    shop, arguments, pins = shop_at(tmp_path / "shop")
    folder, reached = tmp_path / "bin", tmp_path / "reached"
    folder.mkdir()
    slow = f"""#!/bin/sh
case "$*" in *update-ref*) touch {reached}; sleep 2;; esac
exec {shutil.which("git")} "$@"
"""
    (folder / "git").write_text(slow)
    (folder / "git").chmod(0o755)
    worker = started(arguments, pins, PATH=f"{folder}:{os.environ['PATH']}")
    while not reached.exists():
        time.sleep(0.01)
    worker.kill()
    worker.wait()
    assert git(shop, "rev-parse", "main") == pins["target_sha"]
    found = tool.probe(arguments, pins, effect_key=KEY)
    assert found is not None
    assert found["commit"] == git(shop, "rev-parse", "main")
    assert git(shop, "status", "--porcelain") == ""


def test_a_worker_that_slept_through_its_replacement_is_turned_away(tmp_path: Path) -> None:
    shop, arguments, pins = shop_at(tmp_path / "shop")
    (shop / "a.py").write_text("dirty\n")
    with pytest.raises(EffectRefusedError):
        tool.perform(arguments, pins, effect_key=KEY, fence=2)
    git(shop, "checkout", "-q", "a.py")
    with pytest.raises(EffectRefusedError, match="replaced"):
        tool.perform(arguments, pins, effect_key=KEY, fence=1)
    assert git(shop, "rev-parse", "main") == pins["target_sha"]


def test_a_repository_that_stays_busy_leaves_the_outcome_unknown(
    tmp_path: Path,
) -> None:
    shop, arguments, pins = shop_at(tmp_path / "shop")
    busy = open_repository(str(shop), [Path("/")]).common_dir
    with turn(busy), pytest.raises(UnansweredError), turn(busy, wait=0.2):
        pass
    tool.perform(arguments, pins, effect_key=KEY, fence=1)
