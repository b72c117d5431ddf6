import io

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.test import override_settings

from audit import triggers
from orchestrator.selectors import diagnosis
from tests.harness.databases import CommittedDatabase


def examine() -> tuple[int, str]:
    """Return the exit code and what was printed."""
    out = io.StringIO()
    try:
        call_command("doctor", stdout=out, no_color=True)
    except SystemExit as end:
        return int(end.code or 0), out.getvalue()
    return 0, out.getvalue()


def test_a_healthy_machine_passes(committed_db: CommittedDatabase) -> None:
    code, said = examine()
    assert code == 0, said
    for name in (
        "versions",
        "programs",
        "agents",
        "folders",
        "disk",
        "clock",
        "triggers",
        "database",
        "migrations",
    ):
        assert f"ok  {name}" in said


def test_a_dropped_trigger_is_found(committed_db: CommittedDatabase) -> None:
    drop_a_trigger()
    (gone,) = triggers.missing()
    code, said = examine()
    assert code == 1
    assert f"BAD triggers    {gone} missing: run `migrate`, then `verify`" in said


def drop_a_trigger() -> None:
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger' LIMIT 1")
            cursor.execute(f'DROP TRIGGER "{cursor.fetchone()[0]}"')
        else:
            cursor.execute(
                "SELECT tgname, tgrelid::regclass::text FROM pg_trigger"
                " WHERE NOT tgisinternal LIMIT 1"
            )
            name, table = cursor.fetchone()
            cursor.execute(f'DROP TRIGGER "{name}" ON {table}')


def test_a_clock_that_is_off_is_found(
    committed_db: CommittedDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(diagnosis, "SKEW_SECONDS", -1)
    code, said = examine()
    assert code == 1
    assert "BAD clock" in said
    assert "NTP" in said


def test_the_folders_that_tools_may_act_in_are_listed_and_none_holds_our_keys() -> None:
    assert f"COUNTERSIGN_REPO_ROOTS {settings.REPOSITORY_ROOTS[0]}" in diagnosis._folders()
    with override_settings(REPOSITORY_ROOTS=["/"]), pytest.raises(diagnosis.Bad) as bad:
        diagnosis._folders()
    assert "COUNTERSIGN_REPO_ROOTS allows /, which holds our keys" in str(bad.value)
    with override_settings(REPOSITORY_ROOTS=[]):
        assert "COUNTERSIGN_REPO_ROOTS none;" in diagnosis._folders()
