"""Django REST framework's own views, paginators and throttle, and django-oauth-toolkit's tokens, as one application.

Run by the interpreter of its own environment, never imported by the tests: ``seed COUNT`` and ``serve PORT``. The
environment says where the database is (``LAB_DATABASE``), how many requests are let through (``LAB_RATE``), and how
many seconds a token lives (``LAB_TOKEN_SECONDS``). Nothing here works round what the libraries do.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import sys
import time

import django
from django.conf import settings

sys.modules["rest_framework_app"] = sys.modules[__name__]
settings.configure(
    SECRET_KEY="lab",
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF="rest_framework_app",
    USE_TZ=True,
    # Many threads read, and some write: SQLite waits.
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": os.environ["LAB_DATABASE"],
            "OPTIONS": {"timeout": 30, "transaction_mode": "IMMEDIATE"},
        }
    },
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "oauth2_provider", "rest_framework"],
    # A slow hash for each token is not what is tried here.
    PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
    OAUTH2_PROVIDER={
        "SCOPES": {"read": "to read", "write": "to write"},
        "ACCESS_TOKEN_EXPIRE_SECONDS": int(os.environ.get("LAB_TOKEN_SECONDS", "3600")),
        "ROTATE_REFRESH_TOKEN": True,
    },
    REST_FRAMEWORK={
        "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
        "DEFAULT_AUTHENTICATION_CLASSES": [],
        "UNAUTHENTICATED_USER": None,
    },
)
django.setup()

from django.contrib.auth.models import User  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.db import connection, models  # noqa: E402
from django.urls import include, path  # noqa: E402
from oauth2_provider.contrib.rest_framework import OAuth2Authentication, TokenHasScope  # noqa: E402
from oauth2_provider.models import Application  # noqa: E402
from rest_framework import generics, pagination, serializers, throttling  # noqa: E402
from waitress import serve as run  # noqa: E402


class Event(models.Model):
    id = models.CharField(primary_key=True, max_length=40)
    occurred_at = models.DateTimeField(db_index=True)
    minute = models.DateTimeField(db_index=True)
    """One for 60 records."""
    epoch = models.DateTimeField(db_index=True)
    """One for all."""
    version = models.IntegerField(default=1)

    class Meta:
        app_label = "lab"


class EventSerializer(serializers.ModelSerializer):
    class Meta:
        model = Event
        fields = "__all__"


class ByTime(pagination.CursorPagination):
    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 500
    ordering = "occurred_at"


class ByTimeDescending(ByTime):
    ordering = "-occurred_at"


class ByMinute(ByTime):
    ordering = "minute"


class ByEpoch(ByTime):
    ordering = "epoch"


class Numbered(pagination.PageNumberPagination):
    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 500


class Offset(pagination.LimitOffsetPagination):
    default_limit = 50
    max_limit = 500


class Throttle(throttling.AnonRateThrottle):
    rate = os.environ.get("LAB_RATE", "100/second")


def view(order: str, paginator: type, **more: object) -> object:
    members = {
        "queryset": Event.objects.order_by(order),
        "serializer_class": EventSerializer,
        "pagination_class": paginator,
        **more,
    }
    return type("View", (generics.ListAPIView,), members).as_view()


protected = {
    "authentication_classes": [OAuth2Authentication],
    "permission_classes": [TokenHasScope],
    "required_scopes": ["read"],
}
urlpatterns = [
    path("asc/", view("occurred_at", ByTime)),
    path("desc/", view("-occurred_at", ByTimeDescending)),
    path("ties/", view("minute", ByMinute)),
    path("same/", view("epoch", ByEpoch)),
    path("page/", view("-occurred_at", Numbered)),
    path("offset/", view("-occurred_at", Offset)),
    path("throttled/", view("occurred_at", ByTime, throttle_classes=[Throttle])),
    path("protected/", view("occurred_at", ByTime, **protected)),
    path("o/", include("oauth2_provider.urls", namespace="oauth2_provider")),
]


def seed(count: int) -> None:
    """Record ``number`` is of ``number`` seconds after the beginning of 2024."""
    call_command("migrate", verbosity=0)
    with connection.schema_editor() as editor:
        editor.create_model(Event)
    first = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
    Event.objects.bulk_create(
        Event(
            id=f"ev_{hashlib.sha256(str(number).encode()).hexdigest()[:10]}",
            occurred_at=first + dt.timedelta(seconds=number),
            minute=first + dt.timedelta(minutes=number // 60),
            epoch=first,
        )
        for number in range(count)
    )
    Application.objects.create(
        client_id="lab-cc",
        client_secret="lab-cc-secret-4711",
        client_type="confidential",
        authorization_grant_type="client-credentials",
    )
    Application.objects.create(
        client_id="lab-pw",
        client_secret="lab-pw-secret-4711",
        client_type="confidential",
        authorization_grant_type="password",
    )
    User.objects.create_user("lab", password="lab-password-4711")


def serve(port: int) -> None:
    """With a line on standard output for each answer: when it was asked for, its status, and what it asks to wait."""
    application = get_wsgi_application()

    def logged(environ: dict, start_response: object) -> object:
        came = time.time()

        def start(status: str, headers: list, *more: object) -> object:
            wait = dict(headers).get("Retry-After", "-")
            uri = environ["PATH_INFO"] + "?" + environ.get("QUERY_STRING", "")
            print(f"{came:.6f} {time.time():.6f} {status[:3]} {wait} {environ['REQUEST_METHOD']} {uri}", flush=True)
            return start_response(status, headers, *more)

        return application(environ, start)

    run(logged, host="127.0.0.1", port=port, threads=4)


if __name__ == "__main__":
    if sys.argv[1] == "seed":
        seed(int(sys.argv[2]))
    else:
        serve(int(sys.argv[2]))
