from django.urls import URLPattern, URLResolver, path

from governance.api import agents, budgets, contracts, gates, people

urlpatterns: list[URLPattern | URLResolver] = [
    path("me/", people.MeView.as_view(), name="api-me"),
    path("tokens/", people.TokensView.as_view(), name="api-tokens"),
    path("tokens/<uuid:token_id>/", people.TokenDetailView.as_view(), name="api-token"),
    path("agents/", agents.AgentsView.as_view(), name="api-agents"),
    path("agents/<uuid:agent_id>/", agents.AgentDetailView.as_view(), name="api-agent"),
    path(
        "agents/<uuid:agent_id>/suspend/",
        agents.AgentSuspendView.as_view(),
        name="api-agent-suspend",
    ),
    path(
        "agents/<uuid:agent_id>/resume/",
        agents.AgentResumeView.as_view(),
        name="api-agent-resume",
    ),
    path("agents/<uuid:agent_id>/limit/", agents.AgentLimitView.as_view(), name="api-agent-limit"),
    path("budgets/", budgets.BudgetsView.as_view(), name="api-budgets"),
    path("budgets/<int:budget_id>/", budgets.BudgetDetailView.as_view(), name="api-budget"),
    path("contracts/", contracts.ContractsView.as_view(), name="api-contracts"),
    path(
        "contracts/<uuid:contract_id>/",
        contracts.ContractDetailView.as_view(),
        name="api-contract",
    ),
    path(
        "contracts/<uuid:contract_id>/sign/",
        contracts.ContractSignView.as_view(),
        name="api-contract-sign",
    ),
    path(
        "contracts/<uuid:contract_id>/suspend/",
        contracts.ContractSuspendView.as_view(),
        name="api-contract-suspend",
    ),
    path(
        "contracts/<uuid:contract_id>/resume/",
        contracts.ContractResumeView.as_view(),
        name="api-contract-resume",
    ),
    path(
        "contracts/<uuid:contract_id>/revoke/",
        contracts.ContractRevokeView.as_view(),
        name="api-contract-revoke",
    ),
    path("gates/", gates.GatesView.as_view(), name="api-gates"),
    path("gates/<uuid:gate_id>/", gates.GateView.as_view(), name="api-gate"),
    path("gates/<uuid:gate_id>/reviews/", gates.ReviewsView.as_view(), name="api-reviews"),
]
