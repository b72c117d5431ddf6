"""Speaking to the broker from inside a request: at once, briefly, and not again if it is down.

`async_to_sync(layer.group_send)` would open a connection for every message, because the layer
keeps one per event loop. `publish` keeps one pool per process and speaks the layer's own
language: its serializer, its name for a group, its host.
"""

import threading
import time
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import redis
from asgiref.sync import async_to_sync
from celery import current_app
from channels.layers import get_channel_layer
from channels_redis.pubsub import RedisPubSubChannelLayer
from channels_redis.utils import decode_hosts
from django.conf import settings
from kombu.pools import producers
from redis.backoff import NoBackoff
from redis.retry import Retry

# One request waits this long for a broker that hangs; then nobody tries for a while.
TIMEOUT_SECONDS = 0.25
PAUSE_SECONDS = 1.0
# Workers wait for their next message with long timeouts; whoever sends one does not.
_BRIEF = {
    "socket_timeout": TIMEOUT_SECONDS,
    "socket_connect_timeout": TIMEOUT_SECONDS,
    "max_retries": 0,
}


class Circuit:
    """Broken for `PAUSE_SECONDS` after a failure; then a single caller tries again."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._try_again_at = 0.0

    def lets_through(self) -> bool:
        """Whether the caller should try; while broken, once per pause for all threads together."""
        with self._lock:
            now = time.monotonic()
            if now < self._try_again_at:
                return False
            if self._try_again_at:
                self._try_again_at = now + PAUSE_SECONDS
            return True

    def broke(self) -> None:
        """Remember a failure."""
        with self._lock:
            self._try_again_at = time.monotonic() + PAUSE_SECONDS

    def holds(self) -> None:
        """Forget past failures."""
        with self._lock:
            self._try_again_at = 0.0


def publish(group: str, message: Mapping[str, Any]) -> None:
    """Send `message` to every member of a channel-layer group; raises what the broker raises."""
    layer = get_channel_layer()
    if not isinstance(layer, RedisPubSubChannelLayer):
        async_to_sync(layer.group_send)(group, dict(message))
        return
    name = f"{_layer_config().get('prefix', 'asgi')}__group__{group}"
    _client(_layer_address()).publish(name, layer.serialize(dict(message)))


def send(task: str, arguments: Sequence[str]) -> None:
    """Send a Celery message for the task of this name; raises what the broker raises."""
    connection = current_app.connection_for_write(transport_options=_BRIEF)
    with producers[connection].acquire(block=True, timeout=TIMEOUT_SECONDS) as producer:
        current_app.send_task(task, args=list(arguments), producer=producer)


def _layer_config() -> Mapping[str, Any]:
    layer: dict[str, Any] = settings.CHANNEL_LAYERS["default"]
    config: Mapping[str, Any] = layer.get("CONFIG", {})
    return config


def _layer_address() -> str:
    (host,) = decode_hosts(_layer_config()["hosts"])
    return str(host["address"])


@lru_cache(maxsize=4)
def _client(address: str) -> "redis.Redis":
    return redis.Redis.from_url(
        address,
        socket_timeout=TIMEOUT_SECONDS,
        socket_connect_timeout=TIMEOUT_SECONDS,
        # Once more, because a broker that was restarted left a dead connection in the pool.
        retry=Retry(NoBackoff(), 1, (redis.ConnectionError,)),
    )
