"""Every setting, each environment variable read once, with a type.

Production sets DATABASE_URL, REDIS_URL and SECRET_KEY (or SECRET_KEY_FILE). What `up` started
with its embedded parts is found through its data directory.
"""

import os
import secrets
from pathlib import Path

import environ
from csp.constants import NONE, SELF

from orchestrator.supervisor import data_dir, runtime, secrecy

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.FileAwareEnv()

DATA_DIR = Path(env.str("COUNTERSIGN_DATA_DIR", default=str(BASE_DIR / "var")))
RUNNING = runtime.read(DATA_DIR)
DEBUG = env.bool("DEBUG", default=False)
# Whoever has read the settings holds the key: web, workers, steward, console.
secrecy.keep_to_ourselves()
# A random key is safe and useless across processes, so a deployment that forgot it notices.
SECRET_KEY = (
    env.str("SECRET_KEY", default="") or data_dir.secret_key(DATA_DIR) or secrets.token_urlsafe(50)
)
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
BASE_URL = env.str("BASE_URL", default=RUNNING.base_url if RUNNING else "http://localhost:8000")
SECURE = BASE_URL.startswith("https://")

INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "channels",
    "csp",
    "django_htmx",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "guardian",
    "lucide",
    "rest_framework",
    "audit",
    "governance",
    "orchestrator",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

ROOT_URLCONF = "orchestrator.urls"
ASGI_APPLICATION = "orchestrator.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# Database -----------------------------------------------------------------------------------
DATABASE_URL = env.str(
    "DATABASE_URL", default=RUNNING.database if RUNNING else data_dir.database_url(DATA_DIR)
)
if DATABASE_URL:
    DATABASES = {"default": env.db_url_config(DATABASE_URL)}
    if DATABASES["default"]["ENGINE"] == "django.db.backends.postgresql":
        # Hot statements are prepared; behind a pooler that cannot, ?prepare_threshold=1000000000.
        prepared = DATABASES["default"].setdefault("OPTIONS", {})
        prepared["prepare_threshold"] = int(prepared.get("prepare_threshold", 3))
else:
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": data_dir.sqlite_file(DATA_DIR),
            "OPTIONS": {
                "timeout": 20,
                "transaction_mode": "IMMEDIATE",
                "init_command": (
                    "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
                    "PRAGMA foreign_keys=ON; PRAGMA cache_size=-20000;"
                    "PRAGMA mmap_size=134217728;"
                ),
            },
        },
    }
# A connection that is kept may have been lost meanwhile, so whoever takes it up again asks first.
DATABASES["default"] |= {"CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True}
ATOMIC_REQUESTS = False

# People -------------------------------------------------------------------------------------
AUTH_USER_MODEL = "governance.Person"
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "guardian.backends.ObjectPermissionBackend",
]
GUARDIAN_RAISE_403 = True
ANONYMOUS_USER_NAME = None
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "signin"
LOGIN_REDIRECT_URL = "inbox"

# Broker, channel layer: doorbells only ------------------------------------------------------
REDIS_URL = env.str(
    "REDIS_URL", default=RUNNING.redis_url if RUNNING else "redis://127.0.0.1:6379/0"
)
CELERY_BROKER_URL = REDIS_URL.replace("unix://", "redis+socket://", 1)
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = False
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
# Celery would connect anew for every task, or for every so many; see orchestrator/celery.py.
CELERY_DB_REUSE_MAX = 1_000_000_000
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 10
CELERY_WORKER_ENABLE_SOFT_SHUTDOWN_ON_IDLE = True
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = True
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 3600,
    "socket_timeout": 10,
    "socket_connect_timeout": 2,
    "health_check_interval": 25,
    "global_keyprefix": "cs:",
}
CELERY_TASK_PUBLISH_RETRY = False
CELERY_TASK_DEFAULT_QUEUE = "control"
CELERY_TASK_ROUTES = {
    "orchestrator.run_agent_step": {"queue": "agents"},
    "orchestrator.run_effect_step": {"queue": "effects"},
    "orchestrator.run_undo_step": {"queue": "effects"},
}
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [REDIS_URL], "prefix": "cs"},
    },
}

# Engine timings, in seconds -----------------------------------------------------------------
CLAIM_LEASE_SECONDS = env.int("CLAIM_LEASE_SECONDS", default=30)
SWEEP_SECONDS = env.int("SWEEP_SECONDS", default=5)
RING_AGAIN_SECONDS = env.int("RING_AGAIN_SECONDS", default=15)
# How many steps may be at work at once in the whole installation; 0 sets no limit.
MAX_PARALLEL = env.int("MAX_PARALLEL", default=0)
TURN_GRACE_SECONDS = env.int("TURN_GRACE_SECONDS", default=10)
CANCEL_GRACE_SECONDS = env.int("CANCEL_GRACE_SECONDS", default=30)

