"""Reading the environment, loud on nonsense: each reader returns a value that can be used, or raises `EnvError`.

An `EnvError` is one sentence that names the variable and says what would be right. `stop_on_env_error` is for
the doors (manage.py, asgi, wsgi, celery): it prints the sentence and ends the process with status 2, because a
traceback tells an operator nothing. An empty value counts as absent.
"""

import ipaddress
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
YES = {"1", "true", "yes", "on"}
NO = {"0", "false", "no", "off"}
# A socket's path may have 107 bytes on Linux, 103 on macOS.
LONGEST_SOCKET_PATH = 103
HOST = re.compile(r"\.?[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*\.?", re.IGNORECASE)


class EnvError(Exception):
    """A variable of the environment makes no sense; the message is one sentence that begins with its name."""

    def __init__(self, name: str, sentence: str) -> None:
        self.name = name
        super().__init__(f"{name} {sentence}")


@contextmanager
def stop_on_env_error(status: int = 2) -> Iterator[None]:
    """Turn an `EnvError` of the enclosed code into one line on standard error and an exit status."""
    try:
        yield
    except EnvError as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(status) from None


def text(name: str, default: str = "") -> str:
    value = os.environ.get(name, "").strip()
    if any(ord(character) < 32 or ord(character) == 127 for character in value):
        raise EnvError(name, "contains a line break or another control character.")
    return value or default


def one_of(name: str, *values: str) -> str:
    """Return the variable's value, "" without one. EnvError: it is none of `values`."""
    value = text(name)
    if value and value not in values:
        raise EnvError(name, f"must be one of {', '.join(values)}, not {value!r}.")
    return value


def flag(name: str, default: bool) -> bool:
    """`on` or `off` (also 1, true, yes and 0, false, no), in any case."""
    value = text(name).lower()
    if not value:
        return default
    if value in YES | NO:
        return value in YES
    raise EnvError(name, f"must be on or off, not {value!r}.")


def number(name: str, default: int, lowest: int, highest: int) -> int:
    """A whole number within bounds."""
    value = text(name)
    if not value:
        return default
    found = int(value) if value.isascii() and value.isdigit() and len(value) <= len(str(highest)) else -1
    if not lowest <= found <= highest:
        raise EnvError(name, f"must be a whole number from {lowest} to {highest}, not {value!r}.")
    return found


def folder(name: str, default: Path, base: Path) -> Path:
    """An absolute path; a relative one starts at `base`. It need not exist, but must not be a file."""
    path = (base / Path(text(name) or default).expanduser()).absolute()
    if path.exists() and not path.is_dir():
        raise EnvError(name, f"must name a folder, but {path} is a file.")
    return path


def shared_folder(name: str) -> Path | None:
    """An absolute path of a folder that exists and that we may write in; None when absent."""
    value = text(name)
    if not value:
        return None
    path = Path(value)
    if not path.is_absolute() or not path.is_dir() or not os.access(path, os.W_OK | os.X_OK):
        raise EnvError(name, f"must name, by its full path, a folder that exists and may be written, not {value!r}.")
    return path


def socket_path(name: str) -> str:
    """The full path of a Unix socket, which need not be there yet; empty when absent."""
    value = text(name)
    if value and (not Path(value).is_absolute() or len(os.fsencode(value)) > LONGEST_SOCKET_PATH):
        raise EnvError(name, f"must name a socket by its full path of {LONGEST_SOCKET_PATH} bytes at most.")
    return value


def origin(name: str, default: str) -> str:
    """`http(s)://host[:port]`, without path, query, user or trailing slash."""
    value = text(name, default)
    url = _split(name, value)
    if url.scheme not in ("http", "https") or not url.hostname:
        raise EnvError(name, f"must be an address such as https://comments.example, not {value!r}.")
    if url.path not in ("", "/") or url.query or url.fragment or "@" in url.netloc:
        raise EnvError(name, f"must be a bare origin (scheme, host and perhaps a port), not {value!r}.")
    _check_host(name, url.hostname)
    _port(name, url)
    return f"{url.scheme}://{url.netloc.lower()}"


