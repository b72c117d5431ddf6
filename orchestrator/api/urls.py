from django.urls import URLPattern, URLResolver, path

from orchestrator.api import runs, workflows

urlpatterns: list[URLPattern | URLResolver] = [
    path("runs/", runs.RunsView.as_view(), name="api-runs"),
    path("runs/<uuid:run_id>/", runs.RunDetailView.as_view(), name="api-run"),
    path("workflows/", workflows.WorkflowsView.as_view(), name="api-workflows"),
    path(
        "workflows/<uuid:workflow_id>/",
        workflows.WorkflowDetailView.as_view(),
        name="api-workflow",
    ),
]
