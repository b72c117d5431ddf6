"""After commit, ring whoever should look again. Nothing here carries content.

A lost ring costs latency only: viewers refetch after their own cursor and the steward sweeps
for work nobody rang for (DESIGN law 5).
"""

import logging

from asgiref.sync import async_to_sync
from celery import current_app
from channels.layers import get_channel_layer
from django.db import transaction

from audit.types import StreamKey

logger = logging.getLogger(__name__)


def stream_group(key: StreamKey) -> str:
    """Return the channel-layer group that hears about `key`."""
    return f"stream.{key.kind}.{key.object_id}"


def list_group(name: str, domain_id: object) -> str:
    """Return the channel-layer group that hears about the list `name` of a domain."""
    return f"list.{name}.{domain_id}"


def ring_stream(key: StreamKey, seq: int) -> None:
    """After commit, tell viewers of `key` that it now reaches `seq`."""
    message = {"type": "ring", "stream": str(key), "seq": seq}
    transaction.on_commit(lambda: _publish(stream_group(key), message))


def ring_list(name: str, domain_id: object) -> None:
    """After commit, tell viewers of the list that it changed; they refetch it."""
    message = {"type": "ring", "list": name, "domain": str(domain_id)}
    transaction.on_commit(lambda: _publish(list_group(name, domain_id), message))


def ring_worker(task: str, *ids: object) -> None:
    """After commit, send the task `task` its ids. The sweep repeats a ring that was lost."""
    arguments = [str(i) for i in ids]
    transaction.on_commit(lambda: _send(task, arguments))


def _publish(group: str, message: dict[str, object]) -> None:
    try:
        async_to_sync(get_channel_layer().group_send)(group, message)
    except Exception as error:  # noqa: BLE001 - the broker is only a doorbell
        logger.warning("viewers of %s were not rung: %s", group, error)


def _send(task: str, arguments: list[str]) -> None:
    try:
        current_app.send_task(task, args=arguments)
    except Exception as error:  # noqa: BLE001 - the broker is only a doorbell
        logger.warning("%s%s was not rung, the sweep will: %s", task, tuple(arguments), error)
