"""Starts a service on loopback and lets something go wrong: `stage.py FOLDER FAULT...`.

Faults: leak, flood, slow (see ../shared/incident.py). The service ends by itself after half an
hour, or when its folder is gone.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "shared"))

from incident import staged

if __name__ == "__main__":
    staged()
