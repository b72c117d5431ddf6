"""The one WebSocket of the product. It carries doorbells, never content.

A client joins streams and lists and is told how far they are: at once, when somebody rings, and
every few seconds in case a ring was lost. What it may not see and what does not exist are one
answer. Whether it is still the same person with the same rights is asked of the database again
before a ring goes out (at most once a second) and every five seconds in any case.
"""

import asyncio
import json
import logging
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer
from django.db import DatabaseError
from redis import RedisError

from audit import topics
from audit.selectors.live import signed_in, versions_for
from audit.topics import Topic

logger = logging.getLogger(__name__)

SIGNED_OUT: Final = 4401
NOT_FOUND: Final = 4404
TOO_LARGE: Final = 4413
TRY_AGAIN_LATER: Final = 1013

Answer = Mapping[Topic, int] | None


@dataclass(slots=True, eq=False)
class Joined:
    """One topic of one connection: what the client was told and what it is to be told."""

    topic: Topic
    told: int
    rung: int | None = None
    seen_at: float = 0.0
    told_at: float = 0.0

    @property
    def is_list(self) -> bool:
        """Whether it can only be fetched again, because it has no seq."""
        return isinstance(self.topic, topics.ListTopic)


class LiveConsumer(AsyncJsonWebsocketConsumer):  # type: ignore[misc] # Channels has no types
    """Doorbells for one browser tab. Times are in seconds."""

    message_limit = 512
    topic_limit = 50
    refusal_limit = 20
    ring_gap = 0.05
    fresh_for = 1.0
    check_every = 5.0
    # Not every event of a domain changes a list, so the look for a lost ring is more patient.
    list_patience = 15.0

    async def connect(self) -> None:
        """Accept everybody, so that a browser can read why it is sent away again."""
        self.joined: dict[str, Joined] = {}
        self.refusals = 0
        self.gone = False
        self.wake = asyncio.Event()
        self.session_key: str | None = self.scope["session"].session_key
        await self.accept()
        if not self.scope["user"].is_authenticated:
            await self.leave_with(SIGNED_OUT)
            return
        self.attendant = asyncio.create_task(self.attend())

    async def disconnect(self, code: int) -> None:
        """Forget everything; nothing of a connection outlives it."""
        self.gone = True
        if hasattr(self, "attendant"):
            self.attendant.cancel()
        for joined in [*self.joined.values()]:
            with suppress(RedisError, OSError):
                await self.channel_layer.group_discard(joined.topic.group, self.channel_name)

    async def leave_with(self, code: int) -> None:
        """Close with a code the client understands, once."""
        if not self.gone:
            self.gone = True
            await self.close(code)

    # What the client says -----------------------------------------------------------------

    async def receive(
        self, text_data: str | None = None, bytes_data: bytes | None = None, **kwargs: Any
    ) -> None:
        """Join or leave one topic per message; anything else is refused without an effect."""
        if self.gone:
            return
        if bytes_data or len(text_data or "") > self.message_limit:
            await self.leave_with(TOO_LARGE)
            return
        try:
            verb, name = _read(text_data or "")
            topic = topics.parse(name)
        except ValueError:
            await self.refuse("", "invalid")
            return
        try:
            await (self.join(topic) if verb == "join" else self.part(str(topic)))
        except (RedisError, OSError, DatabaseError) as error:
            logger.warning("a viewer is asked to come back later: %s", error)
            await self.leave_with(TRY_AGAIN_LATER)

    async def join(self, topic: Topic) -> None:
        """Answer with how far the topic is, and ring from now on."""
        name = str(topic)
        if name not in self.joined and len(self.joined) >= self.topic_limit:
            await self.refuse(name, "too_many")
            return
        await self.channel_layer.group_add(topic.group, self.channel_name)
        version = (await self.look([topic])).get(topic)
        if version is None:
            await self.channel_layer.group_discard(topic.group, self.channel_name)
            await self.refuse(name, "not_found")
            return
        self.joined[name] = Joined(topic, told=version, seen_at=_now(), told_at=_now())
        await self.tell(topic, version)

    async def part(self, name: str) -> None:
        """Stop ringing for a topic."""
        joined = self.joined.pop(name, None)
        if joined is not None:
            await self.channel_layer.group_discard(joined.topic.group, self.channel_name)

    async def refuse(self, name: str, code: str) -> None:
        """Say no; a client that keeps asking for what it may not see is sent away."""
        self.refusals += 1
        if self.refusals > self.refusal_limit:
            await self.leave_with(NOT_FOUND)
        elif not self.gone:
            await self.send_json({"refused": name, "code": code})

    # What the client is told --------------------------------------------------------------

    async def ring(self, message: dict[str, Any]) -> None:
        """Remember a ring from the channel layer; the attendant passes it on."""
        joined = self.joined.get(topics.of_ring(message))
        if joined is not None:
            joined.rung = max(joined.rung or 0, int(message.get("seq", 0)))
            self.wake.set()

    async def attend(self) -> None:
        """Pass rings on, at most one per `ring_gap` and topic, and look around in between."""
        try:
            check_at = _now() + self.check_every
            while not self.gone:
                await self.sleep_until(min([check_at, *self.times_due()]))
                await self.pass_on()
                if _now() >= check_at:
                    await self.check([*self.joined.values()])
                    check_at = _now() + self.check_every
        except (RedisError, OSError, DatabaseError) as error:
            logger.warning("a viewer is asked to come back later: %s", error)
            await self.leave_with(TRY_AGAIN_LATER)

    def times_due(self) -> list[float]:
        """Return when each topic with something to tell may be rung next."""
        return [j.told_at + self.ring_gap for j in self.joined.values() if j.rung is not None]

    async def sleep_until(self, moment: float) -> None:
        """Sleep until then, or until somebody rings."""
        with suppress(TimeoutError):
            async with asyncio.timeout_at(moment):
                await self.wake.wait()
        self.wake.clear()

    async def pass_on(self) -> None:
        """Tell the client everything it has not heard yet, in the newest version only."""
        now = _now()
        rung = [joined for joined in self.joined.values() if joined.rung is not None]
        due = [joined for joined in rung if joined.told_at + self.ring_gap <= now]
        await self.check([j for j in due if j.is_list or now - j.seen_at > self.fresh_for])
        for joined in due:
            if str(joined.topic) in self.joined and not self.gone:
                await self.tell_rung(joined)

    async def tell_rung(self, joined: Joined) -> None:
        """Ring, unless it is an old ring of a stream the client knows better already."""
        version, joined.rung = joined.rung or 0, None
        if version <= joined.told and not joined.is_list:
            return
        joined.told, joined.told_at = max(joined.told, version), _now()
        await self.tell(joined.topic, joined.told)

    async def tell(self, topic: Topic, version: int) -> None:
        """Send one doorbell."""
        if not self.gone:
            await self.send_json(topic.ring(version))

    # What the database says ---------------------------------------------------------------

    async def check(self, some: Collection[Joined]) -> None:
        """Look again: part from what is no longer theirs, ring for what moved unheard."""
        if not some:
            return
        versions = await self.look([joined.topic for joined in some])
        for joined in some:
            version = versions.get(joined.topic)
            if version is None:
                await self.part(str(joined.topic))
                await self.refuse(str(joined.topic), "not_found")
                continue
            joined.seen_at = now = _now()
            patience = self.list_patience if joined.is_list and joined.rung is None else 0
            if version > joined.told and now - joined.told_at >= patience:
                joined.rung = max(joined.rung or 0, version)

    async def look(self, some: Collection[Topic]) -> Mapping[Topic, int]:
        """Ask whether they are still signed in and how far what they may see is."""
        versions: Answer = await database_sync_to_async(_look)(self.session_key, some)
        if versions is None:
            await self.leave_with(SIGNED_OUT)
            return {}
        return versions


def _look(session_key: str | None, some: Collection[Topic]) -> Answer:
    person = signed_in(session_key)
    return None if person is None else versions_for(person, some)


def _read(text: str) -> tuple[str, str]:
    match json.loads(text):
        case {"join": str(name)}:
            return "join", name
        case {"leave": str(name)}:
            return "leave", name
    raise ValueError("neither join nor leave")


def _now() -> float:
    return asyncio.get_running_loop().time()
