"""The processes of one machine, in the order in which they must end."""

import os
import sys

from orchestrator.supervisor.child import ROOT, Plan
from orchestrator.supervisor.valkey import Valkey

# The web stops asking first, then the workers finish, then the broker may go.
ASKING, WORKING, RINGING = range(3)
WORKERS = {"control": "control", "work": "agents,effects"}
# Celery warns about root, which is harmless with JSON messages; `up` checked the project once.
QUIET = {
    "CELERY_SKIP_CHECKS": "true",
    "PYTHONWARNINGS": "ignore:You're running the worker with superuser privileges",
}
# macOS: forked workers may neither touch Objective-C nor look up proxies.
FORK_SAFE = {"OBJC_DISABLE_INITIALIZE_FORK_SAFETY": "YES", "no_proxy": "*"}


def web(descriptor: int) -> Plan:
    """Plan the web process on an inherited socket."""
    command = (sys.executable, "-m", "orchestrator.supervisor.web", str(descriptor))
    return Plan("web", command, ASKING, descriptors=(descriptor,))


def steward() -> Plan:
    """Plan the steward."""
    return Plan("steward", (sys.executable, str(ROOT / "manage.py"), "steward"), ASKING)


def worker(name: str) -> Plan:
    """Plan one of WORKERS: two prefork processes, which can be killed without the others."""
    options = ("--pool", "prefork", "-c", "2", "--without-gossip", "--without-mingle")
    celery = (sys.executable, "-m", "celery", "-q", "-A", "orchestrator", "worker", *options)
    command = (*celery, "-Q", WORKERS[name], "-n", node_name(name), "-l", "WARNING")
    environment = QUIET | (FORK_SAFE if sys.platform == "darwin" else {})
    return Plan(name, command, WORKING, environment)


def node_name(name: str) -> str:
    """Return the worker's name on the broker, which other instances may share."""
    return f"{name}@up-{os.getpid()}"


def broker(server: Valkey) -> Plan:
    """Plan the embedded Valkey."""
    return Plan("valkey", server.command, RINGING)
