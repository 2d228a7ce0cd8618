"""`manage.py prepare`: migrations, and on an empty database the demo and a first admin. `up` runs it at each start."""

import json
import os
import secrets
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.base import BaseCommand

ADMIN = "admin"


class Command(BaseCommand):
    help = "Migrate; seed the demo site and a first admin on an empty database. Prints one JSON object at the end."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--no-demo", action="store_true", help="leave an empty database empty")

    def handle(self, *args: Any, **options: Any) -> None:
        call_command("migrate", interactive=False, verbosity=0)
        # By name: the drawer imports no app.
        sites, articles = apps.get_model("articles", "Site"), apps.get_model("articles", "Article")
        if not options["no_demo"] and not sites._default_manager.exists():
            # The admin first: a seed that fails is tried again at the next start, an admin only with it.
            make_admin(settings.DATA_DIR / "admin.password")
            call_command("seed_demo", verbosity=0)
        first = articles._default_manager.order_by("pk").values_list("pk", flat=True).first()
        self.stdout.write(json.dumps({"article": first}))


def make_admin(password_file: Path) -> None:
    """Make the superuser `admin` with a random password, kept in a file that only its owner reads (0600)."""
    users = get_user_model()._default_manager
    if users.filter(is_superuser=True).exists():
        return
    password = secrets.token_urlsafe(12)
    with os.fdopen(os.open(password_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(f"{password}\n")
    admin = get_user_model()(username=ADMIN, is_staff=True, is_superuser=True)
    admin.set_password(password)
    admin.save()