def hosts(name: str, default: list[str]) -> list[str]:
    """Host names separated by commas; `.example.org` means all below it; `*` alone means any."""
    names = [part.strip() for part in text(name).split(",") if part.strip()]
    for host in names:
        if host != "*":
            _check_host(name, host.strip("[]"))
    return names or default


def networks(name: str) -> list[Network]:
    """Addresses or networks (CIDR) separated by commas."""
    found: list[Network] = []
    for part in text(name).split(","):
        if part.strip():
            try:
                found.append(ipaddress.ip_network(part.strip()))
            except ValueError:
                raise EnvError(name, f"must list IP addresses or networks, and {part.strip()!r} is neither.") from None
    return found


def rates(name: str, *words: str) -> dict[str, str]:
    """Rates separated by commas, each of one of `words` or of a domain: `domain=20/second,example.org=5/second`.

    A rate is a number per second, minute, hour or day; several of one are separated by semicolons.
    """
    found: dict[str, str] = {}
    for part in filter(None, map(str.strip, text(name).split(","))):
        what, _, limits = (piece.strip().lower() for piece in part.partition("="))
        if what not in words and not re.fullmatch(r"(?:[a-z0-9-]+\.)+[a-z0-9-]+", what):
            raise EnvError(name, f"must name {', '.join(words)} or a domain, and {what!r} is none.")
        if not re.fullmatch(
            r"[1-9]\d{0,8}/(?:second|minute|hour|day)(?:;[1-9]\d{0,8}/(?:second|minute|hour|day))*", limits
        ):
            raise EnvError(name, f"must say a rate such as 20/second or 20/second;1000/hour, and {limits!r} is none.")
        found[what] = limits
    return found


def mailbox(name: str, default: str) -> str:
    """An address, bare or as `Name <local@host>`."""
    value = text(name, default)
    if not re.fullmatch(r"[^<>@\s]+@[^<>@\s]+|[^<>]*<[^<>@\s]+@[^<>@\s]+>", value):
        raise EnvError(name, f"must be an e-mail address such as afterword@example.org, not {value!r}.")
    return value


def plain_mailbox(name: str, longest: int) -> str:
    """A bare ASCII `local@host` whose local part has no `+` and at most `longest` characters; empty when absent."""
    value = text(name)
    local = value.partition("@")[0]
    if value and (not re.fullmatch(r"[a-z0-9._-]+@[a-z0-9.-]+\.[a-z0-9-]+", value) or len(local) > longest):
        sentence = (
            f"must be an address such as bounce@bounces.example.org, its first part of {longest} characters at most"
        )
        raise EnvError(name, f"{sentence}, without capitals and +, not {value!r}.")
    return value


def secret(name: str, shortest: int) -> str:
    """Printable ASCII characters without blanks and colons, at least `shortest` of them; empty when absent."""
    value = text(name)
    if value and (len(value) < shortest or not re.fullmatch(r"[!-9;-~]+", value)):
        raise EnvError(name, f"must have at least {shortest} printable characters, without blanks and colons.")
    return value


@dataclass(frozen=True)
class Database:
    """Where PostgreSQL answers. `host` may be a folder with a Unix socket; `options` go to libpq as they are."""

    user: str
    password: str
    host: str
    port: str
    name: str
    options: dict[str, str]


def database(name: str, value: str = "") -> Database | None:
    """Read a `postgresql://user:password@host:port/database?sslmode=…` address; None when absent.

    `?host=/folder` names a Unix socket. `value` is read in place of the variable when given.
    """
    value = value or text(name)
    if not value:
        return None
    url = _split(name, value)
    if url.scheme not in ("postgresql", "postgres"):
        raise EnvError(name, "must begin with postgresql:// (PostgreSQL is the only database).")
    options = dict(parse_qsl(url.query))
    host = options.pop("host", "") or unquote(url.hostname or "")
    port = options.pop("port", "") or str(_port(name, url) or 5432)
    database_name = unquote(url.path.removeprefix("/")) or options.pop("dbname", "")
    if not database_name:
        raise EnvError(name, "must name a database after the host, as in postgresql://user:password@host/database.")
    if unknown := set(options) - LIBPQ_OPTIONS:
        raise EnvError(name, f"has the unknown parameter {sorted(unknown)[0]!r}.")
    return Database(unquote(url.username or ""), unquote(url.password or ""), host, port, database_name, options)