# Budgets ------------------------------------------------------------------------------------
# What a turn holds of its run's budget while nobody says what it may use; less, if less is left.
BUDGET_STEP_MICRO_USD = env.int("BUDGET_STEP_MICRO_USD", default=50_000)
BUDGET_STEP_TOKENS = env.int("BUDGET_STEP_TOKENS", default=20_000)
BUDGET_STEP_TOOL_CALLS = env.int("BUDGET_STEP_TOOL_CALLS", default=10)
# After how many seconds a lost attempt is charged in full for what nobody reported.
BUDGET_UNVERIFIED_SECONDS = env.int("BUDGET_UNVERIFIED_SECONDS", default=600)
# US dollars for a million tokens, `input` and `output` by model, as text: each wins over the list
# of genai-prices.
MODEL_PRICES = env.json("MODEL_PRICES", default={})

# Folders below which runs may name repositories: the demo's and those of examples if none is given
REPOSITORY_ROOTS = env.list(
    "COUNTERSIGN_REPO_ROOTS", default=[str(DATA_DIR / name) for name in ("stages", "demo-shop")]
)
# Folders below which runs may name targets of releases; the stages of examples if none is given
TARGET_ROOTS = env.list("COUNTERSIGN_TARGET_ROOTS", default=[str(DATA_DIR / "stages")])
# Folders below which runs may name consoles of services, likewise
SERVICE_ROOTS = env.list("COUNTERSIGN_SERVICE_ROOTS", default=[str(DATA_DIR / "stages")])

# What runners may reach beside the open Internet, and which secret may go to which host ---------
AGENT_HOSTS = frozenset(env.list("COUNTERSIGN_AGENT_HOSTS", default=[]))
AGENT_SECRETS = frozenset(
    env.list("COUNTERSIGN_AGENT_SECRETS", default=["OPENAI_API_KEY@api.openai.com"])
)

# Mail ---------------------------------------------------------------------------------------
EMAIL_CONFIG = env.email_url("EMAIL_URL", default="consolemail://")
vars().update(EMAIL_CONFIG)
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="countersign@localhost")
# Only for trying webhooks out on one machine: private addresses and plain http are then reached.
WEBHOOK_ALLOW_PRIVATE = env.bool("WEBHOOK_ALLOW_PRIVATE", default=False)

# API ----------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "governance.api.authentication.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["governance.api.strict.FlatJSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "governance.api.problems.problem_response",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Countersign",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "ENUM_NAME_OVERRIDES": {
        "ContractState": "governance.models.ContractState",
        "EscalationVerb": "orchestrator.services.verbs.VERBS",
        "GateState": "governance.models.GateState",
        "ReviewVerb": "governance.models.Verb",
        "RunState": "orchestrator.models.RunState",
    },
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
}

# Browser security ---------------------------------------------------------------------------
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF],
        "font-src": [SELF],
        "connect-src": [SELF],
        "manifest-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    },
}
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CSRF_FAILURE_VIEW = "governance.api.problems.csrf_failed"
SESSION_ENGINE = "governance.sessions"
# Every program on this machine has http://localhost in common, so a name that no other uses; over
# TLS one that no neighbouring host can set.
SESSION_COOKIE_NAME = "__Host-countersign" if SECURE else "countersign"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = SECURE
CSRF_COOKIE_SECURE = SECURE
SECURE_SSL_REDIRECT = SECURE
SECURE_REDIRECT_EXEMPT = [r"^healthz/"]
SECURE_HSTS_SECONDS = 31_536_000 if SECURE else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE
SECURE_HSTS_PRELOAD = SECURE
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if SECURE else None

# Language, time, files ----------------------------------------------------------------------
LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
STATIC_URL = "static/"
STATIC_ROOT = DATA_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = True
DATA_UPLOAD_MAX_MEMORY_SIZE = 2_621_440
# No request holds more, files included: what is longer is refused while it is sent.
LONGEST_BODY = 2 * DATA_UPLOAD_MAX_MEMORY_SIZE

ANSWERS = {*range(400, 500), 503}
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "plain": {"format": "{asctime} {levelname:<7} {name} {message}", "style": "{"},
    },
    "filters": {
        # Telling somebody "no" or "not yet" is an answer, not an error of ours.
        "our_errors": {
            "()": "django.utils.log.CallbackFilter",
            "callback": lambda record: getattr(record, "status_code", 500) not in ANSWERS,
        },
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "loggers": {
        "django.request": {"filters": ["our_errors"]},
        # One line for each call of a model says nothing that an attempt does not.
        "httpx2": {"level": "WARNING"},
    },
    "root": {"handlers": ["console"], "level": os.environ.get("LOG_LEVEL", "INFO")},
}
