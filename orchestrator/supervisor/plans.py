"""The processes of one machine, in the order in which they must end.

The modules that do the work load Django, so they are imported when a copy of this process has
become one of them; `first_run.load` has loaded them by then.
"""

import os
import sys

from orchestrator.supervisor.child import ROOT, Plan
from orchestrator.supervisor.postgres import Postgres
from orchestrator.supervisor.valkey import Valkey

# The web stops asking first, then the workers finish, then broker and database may go.
ASKING, WORKING, SERVING = range(3)
WORKERS = {"control": "control", "work": "agents,effects"}
# macOS: forked workers may neither touch Objective-C nor look up proxies.
FORK_SAFE = {"OBJC_DISABLE_INITIALIZE_FORK_SAFETY": "YES", "no_proxy": "*"}


def web(descriptor: int) -> Plan:
    """Plan the web process on an inherited socket."""

    def run() -> None:
        from orchestrator.supervisor import web as module  # noqa: PLC0415 - see above

        module.main([str(descriptor)])

    command = (sys.executable, "-m", "orchestrator.supervisor.web", str(descriptor))
    return Plan("web", command, ASKING, run, descriptors=(descriptor,))


def steward() -> Plan:
    """Plan the steward."""

    def run() -> None:
        from django.core.management import call_command  # noqa: PLC0415 - see above

        call_command("steward")

    return Plan("steward", (sys.executable, str(ROOT / "manage.py"), "steward"), ASKING, run)


def worker(name: str) -> Plan:
    """Plan one of WORKERS: two prefork processes, which can be killed without the others."""
    arguments = (node_name(name), WORKERS[name])

    def run() -> int:
        from orchestrator.supervisor import worker as module  # noqa: PLC0415 - see above

        return module.main(*arguments)

    command = (sys.executable, "-m", "orchestrator.supervisor.worker", *arguments)
    environment = FORK_SAFE if sys.platform == "darwin" else {}
    return Plan(name, command, WORKING, run, environment)


def node_name(name: str) -> str:
    """Return the worker's name on the broker, which other instances may share."""
    return f"{name}@up-{os.getpid()}"


def broker(server: Valkey) -> Plan:
    """Plan the embedded Valkey, whose environment other processes may read."""
    return Plan("valkey", server.command, SERVING, keeps_secrets=False)


def database(server: Postgres) -> Plan:
    """Plan the embedded PostgreSQL. On SIGTERM it serves whom it has and ends."""
    return Plan("postgres", server.command, SERVING, keeps_secrets=False, log=server.log)
