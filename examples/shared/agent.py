"""Starts an agent of an example beside what the examples share: `agent.py FILE ARGUMENT...`.

The command line names both files, and a confined agent may read the folders of those.
"""

import runpy
import sys
from pathlib import Path

program = sys.argv[1]
sys.argv = sys.argv[1:]
sys.path.insert(0, str(Path(program).parent))
runpy.run_path(program, run_name="__main__")
