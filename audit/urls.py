from django.urls import URLPattern, URLResolver, path

from audit.views.log import event, log

urlpatterns: list[URLPattern | URLResolver] = [
    path("audit/", log, name="audit"),
    path("audit/<int:event_id>/", event, name="audit-event"),
]
