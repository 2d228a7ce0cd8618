"""The whole service on one port: what granian serves."""

import os
from typing import cast

from project.env import stop_on_env_error

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
with stop_on_env_error():
    from django.core.asgi import get_asgi_application

    from project.web_process import become_web_process

    become_web_process()
    django_application = get_asgi_application()

from project.admission import Admission, Application

application = Admission(cast(Application, django_application))
