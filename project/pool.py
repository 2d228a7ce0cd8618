"""Connections of a web process: kept in psycopg's pool, because its threads come and go with requests."""

from django.conf import settings

# One connection for each request that Django works on at once (project.admission), and a few to spare.
LARGEST = 20


def use_pool() -> None:
    """Let this process pool its connections; to be called before the first query.

    Workers and commands do without: they are single-threaded, and a pool does not survive a fork.
    """
    settings.DATABASES["default"]["OPTIONS"]["pool"] = {
        "min_size": 1,
        "max_size": LARGEST,
        # Seconds that a request waits for a connection, then it fails as a lost connection does.
        "timeout": 5,
        "max_lifetime": 1800,
        "max_idle": 60,
    }
