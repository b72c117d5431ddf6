from django.urls import URLPattern, URLResolver, path

from orchestrator.views import health

urlpatterns: list[URLPattern | URLResolver] = [
    path("healthz/live", health.live, name="healthz"),
    path("healthz/ready", health.ready, name="healthz-ready"),
]
