import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from rest_framework.test import APIClient

from audit.services.events import recording
from governance.models import Person
from governance.services import domains, tokens
from orchestrator.models import Run, Workflow
from tests.factories import orchestrator as make
from tests.factories.governance import House, house
from tests.factories.orchestrator import TESTER, step, workflow

SCHEMA = {"type": "object", "required": ["repo"], "properties": {"repo": {"type": "string"}}}


@pytest.fixture
def home(db: None, tmp_path: Path) -> House:
    home = house(tmp_path)
    make.agent(home, "style")
    with recording():
        domains.admit(domain=home.domain, person=home.ines, permissions=("operate_runs",))
    return home


@pytest.fixture
def saved(home: House) -> Workflow:
    return workflow(home, step("look", "style"), inputs=SCHEMA)


def client(someone: Person) -> APIClient:
    api = APIClient()
    api.force_login(someone)
    return api


def body(saved: Workflow, **fields: Any) -> dict[str, Any]:
    return {"workflow": str(saved.pk), "inputs": {"repo": "here"}, **fields}


def test_a_run_that_is_started_is_answered_listed_and_shown(home: House, saved: Workflow) -> None:
    api = client(home.ines)
    answer = api.post("/api/v1/runs/", body(saved))
    assert answer.status_code == 201, answer.json()
    made = answer.json()
    assert (made["state"], made["initiator"], made["inputs"]) == (
        "running",
        "Ines",
        {"repo": "here"},
    )
    assert [lane["agent"] for lane in made["lanes"]] == ["Style"]
    shown = api.get(f"/api/v1/runs/{made['id']}/").json()
    assert shown["steps"] == made["steps"]
    [row] = api.get("/api/v1/runs/").json()["rows"]
    assert (row["id"], row["state"]) == (made["id"], "running")


def test_the_same_idempotency_key_answers_the_same_run(home: House, saved: Workflow) -> None:
    api = client(home.ines)
    sent = body(saved, idempotency_key="a-key-of-mine")
    first, second = (api.post("/api/v1/runs/", sent).json() for _ in range(2))
    assert first["id"] == second["id"]
    other = api.post("/api/v1/runs/", {**sent, "inputs": {"repo": "there"}})
    assert (other.status_code, other.json()["code"]) == (409, "dedupe_key_taken")
    assert Run.objects.count() == 1


def test_without_a_key_every_request_starts_a_run(home: House, saved: Workflow) -> None:
    for _ in range(2):
        assert client(home.ines).post("/api/v1/runs/", body(saved)).status_code == 201
    assert Run.objects.count() == 2


def test_wrong_inputs_are_answered_with_pointers_and_nothing_starts(
    home: House, saved: Workflow
) -> None:
    answer = client(home.ines).post("/api/v1/runs/", body(saved, inputs={"repo": 3}))
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_inputs")
    assert answer.json()["errors"][0]["pointer"] == "/repo"
    assert not Run.objects.exists()


def test_members_that_are_not_known_are_refused(home: House, saved: Workflow) -> None:
    answer = client(home.ines).post("/api/v1/runs/", body(saved, initiator=str(home.ada.pk)))
    assert answer.status_code == 422
    assert not Run.objects.exists()


def test_starting_needs_the_permission_to_operate_runs(home: House, saved: Workflow) -> None:
    answer = client(home.grace).post("/api/v1/runs/", body(saved))
    assert (answer.status_code, answer.json()["code"]) == (403, "permission_missing")
    assert not Run.objects.exists()


def test_a_workflow_of_another_domain_does_not_exist(home: House, saved: Workflow) -> None:
    answer = client(home.mallory).post("/api/v1/runs/", body(saved))
    assert answer.status_code == 404
    assert client(home.mallory).get(f"/api/v1/workflows/{saved.pk}/").status_code == 404
    assert not Run.objects.exists()


def test_a_run_of_another_domain_does_not_exist(home: House, saved: Workflow) -> None:
    made = client(home.ines).post("/api/v1/runs/", body(saved)).json()
    assert client(home.mallory).get(f"/api/v1/runs/{made['id']}/").status_code == 404
    assert client(home.mallory).get(f"/api/v1/runs/{uuid.uuid4()}/").status_code == 404


def test_an_agent_starts_no_run(home: House, saved: Workflow) -> None:
    _, secret = tokens.issue(agent=home.scout, name="test", ttl=timedelta(hours=1), actor=TESTER)
    api = APIClient(headers={"Authorization": f"Bearer {secret}"})
    answer = api.post("/api/v1/runs/", body(saved))
    assert (answer.status_code, answer.json()["code"]) == (403, "agent_principal")
    assert not Run.objects.exists()


def test_nobody_sees_anything_without_signing_in(home: House, saved: Workflow) -> None:
    for path in ("runs/", "workflows/", f"workflows/{saved.pk}/"):
        assert APIClient().get(f"/api/v1/{path}").status_code == 401


def test_a_workflow_is_listed_and_shown_with_its_text_and_schema(
    home: House, saved: Workflow
) -> None:
    api = client(home.grace)
    [row] = api.get("/api/v1/workflows/").json()["rows"]
    shown = api.get(f"/api/v1/workflows/{row['id']}/").json()
    assert (shown["text"], shown["inputs"]) == (saved.source, SCHEMA)
    assert shown["steps"][0]["agent"] == "Style"


def test_pages_of_runs_follow_each_other(home: House, saved: Workflow) -> None:
    api = client(home.ines)
    ids = [api.post("/api/v1/runs/", body(saved)).json()["id"] for _ in range(3)]
    first = api.get("/api/v1/runs/", {"limit": 2}).json()
    second = api.get("/api/v1/runs/", {"limit": 2, "before": first["next"]}).json()
    assert [row["id"] for row in [*first["rows"], *second["rows"]]] == ids[::-1]
    wrong = api.get("/api/v1/runs/", {"before": "nonsense"})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "invalid_cursor")
