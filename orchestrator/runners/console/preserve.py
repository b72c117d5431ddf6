"""The tool `evidence.preserve`: keep a service's log as it is now, under its own digest."""

import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from governance.adapters import ExhibitDraft, Facts, Words
from governance.models import Reversibility, Risk
from orchestrator.runners.console.tool import (
    PATH,
    LastingTool,
    draft,
    service_facts,
)
from orchestrator.runners.faults import PlaceError, as_effects, as_facts

SLUG = "evidence.preserve"
NAME = "Preserve evidence"
DESCRIPTION = "Keeps the log of a local service, as far as it was written, under its SHA-256."
RISK, REVERSIBILITY = Risk.LOW, Reversibility.READ_ONLY
SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["service", "size"],
    "properties": {
        "service": PATH,
        "size": {"type": "integer", "minimum": 1, "maximum": 64_000_000},
    },
}
WORDS: Words = {
    "size": gettext_lazy("Bytes to keep"),
    "digest": gettext_lazy("What is kept, SHA-256"),
}


class Preserve(LastingTool):
    """Adapter of `evidence.preserve`. Pinned: the SHA-256 of the part of the log that is kept.

    The log only grows, so that part stays what it is unless somebody tampers with it.
    """

    slug = SLUG
    cedar_action = "preserve"
    words = WORDS
    effect_class = "natural"
    lasting = gettext_lazy("Evidence stays where it is kept.")

    def __init__(self, roots: Sequence[str], store: Path) -> None:
        super().__init__(roots)
        self.store = store

    def collect(self, arguments: Mapping[str, Any]) -> Facts:
        """Hash the log as far as it is to be kept."""
        with as_facts():
            service = self.service(arguments)
            digest = service.log_digest(arguments["size"])
        return service_facts(service, "digest", digest)

    def sentence(self, arguments: Mapping[str, Any], pins: Mapping[str, str]) -> str:
        """Say how much of which log would be kept, under which digest."""
        with as_facts():
            name = self.service(arguments).name
        words = {"size": arguments["size"], "service": name, "digest": pins["digest"][:12]}
        return _("Keep %(size)s bytes of the log of %(service)s as %(digest)s…") % words

    def preview(
        self, arguments: Mapping[str, Any], pins: Mapping[str, str]
    ) -> Sequence[ExhibitDraft]:
        """Show the digest."""
        return [draft(_("Evidence"), {"bytes": arguments["size"], "sha256": pins["digest"]})]

    def perform(
        self,
        arguments: Mapping[str, Any],
        pins: Mapping[str, str],
        *,
        effect_key: str,
        fence: int,
    ) -> Mapping[str, Any]:
        """Write the file that is named by its digest; one that is there already is the same."""
        with as_effects():
            data = self.service(arguments).log(arguments["size"])
            if hashlib.sha256(data).hexdigest() != pins["digest"]:
                raise PlaceError("The log is not what it was: somebody changed it.")
            place = self._kept(pins["digest"], data)
        return {"evidence": str(place), "sha256": pins["digest"], "bytes": len(data)}

    def probe(
        self, arguments: Mapping[str, Any], pins: Mapping[str, str], *, effect_key: str
    ) -> Mapping[str, Any] | None:
        """Return the response if the evidence is kept."""
        place = self.store / pins["digest"]
        if not place.is_file():
            return None
        return {
            "evidence": str(place),
            "sha256": pins["digest"],
            "bytes": place.stat().st_size,
        }

    def _kept(self, digest: str, data: bytes) -> Path:
        self.store.mkdir(mode=0o700, parents=True, exist_ok=True)
        place = self.store / digest
        if not place.exists():
            aside = self.store / f".{digest}.{os.getpid()}"
            with aside.open("wb") as into:
                into.write(data)
                into.flush()
                os.fsync(into.fileno())
            aside.chmod(0o400)
            aside.replace(place)
        return place
