from django.urls import URLPattern, URLResolver, path

from governance.views import (
    agents,
    budgets,
    contracts,
    gate,
    inbox,
    notices,
    settings,
    signing_in,
    webhooks,
)
from governance.views.favicon import favicon
from governance.views.styleguide import styleguide

urlpatterns: list[URLPattern | URLResolver] = [
    path("", inbox.inbox, name="inbox"),
    path("inbox/news/", inbox.inbox_news, name="inbox-news"),
    path("history/", inbox.history, name="history"),
    path("gates/<uuid:gate_id>/", gate.gate, name="gate"),
    path(
        "gates/<uuid:gate_id>/exhibits/<uuid:exhibit_id>/",
        gate.gate_exhibit,
        name="gate-exhibit",
    ),
    path("gates/<uuid:gate_id>/strip/", gate.gate_strip, name="gate-strip"),
    path("gates/<uuid:gate_id>/review/", gate.gate_review, name="gate-review"),
    path("signin/", signing_in.signin, name="signin"),
    path("signout/", signing_in.signout, name="signout"),
    path("enrol/<str:secret>/", signing_in.enrol, name="enrol"),
    path("agents/", agents.agents, name="agents"),
    path("agents/register/", agents.agent_register, name="agent-register"),
    path("agents/<uuid:agent_id>/", agents.agent, name="agent"),
    path("agents/<uuid:agent_id>/suspend/", agents.agent_suspend, name="agent-suspend"),
    path("agents/<uuid:agent_id>/resume/", agents.agent_resume, name="agent-resume"),
    path("agents/<uuid:agent_id>/limit/", agents.agent_limit, name="agent-limit"),
    path("budgets/", budgets.budgets, name="budgets"),
    path("budgets/add/", budgets.budget_add, name="budget-add"),
    path("budgets/<int:budget_id>/change/", budgets.budget_change, name="budget-change"),
    path("contracts/", contracts.contracts, name="contracts"),
    path("contracts/new/", contracts.contract_draft, name="contract-draft"),
    path("contracts/<uuid:contract_id>/", contracts.contract, name="contract"),
    path("contracts/<uuid:contract_id>/sign/", contracts.contract_sign, name="contract-sign"),
    path(
        "contracts/<uuid:contract_id>/suspend/",
        contracts.contract_suspend,
        name="contract-suspend",
    ),
    path(
        "contracts/<uuid:contract_id>/resume/", contracts.contract_resume, name="contract-resume"
    ),
    path(
        "contracts/<uuid:contract_id>/revoke/", contracts.contract_revoke, name="contract-revoke"
    ),
    path("notices/", notices.notices, name="notices"),
    path("notices/read/", notices.notices_read, name="notices-read"),
    path("settings/", settings.settings, name="settings"),
    path("settings/appearance/", settings.appearance, name="settings-appearance"),
    path("settings/password/", settings.password, name="settings-password"),
    path("settings/tokens/", settings.token_issue, name="settings-tokens"),
    path(
        "settings/tokens/<uuid:token_id>/revoke/",
        settings.token_revoke,
        name="settings-token-revoke",
    ),
    path("settings/invitation/", settings.invitation, name="settings-invitation"),
    path("settings/webhooks/", webhooks.webhook_add, name="settings-webhooks"),
    path(
        "settings/webhooks/<uuid:webhook_id>/remove/",
        webhooks.webhook_remove,
        name="settings-webhook-remove",
    ),
    path("favicon.svg", favicon, name="favicon"),
    path("styleguide/", styleguide, name="styleguide"),
]
