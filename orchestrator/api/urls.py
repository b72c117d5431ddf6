from django.urls import URLPattern, URLResolver, path

from orchestrator.api import callbacks, operating, runs, workflows

urlpatterns: list[URLPattern | URLResolver] = [
    path("runs/", runs.RunsView.as_view(), name="api-runs"),
    path("runs/<uuid:run_id>/", runs.RunDetailView.as_view(), name="api-run"),
    path("runs/<uuid:run_id>/cancel/", operating.RunCancelView.as_view(), name="api-run-cancel"),
    path("runs/<uuid:run_id>/pause/", operating.RunPauseView.as_view(), name="api-run-pause"),
    path("runs/<uuid:run_id>/resume/", operating.RunResumeView.as_view(), name="api-run-resume"),
    path("runs/<uuid:run_id>/budget/", operating.RunBudgetView.as_view(), name="api-run-budget"),
    path("runs/<uuid:run_id>/fork/", operating.RunForkView.as_view(), name="api-run-fork"),
    path(
        "runs/<uuid:run_id>/escalations/",
        operating.RunEscalationsView.as_view(),
        name="api-run-escalations",
    ),
    path("callbacks/<uuid:step_id>/", callbacks.CallbackView.as_view(), name="api-callback"),
    path("workflows/", workflows.WorkflowsView.as_view(), name="api-workflows"),
    path(
        "workflows/<uuid:workflow_id>/",
        workflows.WorkflowDetailView.as_view(),
        name="api-workflow",
    ),
]
