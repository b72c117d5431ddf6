from django.urls import URLPattern, URLResolver, include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

api: list[URLPattern | URLResolver] = [
    path("schema/", SpectacularAPIView.as_view(), name="api-schema"),
    path("docs/", SpectacularSwaggerView.as_view(url_name="api-schema"), name="api-docs"),
    path("", include("audit.api.urls")),
    path("", include("governance.api.urls")),
    path("", include("orchestrator.api.urls")),
]

urlpatterns: list[URLPattern | URLResolver] = [
    path("api/v1/", include(api)),
    path("", include("orchestrator.web_urls")),
    path("", include("governance.urls")),
    path("", include("audit.urls")),
]

handler400 = "governance.api.problems.bad_request"
handler403 = "governance.api.problems.forbidden"
handler404 = "governance.api.problems.not_found"
handler500 = "governance.api.problems.server_error"
