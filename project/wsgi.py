"""Django alone, for a WSGI server: behind the front (project.backend), or behind a proxy (docs/operating.md)."""

import os

from project.env import stop_on_env_error

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
with stop_on_env_error():
    from django.core.wsgi import get_wsgi_application

    from project import metrics
    from project.slips import Behind
    from project.web_process import become_web_process, spare_the_broker

    become_web_process()
    spare_the_broker()
    application = Behind(get_wsgi_application())
    metrics.note_memory()
