"""An embedded Valkey: the broker, on a Unix socket in a folder that only its account may enter."""

from dataclasses import dataclass
from pathlib import Path

import redis

from project.embedded.account import Place, server_environment
from project.embedded.processes import Child, start_child


@dataclass(frozen=True)
class Valkey:
    """A server whose files lie in `home`. What it holds may be lost at any time: the database knows what is due."""

    home: Path
    place: Place
    log: Path

    @property
    def url(self) -> str:
        """Its address as REDIS_URL has it."""
        return f"unix://{self._socket}?db=0"

    def make(self) -> None:
        if not self.home.exists():
            self.home.mkdir()
        self.place.account.own(self.home, 0o700)

    def start(self) -> Child:
        settings = {
            "port": "0",
            "unixsocket": str(self._socket),
            "unixsocketperm": "700",
            "databases": "16",
            # A snapshot now and then is enough for a doorbell; a failed one must not stop the ringing.
            "save": "300 1",
            "stop-writes-on-bgsave-error": "no",
            "appendonly": "no",
            # An evicted binding would silence a queue (Celery's own advice).
            "maxmemory-policy": "noeviction",
            "daemonize": "no",
        }
        command = [str(self.place.valkey)]
        for name, value in settings.items():
            command += [f"--{name}", *value.split()]
        with self.log.open("ab") as output:
            return start_child(
                "valkey",
                command,
                cwd=self.home,
                env=server_environment(),
                account=self.place.account,
                output=output,
            )

    def answers(self) -> bool:
        client = redis.Redis(unix_socket_path=str(self._socket), socket_timeout=2)
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False
        finally:
            client.close()

    @property
    def _socket(self) -> Path:
        return self.place.sockets / "valkey.sock"
