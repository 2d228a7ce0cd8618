"""Every setting of the service; each value that an operator may change comes from the environment.

docs/configuration.md lists the variables. A value that makes no sense raises `EnvError`, which the doors turn
into one sentence and exit status 2.
"""

import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from project import env
from project.embedded.running import read_running
from project.secret import secret_key

BASE_DIR = Path(__file__).resolve().parent.parent

# Where things are kept and how we are reached.
DEBUG = env.flag("DEBUG", default=False)
DATA_DIR = env.folder("DATA_DIR", default=Path(".data"), base=BASE_DIR)
# The `up` that runs on DATA_DIR, if one does: it knows where database, broker and web server are.
RUNNING = read_running(DATA_DIR)
PUBLIC_URL = env.origin("PUBLIC_URL", default=RUNNING.web_url if RUNNING else "http://127.0.0.1:8000")
PUBLIC_HOST = urlsplit(PUBLIC_URL).hostname or ""
ALLOWED_HOSTS = env.hosts("ALLOWED_HOSTS", default=[PUBLIC_HOST, "localhost", "127.0.0.1", "[::1]"])
TRUSTED_PROXIES = env.networks("TRUSTED_PROXIES")
RATE_LIMITS = env.flag("RATE_LIMITS", default=True)
SECRET_KEY = secret_key(DATA_DIR)
# Bytes of memory in which each web process keeps finished answers (project.snapshots); the variable says MiB.
SNAPSHOT_MEMORY = env.number("SNAPSHOT_MEMORY", default=32, lowest=1, highest=65_536) * 1024 * 1024
# Streams of live updates that one web process holds open, and those of one client's address or network.
STREAMS = env.number("STREAMS", default=10_000, lowest=0, highest=15_000)
STREAMS_PER_CLIENT = env.number("STREAMS_PER_CLIENT", default=100, lowest=1, highest=15_000)
# Drills only: where a process is to die (project/failpoints.py).
FAIL_POINT = env.one_of("FAIL_POINT", "after_insert", "before_commit", "after_commit_before_answer", "after_answer")
# Where Django answers, if it has a process of its own (project.backend).
APPLICATION_SOCKET = env.socket_path("APPLICATION_SOCKET")
# Where processes that answer for each other keep their numbers (project.metrics); prometheus-client reads it too.
METRICS_DIR = env.shared_folder("PROMETHEUS_MULTIPROC_DIR")

# Database and broker: named by the environment, else those of the running `up`.
_database = env.database("DATABASE_URL") or (RUNNING and env.database("DATABASE_URL", RUNNING.database_url))
DATABASES: dict[str, dict[str, Any]] = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": _database.name if _database else "afterword",
        "USER": _database.user if _database else "",
        "PASSWORD": _database.password if _database else "",
        # Without a database this names a folder that has no socket (so does REDIS_URL): who needs none still works.
        "HOST": _database.host if _database else str(DATA_DIR / "run"),
        "PORT": _database.port if _database else "",
        # A connection lasts one request; web processes keep theirs in psycopg's pool (project.web_process).
        "CONN_MAX_AGE": 0,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {"connect_timeout": "5", **(_database.options if _database else {})},
    }
}
# Whether web processes may keep plans of large reads in their connections (project.web_process).
PREPARED_STATEMENTS = env.flag("PREPARED_STATEMENTS", default=True)
REDIS_URL = env.redis("REDIS_URL") or (RUNNING and RUNNING.redis_url) or f"unix://{DATA_DIR}/run/valkey.sock?db=0"

# Mail.
_mail = env.mail("EMAIL_URL", default_folder=DATA_DIR / "mail")
EMAIL_BACKEND = {
    "smtp": "django.core.mail.backends.smtp.EmailBackend",
    "file": "project.mailbox.EmailBackend",
    "console": "django.core.mail.backends.console.EmailBackend",
}[_mail.kind]
EMAIL_FILE_PATH = _mail.folder
EMAIL_HOST = _mail.host
EMAIL_PORT = _mail.port
EMAIL_HOST_USER = _mail.user
EMAIL_HOST_PASSWORD = _mail.password
EMAIL_USE_TLS = _mail.tls == "starttls"
EMAIL_USE_SSL = _mail.tls == "ssl"
EMAIL_TIMEOUT = _mail.timeout
MAIL_FROM = env.mailbox("MAIL_FROM", default=f"afterword@{PUBLIC_HOST}")
# Where mail servers send back what they could not deliver; each delivery's own address is made from it.
BOUNCE_ADDRESS = env.plain_mailbox("BOUNCE_ADDRESS", longest=20)
# How fast mail goes to one domain and for one site, by those words or a domain's own name.
MAIL_RATES = env.rates("MAIL_RATES", "domain", "site")
# Where readers answer mails about comments; each delivery's own address is made from it.
REPLY_ADDRESS = env.plain_mailbox("REPLY_ADDRESS", longest=20)
if REPLY_ADDRESS and REPLY_ADDRESS == BOUNCE_ADDRESS:
    raise env.EnvError("REPLY_ADDRESS", "must be another address than BOUNCE_ADDRESS.")