LIBPQ_OPTIONS = set(
    "sslmode sslrootcert sslcert sslkey sslcrl sslnegotiation channel_binding require_auth application_name options "
    "connect_timeout keepalives keepalives_idle keepalives_interval keepalives_count tcp_user_timeout "
    "target_session_attrs load_balance_hosts hostaddr passfile service gssencmode krbsrvname".split()
)


def redis(name: str, value: str = "") -> str:
    """A `redis://`, `rediss://` or `unix:///socket?db=N` address, or the empty string."""
    value = value or text(name)
    if not value:
        return ""
    url = _split(name, value)
    if url.scheme not in ("redis", "rediss", "unix"):
        raise EnvError(name, "must begin with redis://, rediss:// or unix://.")
    if url.scheme == "unix" and (url.netloc or not url.path.startswith("/")):
        raise EnvError(name, "must name the socket by its full path, as in unix:///run/valkey.sock.")
    if url.scheme != "unix" and not url.hostname:
        raise EnvError(name, "must name a host, as in redis://127.0.0.1:6379/0.")
    _port(name, url)
    number = dict(parse_qsl(url.query)).get("db", "0") if url.scheme == "unix" else url.path.strip("/") or "0"
    if not number.isdecimal():
        raise EnvError(name, f"must end in the number of a database, not in {number!r}.")
    return value


@dataclass(frozen=True)
class Mail:
    """How mail leaves. `kind` is smtp, file or console; `folder` is for file; `tls` is "", starttls or ssl."""

    kind: str
    folder: str = ""
    host: str = ""
    port: int = 25
    user: str = ""
    password: str = ""
    tls: str = ""
    timeout: float = 10.0


def mail(name: str, default_folder: Path) -> Mail:
    """Read `smtp://user:password@host:port?tls=starttls|ssl&timeout=SECONDS`, `file:///folder` or `console://`."""
    value = text(name)
    if not value:
        return Mail("file", folder=str(default_folder))
    url = _split(name, value)
    if url.scheme == "console":
        return Mail("console")
    if url.scheme == "file":
        if url.netloc or not url.path.startswith("/"):
            raise EnvError(name, "must name the folder by its full path, as in file:///var/spool/afterword.")
        return Mail("file", folder=unquote(url.path))
    if url.scheme != "smtp":
        raise EnvError(name, "must begin with smtp://, file:// or console://.")
    return _smtp(name, url)


def _smtp(name: str, url: SplitResult) -> Mail:
    if not url.hostname or url.path not in ("", "/"):
        raise EnvError(name, "must look like smtp://user:password@host:587?tls=starttls.")
    options = dict(parse_qsl(url.query))
    tls = options.pop("tls", "")
    if tls not in ("", "starttls", "ssl"):
        raise EnvError(name, f"has tls={tls}, where only starttls and ssl exist.")
    timeout = _seconds(name, options.pop("timeout", "10"))
    if options:
        raise EnvError(name, f"has the unknown parameter {sorted(options)[0]!r}.")
    port = _port(name, url) or {"": 25, "starttls": 587, "ssl": 465}[tls]
    user, password = unquote(url.username or ""), unquote(url.password or "")
    return Mail("smtp", host=url.hostname, port=port, user=user, password=password, tls=tls, timeout=timeout)


def _seconds(name: str, value: str) -> float:
    try:
        seconds = float(value)
    except ValueError:
        seconds = 0.0
    if not 0.1 <= seconds <= 120:
        raise EnvError(name, f"has timeout={value}, which must be between 0.1 and 120 seconds.")
    return seconds


def _split(name: str, value: str) -> SplitResult:
    try:
        return urlsplit(value)
    except ValueError:
        _refuse_address(name)


def _port(name: str, url: SplitResult) -> int | None:
    try:
        return url.port
    except ValueError:
        raise EnvError(name, "has a port that is no number between 0 and 65535.") from None


def _refuse_address(name: str) -> NoReturn:
    # The value is not repeated: it may hold a password.
    raise EnvError(name, "is not a well-formed address.") from None


def _check_host(name: str, host: str) -> None:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        if len(host) > 253 or not HOST.fullmatch(host):
            raise EnvError(name, f"has {host!r}, which is no host name.") from None
