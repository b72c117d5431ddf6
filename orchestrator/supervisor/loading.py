"""Loads the product once, for this process and for the copies that become its children."""

import importlib

import django
from django.core.exceptions import ImproperlyConfigured
from django.urls import get_resolver

from orchestrator.supervisor.refusals import CannotStartError

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


def load() -> None:
    """Load Django and all that the children will need, without touching database or broker.

    The environment must say by now where those are: settings are read here.
    """
    try:
        django.setup()
    except ImproperlyConfigured as error:
        raise CannotStartError(f"The environment sets something impossible: {error}") from None
    for module in CHILDREN_NEED:
        importlib.import_module(module)
    # Reading the list is what imports every view.
    len(get_resolver().url_patterns)
