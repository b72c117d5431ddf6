"""A manifest file of agents, read and checked; `services.agents.register_manifest` uses it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema_rs
from django.utils.translation import gettext as _

from governance.refusals import Invalid

_TEXTS = {"type": "array", "items": {"type": "string"}}
SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["version", "agents"],
    "properties": {
        "version": {"const": 1},
        "agents": {
            "type": "array",
            "minItems": 1,
            "maxItems": 100,
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["slug", "name", "purpose", "environment", "runner"],
                "properties": {
                    "slug": {"type": "string"},
                    "version": {"type": "integer", "minimum": 1},
                    "name": {"type": "string"},
                    "purpose": {"type": "string"},
                    "environment": {"type": "string"},
                    "scopes": _TEXTS,
                    "classes": _TEXTS,
                    "capabilities": _TEXTS,
                    "price_micro_usd": {"type": "integer", "minimum": 0},
                    "max_parallel": {"type": "integer", "minimum": 1, "maximum": 1000},
                    "runner": {"type": "string", "pattern": "^[a-z][a-z0-9_-]{0,31}$"},
                    "config": {
                        "type": "object",
                        "properties": {
                            "argv": {**_TEXTS, "minItems": 1, "maxItems": 64},
                            "env": {
                                "type": "object",
                                "additionalProperties": {"type": "string"},
                            },
                            "memory_mb": {"type": "integer", "minimum": 64},
                        },
                    },
                },
            },
        },
    },
}
_validator = jsonschema_rs.Draft202012Validator(SCHEMA)


def entries_of(manifest: Any, base_dir: Path) -> list[dict[str, Any]]:
    """Return the agents of a parsed manifest as arguments of `services.agents.register`.

    Files named in `argv` are taken from `base_dir` and made absolute, since agents start in an
    empty directory; a file outside of it cannot be named that way. Raises Invalid with places.
    """
    wrong = [
        {"pointer": _pointer(error.instance_path), "detail": error.message}
        for error in _validator.iter_errors(manifest)
    ]
    if wrong:
        detail = _("The manifest is not acceptable: %(first)s")
        first = f"{wrong[0]['pointer']} {wrong[0]['detail']}".strip()
        raise Invalid("invalid_manifest", detail % {"first": first}, errors=wrong)
    return [_entry(entry, base_dir.resolve()) for entry in manifest["agents"]]


def _entry(entry: Mapping[str, Any], base: Path) -> dict[str, Any]:
    config = dict(entry.get("config", {}))
    if "argv" in config:
        first, *rest = config["argv"]
        config["argv"] = [first, *(absolute(part, base) for part in rest)]
    return {
        "slug": entry["slug"],
        "version": entry.get("version", 1),
        "name": entry["name"],
        "purpose": entry["purpose"],
        "environment": entry["environment"],
        "scopes": entry.get("scopes", []),
        "classes": entry.get("classes", []),
        "capabilities": entry.get("capabilities", []),
        "price_micro_usd": entry.get("price_micro_usd"),
        "max_parallel": entry.get("max_parallel"),
        "runner": entry["runner"],
        "runner_config": config,
    }


def absolute(part: str, base: Path) -> str:
    """Return a file named in a manifest as a path of its own; raises Invalid for one outside."""
    path = (base / part).resolve()
    if not path.is_file():
        return part
    if not path.is_relative_to(base):
        detail = _("The manifest names %(file)s, which lies outside its own directory.")
        raise Invalid("invalid_manifest", detail % {"file": part})
    return str(path)


def _pointer(path: list[Any]) -> str:
    return "".join(f"/{part}" for part in path)
