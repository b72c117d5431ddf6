"""Profiler: runs the workload under cProfile and says where its processor time goes."""

import json
import pstats
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from findings import answer, refuse
from project import WORKLOAD, lay_out, run_python
from repository import Unusable

MOST = 8
# What other programs of a busy machine take is no slowness of this one.
PROFILED = """
import cProfile, runpy, sys, time
profile = cProfile.Profile(time.process_time)
profile.runcall(runpy.run_path, sys.argv[1], run_name="__main__")
profile.dump_stats("workload.pstats")
"""


def main() -> None:
    """Profile the workload of the repository."""
    inputs = json.load(sys.stdin)["inputs"]
    with tempfile.TemporaryDirectory() as made:
        try:
            folder = lay_out(inputs["repository"], Path(made).resolve())
            answer(profiled(folder, inputs["target_ms"]))
        except (Unusable, OSError, subprocess.SubprocessError) as error:
            refuse("not_profiled", str(error))


def profiled(folder: Path, target_ms: int) -> dict[str, Any]:
    """Return the hottest functions of the program itself, with their share of all its time."""
    done = run_python(folder, "-c", PROFILED, WORKLOAD)
    if done.returncode:
        raise Unusable(f"The workload failed: {done.stderr[-500:]}")
    stats = pstats.Stats(str(folder / "workload.pstats"))
    total = stats.total_tt
    hottest = sorted(_functions(stats, folder), key=lambda one: -one["share"])[:MOST]
    total_ms = round(total * 1000)
    output = {"total_ms": total_ms, "is_slow": total_ms > target_ms, "hottest": hottest}
    findings = [_told(one) for one in hottest]
    content = {"total_ms": total_ms, "target_ms": target_ms, "findings": findings}
    return {
        "output": output,
        "exhibits": [{"name": "Profile", "kind": "findings", "content": content}],
    }


def _functions(stats: pstats.Stats, folder: Path) -> list[dict[str, Any]]:
    """Return the functions with what they took without those of the program that they call.

    What builtins and comprehensions took is theirs who called them, so a search through a list
    counts where it is written.
    """
    ours = {key for key in stats.stats if Path(key[0]).parent == folder and key[2][0] != "<"}
    own = {key: stats.stats[key][2] for key in ours}
    for key, (_, _, _, _, callers) in stats.stats.items():
        for caller, (_, _, _, spent) in callers.items() if key not in ours else ():
            if caller in ours:
                own[caller] += spent
    total = stats.total_tt or 1
    return [
        {
            "file": Path(key[0]).name,
            "line": key[1],
            "function": key[2],
            "calls": stats.stats[key][1],
            "own_ms": round(own[key] * 1000),
            "share": round(own[key] * 100 / total),
        }
        for key in ours
    ]


def _told(one: dict[str, Any]) -> dict[str, Any]:
    words = f"{one['function']}: {one['share']} % of the time in {one['calls']} calls"
    return {
        "severity": "info",
        "rule": "hot",
        "file": one["file"],
        "line": one["line"],
        "message": words,
    }


if __name__ == "__main__":
    main()
