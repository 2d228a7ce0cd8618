"""What a network is: plain frozen records, so that the registry reads as a table."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from sharing.networks.lengths import Counting

Field = Literal["url", "title", "summary", "image", "site_name"]


class Kind(StrEnum):
    """`web`: an address that a browser follows. `device`: something that the reader's own device does."""

    WEB = "web"
    DEVICE = "device"


class Status(StrEnum):
    """How sure the address is. `retired` ones still resolve, because old pages ask for them, but are not listed."""

    DOCUMENTED = "documented"
    CONVENTION = "convention"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True)
class Shareable:
    """What is shared: one page or one comment.

    `url` and `image` are absolute http(s) addresses; the rest is plain text of any length and in any language.
    """

    url: str
    title: str = ""
    summary: str = ""
    image: str = ""
    site_name: str = ""


@dataclass(frozen=True, slots=True)
class Limit:
    """How long the text may be.

    `link` is what the page's address costs of it: None as much as it measures, a number where the network counts
    every address alike, 0 where the address is no part of the text.
    """

    maximum: int
    counting: Counting
    link: int | None = None


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of the query: the named fields of the page, joined; or a constant.

    A parameter whose fields are all empty is left out. The address of the page is never shortened.
    """

    name: str
    fields: tuple[Field, ...] = ()
    constant: str = ""
    joiner: str = " "
    limit: Limit | None = None


@dataclass(frozen=True, slots=True)
class Network:
    """One place to share to.

    `address` has no query; `{instance}` in it stands for a host that the reader names. `aliases` are names under which
    other front ends know it (Shariff's services). `note` says where the form of the address is written down.
    """

    key: str
    label: str
    status: Status
    address: str = ""
    parameters: tuple[Parameter, ...] = ()
    aliases: tuple[str, ...] = ()
    note: str = ""

    @property
    def kind(self) -> Kind:
        return Kind.WEB if self.address else Kind.DEVICE

    @property
    def asks_instance(self) -> bool:
        """Whether the reader must name her server first, because the network has no address of its own."""
        return "{instance}" in self.address

    @property
    def link_attributes(self) -> dict[str, str]:
        """HTML attributes of a link to it: a page of its own for web sites, none for mail and other programs."""
        rel = "nofollow noopener noreferrer"
        return {"target": "_blank", "rel": rel} if self.address.startswith("https://") else {"rel": rel}
