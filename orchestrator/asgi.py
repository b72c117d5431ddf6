"""The ASGI entry point: Django over HTTP, one consumer over WebSocket."""

import os

from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "orchestrator.settings")

http = get_asgi_application()

from django.conf import settings  # noqa: E402 - as below

from audit.routing import websocket_urlpatterns  # noqa: E402 - apps must be ready first
from orchestrator.body_limit import BodyLimit  # noqa: E402 - as above

application = ProtocolTypeRouter(
    {
        "http": BodyLimit(http, most=settings.LONGEST_BODY),
        "websocket": AllowedHostsOriginValidator(
            AuthMiddlewareStack(URLRouter(websocket_urlpatterns))
        ),
    }
)
