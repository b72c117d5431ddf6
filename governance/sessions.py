"""Sessions in the database under a digest of their key, so that a copy of it signs nobody in.

The cookie holds the key; SHA-256 of it, cut to the length of the column (160 bits), is what is
stored. Keys are random, so no salt is needed. Chosen by `SESSION_ENGINE`.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

from asgiref.sync import sync_to_async
from django.contrib.sessions.backends import db
from django.contrib.sessions.base_session import AbstractBaseSession
from django.utils import timezone

LENGTH = 40


class SessionStore(db.SessionStore):
    """Django's own store, except for the name a session has in its table."""

    def exists(self, session_key: str | None = None) -> bool:
        """Say whether there is a session with this key."""
        return bool(session_key) and self.model.objects.filter(pk=_digest(session_key)).exists()

    async def aexists(self, session_key: str | None = None) -> bool:
        """Say the same, asynchronously."""
        return await sync_to_async(self.exists)(session_key)

    def create_model_instance(self, data: Mapping[str, Any]) -> AbstractBaseSession:
        """Return the row to save, which the key cannot be read from."""
        row: AbstractBaseSession = super().create_model_instance(dict(data))
        row.session_key = _digest(row.session_key)
        return row

    async def acreate_model_instance(self, data: Mapping[str, Any]) -> AbstractBaseSession:
        """Return the same, asynchronously."""
        return await sync_to_async(self.create_model_instance)(data)

    def delete(self, session_key: str | None = None) -> None:
        """Delete the session with this key, or else the present one, if there is one."""
        if key := session_key or self.session_key:
            self.model.objects.filter(pk=_digest(key)).delete()

    async def adelete(self, session_key: str | None = None) -> None:
        """Delete it, asynchronously."""
        await sync_to_async(self.delete)(session_key)

    def _get_session_from_db(self) -> AbstractBaseSession | None:
        alive = self.model.objects.filter(expire_date__gt=timezone.now())
        found = alive.filter(pk=_digest(self.session_key)).first() if self.session_key else None
        if found is None:
            self._session_key = None
        return found

    async def _aget_session_from_db(self) -> AbstractBaseSession | None:
        return await sync_to_async(self._get_session_from_db)()


def _digest(key: str | None) -> str:
    return hashlib.sha256((key or "").encode()).hexdigest()[:LENGTH]
