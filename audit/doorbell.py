"""After commit, ring whoever should look again. Nothing here carries content.

A lost ring costs latency only: viewers refetch after their own cursor and the steward sweeps
for work nobody rang for (DESIGN law 5). So a broker that is down is logged, and asked again a
second later; the request that rings never fails and hardly waits.
"""

import logging
from collections.abc import Callable
from functools import partial

from django.db import transaction

from audit import broker
from audit.types import StreamKey

logger = logging.getLogger(__name__)
_circuit = broker.Circuit()


def stream_group(key: StreamKey) -> str:
    """Return the channel-layer group that hears about `key`."""
    return f"stream.{key.kind}.{key.object_id}"


def list_group(name: str, domain_id: object) -> str:
    """Return the channel-layer group that hears about the list `name` of a domain."""
    return f"list.{name}.{domain_id}"


def ring_stream(key: StreamKey, seq: int) -> None:
    """After commit, tell viewers of `key` that it now reaches `seq`."""
    message = {"type": "ring", "stream": str(key), "seq": seq}
    _after_commit(str(key), partial(broker.publish, stream_group(key), message))


def ring_list(name: str, domain_id: object) -> None:
    """After commit, tell viewers of the list that it changed; they refetch it."""
    message = {"type": "ring", "list": name, "domain": str(domain_id)}
    _after_commit(f"list {name}", partial(broker.publish, list_group(name, domain_id), message))


def ring_worker(task: str, *ids: object) -> None:
    """After commit, send the task `task` its ids. The sweep repeats a ring that was lost."""
    arguments = [str(i) for i in ids]
    _after_commit(f"{task}{tuple(arguments)}", partial(broker.send, task, arguments))


def _after_commit(whom: str, ring: Callable[[], None]) -> None:
    transaction.on_commit(partial(_try, whom, ring))


def _try(whom: str, ring: Callable[[], None]) -> None:
    if not _circuit.lets_through():
        logger.info("%s was not rung: the broker is down", whom)
        return
    try:
        ring()
    except Exception as error:  # noqa: BLE001 - the broker is only a doorbell
        _circuit.broke()
        logger.warning("%s was not rung, the next look will find it: %s", whom, error)
    else:
        _circuit.holds()
