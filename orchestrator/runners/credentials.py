"""Secrets that runners present: named in a configuration, and found on the machine only.

A configuration says `OPENAI_API_KEY`; the environment variable of that name, or the file that
`OPENAI_API_KEY_FILE` names, holds it. Names must stand in COUNTERSIGN_AGENT_SECRETS, so that no
configuration can send one of the product's own secrets out.
"""

import os
from pathlib import Path

from django.conf import settings
from django.utils.translation import gettext as _

from orchestrator.runners.base import AgentFailedError
from orchestrator.runners.reach import SECRETS


def fault_of(name: object) -> str:
    """Return why a configuration may not name this secret, or nothing."""
    if isinstance(name, str) and name in settings.AGENT_SECRETS and name not in SECRETS:
        return ""
    detail = _("Name an environment variable that stands in COUNTERSIGN_AGENT_SECRETS.")
    return detail + " " + _("The secret itself never stands in a configuration.")


def secret(name: str) -> str:
    """Return the secret; raises AgentFailedError when there is none or it may not be used."""
    if fault := fault_of(name):
        raise AgentFailedError("credential_not_allowed", fault, retryable=False)
    try:
        file = os.environ.get(f"{name}_FILE", "")
        found = Path(file).read_text().strip() if file else os.environ.get(name, "")
    except (OSError, ValueError) as error:
        detail = _("The file that %(name)s_FILE names cannot be read: %(error)s.")
        words = {"name": name, "error": type(error).__name__}
        raise AgentFailedError("credential_missing", detail % words, retryable=False) from None
    if not found:
        detail = _("There is no %(name)s in the environment of the workers.") % {"name": name}
        raise AgentFailedError("credential_missing", detail, retryable=False)
    return found
