"""What `up` does inside Django before anybody can sign in: schema, demo, sign-in link."""

import io
from datetime import timedelta

from django.core.management import call_command, get_commands
from django.db import DatabaseError, connection, connections

from audit import triggers
from audit.models import Event
from governance.models import Domain
from governance.selectors.people import console_person
from governance.selectors.signin_links import address_of
from governance.services import signin_links
from orchestrator.supervisor.refusals import CannotStartError

DEMO = "demo"
LINK_LIFE = timedelta(hours=1)


def bring_up_to_date() -> bool:
    """Apply the migrations that are waiting; return whether the log was guarded until now."""
    try:
        was_guarded = not _has_a_log() or not triggers.missing()
        # Also puts back the triggers that are missing.
        call_command("migrate", verbosity=0, interactive=False)
    except DatabaseError as error:
        reason = str(error).strip().partition("\n")[0]
        raise CannotStartError(
            f"The {connection.vendor} database cannot be used ({reason}): check DATABASE_URL and "
            "that its server runs, then start again."
        ) from None
    else:
        return was_guarded
    finally:
        connections.close_all()


def _has_a_log() -> bool:
    return Event._meta.db_table in connection.introspection.table_names()  # noqa: SLF001 - Django documents it


def is_empty() -> bool:
    """Whether nobody has founded a domain here yet."""
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
    try:
        return address_of(signin_links.issue(person=console_person(""), ttl=LINK_LIFE))
    finally:
        connections.close_all()
