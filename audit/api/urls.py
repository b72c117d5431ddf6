from django.urls import URLPattern, URLResolver, path

from audit.api.events import EventsView, LogView

urlpatterns: list[URLPattern | URLResolver] = [
    path("events/", EventsView.as_view(), name="api-events"),
    path("audit/", LogView.as_view(), name="api-audit"),
]
