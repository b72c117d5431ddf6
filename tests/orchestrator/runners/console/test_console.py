"""What the tools of a console do to a real service, once, whoever asks how often."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from governance.adapters import EffectRefusedError, EffectUnknownError, FactUnavailableError
from orchestrator.runners.console import service as console
from orchestrator.runners.console.isolate import Isolate
from orchestrator.runners.console.preserve import Preserve
from orchestrator.runners.console.rotate import Rotate
from tests.examples.services import asked, credential, service

KEY, OTHER = "a" * 64, "b" * 64
ANYWHERE = ["/"]


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[dict[str, Any]]:
    with service("incident-response", tmp_path) as inputs:
        yield inputs


def test_isolation_is_done_once_by_its_key_and_undone(shop: dict[str, Any]) -> None:
    tool, pins = Isolate(ANYWHERE), {"isolated": "false"}
    assert tool.probe(shop, pins, effect_key=KEY) is None
    first = tool.perform(shop, pins, effect_key=KEY, fence=1)
    assert asked(shop, credential(shop)) == 503
    undone = tool.compensate(shop, first, effect_key=KEY, fence=2)
    assert undone == {"isolated": False}
    assert tool.perform(shop, pins, effect_key=KEY, fence=3) == first
    assert asked(shop, credential(shop)) == 200
    assert tool.probe(shop, pins, effect_key=KEY) == first


def test_a_worker_that_was_replaced_commands_nothing(shop: dict[str, Any]) -> None:
    tool, key = Rotate(ANYWHERE), credential(shop)
    arguments = {**shop, "account": "app"}
    pins = dict(tool.collect(arguments).pins)
    tool.perform(arguments, pins, effect_key=KEY, fence=2)
    after = credential(shop)
    with pytest.raises(EffectRefusedError, match="replaced by try 2"):
        tool.perform(arguments, pins, effect_key=KEY, fence=1)
    assert credential(shop) == after != key
    assert (asked(shop, key), asked(shop, after)) == (401, 200)


def test_a_credential_that_was_rotated_meanwhile_is_left_alone(shop: dict[str, Any]) -> None:
    tool, arguments = Rotate(ANYWHERE), {**shop, "account": "app"}
    pins = dict(tool.collect(arguments).pins)
    tool.perform(arguments, pins, effect_key=KEY, fence=1)
    now = credential(shop)
    with pytest.raises(EffectRefusedError, match="another one by now"):
        tool.perform(arguments, pins, effect_key=OTHER, fence=1)
    assert credential(shop) == now
    assert tool.probe(arguments, pins, effect_key=OTHER) is None


def test_a_service_that_does_not_answer_leaves_its_effect_unknown(
    shop: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console, "WAIT_SECONDS", 0.3)
    silent = Path(shop["service"]).parent / "silent"
    silent.mkdir()
    (silent / "service.json").write_text(json.dumps({"name": "silent", "port": 1}))
    with pytest.raises(EffectUnknownError, match="did not answer"):
        Isolate(ANYWHERE).perform({"service": str(silent)}, {}, effect_key=KEY, fence=1)
    for tool in (Isolate(ANYWHERE), Rotate(ANYWHERE)):
        with pytest.raises(EffectUnknownError, match="did not answer"):
            tool.probe({"service": str(silent)}, {}, effect_key=KEY)
    assert Isolate(ANYWHERE).probe({"service": str(silent)}, {}, effect_key=OTHER) is None


def test_evidence_is_kept_under_its_digest_and_a_changed_log_is_refused(
    shop: dict[str, Any], tmp_path: Path
) -> None:
    tool = Preserve(ANYWHERE, tmp_path / "evidence")
    log = Path(shop["service"]) / "access.log"
    arguments = {**shop, "size": log.stat().st_size}
    pins = dict(tool.collect(arguments).pins)
    kept = tool.perform(arguments, pins, effect_key=KEY, fence=1)
    place = Path(kept["evidence"])
    assert place.read_bytes() == log.read_bytes()[: arguments["size"]]
    assert oct(place.stat().st_mode & 0o777) == "0o400"
    assert tool.perform(arguments, pins, effect_key=KEY, fence=2) == kept
    log.write_bytes(b"x" + log.read_bytes()[1:])
    with pytest.raises(EffectRefusedError, match="somebody changed it"):
        tool.perform(arguments, pins, effect_key=OTHER, fence=1)


@pytest.mark.parametrize(
    ("path", "why"),
    [("shop", "absolute path"), ("/nowhere", "absolute path"), ("/tmp", "cannot be opened")],  # noqa: S108 - no console is there
)
def test_what_is_no_console_is_denied(path: str, why: str) -> None:
    with pytest.raises(FactUnavailableError, match=why):
        Isolate(ANYWHERE).collect({"service": path})


@pytest.mark.parametrize("allowed", [[], ["/srv"]])
def test_a_console_outside_the_allowed_folders_is_denied_and_without_any_every_one(
    shop: dict[str, Any], allowed: list[str]
) -> None:
    with pytest.raises(FactUnavailableError, match="COUNTERSIGN_SERVICE_ROOTS"):
        Isolate(allowed).collect(shop)


def test_a_link_that_leads_out_of_a_console_is_refused(
    shop: dict[str, Any], tmp_path: Path
) -> None:
    console, outside = Path(shop["service"]), tmp_path / "outside"
    outside.mkdir()
    secret = outside / "secret"
    secret.write_text("x" * 100)
    (console / "access.log").unlink(missing_ok=True)
    (console / "access.log").symlink_to(secret)
    keeps = Preserve(ANYWHERE, tmp_path / "evidence")
    with pytest.raises(FactUnavailableError, match="cannot be opened"):
        keeps.collect({**shop, "size": 10})
    shutil.rmtree(console / "commands", ignore_errors=True)
    (console / "commands").symlink_to(outside)
    with pytest.raises(EffectRefusedError, match="leads elsewhere"):
        Isolate(ANYWHERE).perform(shop, {}, effect_key=KEY, fence=1)
    assert [each.name for each in outside.iterdir()] == ["secret"]
