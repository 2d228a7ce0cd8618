"""Django alone, for a WSGI server: behind a proxy it takes what is not a read (docs/operating.md)."""

import os

from project.env import stop_on_env_error

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
with stop_on_env_error():
    from django.core.wsgi import get_wsgi_application

    from project.pool import use_pool

    use_pool()
    application = get_wsgi_application()
