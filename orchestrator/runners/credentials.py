"""Secrets that runners present: named in a configuration, and found on the machine only.

A configuration says `OPENAI_API_KEY`; the environment variable of that name, or the file that
`OPENAI_API_KEY_FILE` names, holds it. COUNTERSIGN_AGENT_SECRETS says which host each may be used
with (`OPENAI_API_KEY@api.openai.com`), so that no configuration can send a secret elsewhere, and
never one of the product's own. Nothing but this machine itself is told a secret without TLS.
"""

import os
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.translation import gettext as _

from orchestrator.runners import hosts
from orchestrator.runners.base import AgentFailedError
from orchestrator.runners.reach import SECRETS, secret_names


def fault_of(name: object, url: str) -> str:
    """Return why a configuration may not use this secret with this address, or nothing."""
    if not isinstance(name, str) or name in SECRETS or name not in secret_names():
        detail = _("Name an environment variable that stands in COUNTERSIGN_AGENT_SECRETS.")
        return detail + " " + _("The secret itself never stands in a configuration.")
    parts = urlsplit(url)
    host = parts.hostname or ""
    if f"{name}@{host}" not in settings.AGENT_SECRETS:
        detail = _("%(name)s is not for %(host)s; where it is, say %(both)s in %(setting)s.")
        words = {"name": name, "host": host, "both": f"{name}@{host}"}
        return detail % {**words, "setting": "COUNTERSIGN_AGENT_SECRETS"}
    if parts.scheme != "https" and host not in hosts.LOOPBACK:
        detail = _("%(name)s is not sent to %(host)s without TLS; use https.")
        return detail % {"name": name, "host": host}
    return ""


def secret(name: str, url: str) -> str:
    """Return the secret that goes to this address; raises AgentFailedError where it may not."""
    if fault := fault_of(name, url):
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