# The password with which mail providers tell us of bounces and complaints; without one nobody is listened to.
MAIL_EVENTS_SECRET = env.secret("MAIL_EVENTS_SECRET", shortest=16)
DEFAULT_FROM_EMAIL = MAIL_FROM
SERVER_EMAIL = MAIL_FROM

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.postgres",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "project.allauth_apps.Accounts",
    "project.allauth_apps.SocialAccounts",
    "allauth.socialaccount.providers.openid_connect",
    "project",
    "articles",
    "comments",
    "sharing",
]
MIDDLEWARE = [
    "project.security_headers.ContentPolicyMiddleware",
    "project.middleware.ApiMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "project.urls"
ASGI_APPLICATION = "project.asgi.application"
WSGI_APPLICATION = "project.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]

# Who knows how long the oldest due message has waited; the drawer asks by this name (project.health).
OUTBOX_HEALTH = "sharing.selectors.outbox.outbox_health"

# Who counts what mail servers sent back lately (project.metrics), and whether `/metrics` names the sites.
WAITING_MAIL = "sharing.selectors.sending.waiting_deliveries"
RETURNED_MAIL = "sharing.selectors.sending.returned_lately"
METRICS_PER_SITE = env.flag("METRICS_PER_SITE", default=False)

# The reads whose answers web processes keep (project.snapshots).
KEPT_READS = ("comments.kept.READS", "sharing.kept.READS")

# Signing in at a provider: django-allauth carries the protocol, comments.openid what happens around it.
SOCIALACCOUNT_ADAPTER = "comments.openid.SocialAdapter"
# Seconds that one request to a provider may take.
SOCIALACCOUNT_REQUESTS_TIMEOUT = 4

# Language and time. Days and hours that readers see are computed from their own zone; ours is UTC.
LANGUAGE_CODE = "en"
# Each in its own words: so it stands in the list from which a reader chooses. Only mails and the pages behind their
# links are spoken in it (project.languages); elsewhere two languages would mix on one page.
LANGUAGES = [("en", "English"), ("de", "Deutsch"), ("fr", "français"), ("es", "español"), ("ar", "العربية")]
LOCALE_PATHS = [BASE_DIR / "project" / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

# Static files are served from where the apps keep them; there is no collecting step.
STATIC_URL = "/static/"
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG
WHITENOISE_MAX_AGE = 3600

# Security. Cookies are for moderators and the admin only; public pages set none.
_secure = PUBLIC_URL.startswith("https:")
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "strict-origin-when-cross-origin"
# The window in which a reader signs in at a provider closes itself, which it may as long as we are its opener.
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin-allow-popups"
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUSTED_PROXIES and _secure else None
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _secure
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_HTTPONLY = True
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
APPEND_SLASH = False

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["project.drf_parsers.StrictJSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "project.errors.exception_handler",
    "UNAUTHENTICATED_USER": None,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Afterword",
    "DESCRIPTION": "Comments, share buttons and Follow by Email for any article.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1/",
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "project.schema.complete",
    ],
    "ENUM_NAME_OVERRIDES": {
        "CommentStatus": "comments.models.Comment.Status",
        "DecisionStatus": "comments.moderation_serializers.DECIDABLE",
    },
    # The page of the documentation and all that it loads come from us.
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
}

# Plain lines on standard error; the process that runs us keeps them. Addresses of readers are never logged.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line", "stream": sys.stderr}},
    "root": {"handlers": ["stderr"], "level": "INFO"},
    "loggers": {
        "django": {"handlers": [], "level": "INFO", "propagate": True},
        # Requests that were refused are no news; faults of ours are logged as errors by the same logger.
        "django.request": {"level": "ERROR"},
        "django.security.DisallowedHost": {"level": "ERROR"},
    },
}
