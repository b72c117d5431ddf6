from django.urls import URLPattern, URLResolver, path

from orchestrator.views import health
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
    path("workflows/", workflows, name="workflows"),
    path("workflows/<uuid:workflow_id>/", workflow, name="workflow"),
    path("workflows/<uuid:workflow_id>/start/", workflow_start, name="workflow-start"),
]
