"""nginx in two roles: a server of files, which is the limit, and the proxy of docs/operating.md in front of us."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from tests.benchmarks.cores import SERVER_CORE, on_cores
from tests.benchmarks.tools import find
from tests.processes import ROOT, free_port, wait_until

DOCUMENTED = ROOT / "docs" / "operating.md"

# As Debian has it where it matters: sendfile and tcp_nopush are on.
MAIN = """
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
worker_rlimit_nofile 16384;
{user}
events {{ worker_connections 8192; }}
http {{
    access_log off;
    default_type application/json;
    sendfile on;
    tcp_nopush on;
    open_file_cache max=100;
    keepalive_requests 1000000000;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{files_port};
        root {files};
        gzip_static on;
        tcp_nopush off;
        location / {{ error_page 405 =200 $uri; }}
    }}
    {proxy}
}}
"""


class Nginx:
    """One process that works, on the servers' core. `files` is what it serves, `proxied` how it asks `upstream`."""

    def __init__(self, folder: Path, upstream: str) -> None:
        self.folder = folder
        self.files = folder / "files"
        self.files_port, self.proxy_port = free_port(), free_port()
        self.upstream = upstream
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def files_base(self) -> str:
        return f"http://127.0.0.1:{self.files_port}"

    @property
    def proxy_base(self) -> str:
        return f"http://127.0.0.1:{self.proxy_port}"

    def start(self) -> None:
        program = find("nginx")
        assert program is not None
        settings = self.folder / "nginx.conf"
        settings.write_text(
            MAIN.format(
                folder=self.folder,
                files=self.files,
                files_port=self.files_port,
                proxy=self._proxy(),
                user="user root;" if os.geteuid() == 0 else "",
            )
        )
        with on_cores(SERVER_CORE), (self.folder / "output.log").open("wb") as output:
            self.process = subprocess.Popen(
                [program, "-p", str(self.folder), "-c", str(settings)], stdout=output, stderr=output
            )
        wait_until((self.folder / "nginx.pid").exists, f"nginx, see {self.folder}/output.log", 10)

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(10)

    def _proxy(self) -> str:
        """Return the documented configuration with this run's addresses in it."""
        block = re.search(r"```nginx\n(.*?)```", DOCUMENTED.read_text(), re.DOTALL)
        assert block is not None, "docs/operating.md has no nginx configuration any more"
        found = block[1]
        for documented, ours in {
            "127.0.0.1:8000": self.upstream,
            "listen 443 ssl;": f"listen 127.0.0.1:{self.proxy_port};",
            "/var/cache/nginx/afterword": str(self.folder / "cache"),
        }.items():
            assert documented in found, f"docs/operating.md names {documented!r} no more"
            found = found.replace(documented, ours)
        return re.sub(r"^ *ssl_.*\n", "", found, flags=re.MULTILINE)
