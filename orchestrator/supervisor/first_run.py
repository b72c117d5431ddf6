"""What `up` does inside Django before anybody can sign in: schema, demo, sign-in link.

It is the only module here that needs Django; it is imported once the environment says where
the database and the broker are.
"""

import importlib
import io
from datetime import timedelta

import django
from django.core.management import call_command, get_commands
from django.db import DatabaseError, connection, connections
from django.urls import get_resolver

from orchestrator.supervisor.refusals import CannotStartError

DEMO = "demo"
CHILDREN_NEED = (
    "orchestrator.asgi",
    "orchestrator.supervisor.web",
    "orchestrator.supervisor.worker",
    "uvicorn.protocols.http.httptools_impl",
    "uvicorn.protocols.websockets.auto",
    "uvicorn.loops.auto",
    "celery.concurrency.prefork",
    "kombu.transport.redis",
    "orchestrator.management.commands.steward",
)
LINK_LIFE = timedelta(hours=1)


def load() -> None:
    """Load Django and all that the children will need, without touching database or broker."""
    django.setup()
    for module in CHILDREN_NEED:
        importlib.import_module(module)
    # Reading the list is what imports every view.
    len(get_resolver().url_patterns)


def bring_up_to_date() -> None:
    """Apply the migrations that are waiting."""
    try:
        call_command("migrate", verbosity=0, interactive=False)
    except DatabaseError as error:
        reason = str(error).strip().partition("\n")[0]
        raise CannotStartError(
            f"The {connection.vendor} database cannot be used ({reason}): check DATABASE_URL and "
            "that its server runs, then start again."
        ) from None
    finally:
        connections.close_all()


def is_empty() -> bool:
    """Whether nobody has founded a domain here yet."""
    from governance.models import Domain  # noqa: PLC0415 - models exist only after django.setup()

    return not Domain.objects.exists()


def load_demo() -> str:
    """Seed the example and start its run; return what went wrong, or an empty string."""
    if DEMO not in get_commands():
        return "this build has no demo"
    try:
        call_command(DEMO, stdout=io.StringIO())
    except Exception as error:  # noqa: BLE001 - the product works without its demo
        return str(error) or type(error).__name__
    finally:
        connections.close_all()
    return ""


def signin_address() -> str:
    """Return the address of a fresh one-time link: for the first person, enrolled or not."""
    from governance.selectors import people, signin_links  # noqa: PLC0415 - as above
    from governance.services.signin_links import issue  # noqa: PLC0415 - as above

    try:
        return signin_links.address_of(issue(person=people.console_person(""), ttl=LINK_LIFE))
    finally:
        connections.close_all()
