from django.urls import URLPattern, URLResolver, path

from orchestrator.views import health
from orchestrator.views.advice import workflow_advice
from orchestrator.views.operating import (
    run_budget,
    run_cancel,
    run_escalations,
    run_fork,
    run_pause,
    run_resume,
)
from orchestrator.views.run import run, run_fragment
from orchestrator.views.runs import runs, runs_rows
from orchestrator.views.workflows import workflow, workflow_start, workflows

urlpatterns: list[URLPattern | URLResolver] = [
    path("healthz/live", health.live, name="healthz"),
    path("healthz/ready", health.ready, name="healthz-ready"),
    path("runs/", runs, name="runs"),
    path("runs/rows/", runs_rows, name="runs-rows"),
    path("runs/<uuid:run_id>/", run, name="run"),
    path("runs/<uuid:run_id>/fragment/", run_fragment, name="run-fragment"),
    path("runs/<uuid:run_id>/cancel/", run_cancel, name="run-cancel"),
    path("runs/<uuid:run_id>/pause/", run_pause, name="run-pause"),
    path("runs/<uuid:run_id>/resume/", run_resume, name="run-resume"),
    path("runs/<uuid:run_id>/budget/", run_budget, name="run-budget"),
    path("runs/<uuid:run_id>/fork/", run_fork, name="run-fork"),
    path("runs/<uuid:run_id>/escalations/", run_escalations, name="run-escalations"),
    path("workflows/", workflows, name="workflows"),
    path("workflows/advise/", workflow_advice, name="workflow-advice"),
    path("workflows/<uuid:workflow_id>/", workflow, name="workflow"),
    path("workflows/<uuid:workflow_id>/start/", workflow_start, name="workflow-start"),
]
