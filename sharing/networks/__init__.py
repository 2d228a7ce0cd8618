"""Where a share goes: the networks as data, and the addresses built from them. Pure: no database, no settings.

A target is always built here, from a network of the registry and a page; nothing that a client sends can choose
its host.
"""

from sharing.networks.lengths import Counting, fit, measure
from sharing.networks.model import Kind, Limit, Network, Parameter, Shareable, Status
from sharing.networks.registry import NETWORKS, find, listed, share_bar
from sharing.networks.targets import InstanceError, instance_host, target, web_address

__all__ = [
    "NETWORKS",
    "Counting",
    "InstanceError",
    "Kind",
    "Limit",
    "Network",
    "Parameter",
    "Shareable",
    "Status",
    "find",
    "fit",
    "instance_host",
    "listed",
    "measure",
    "share_bar",
    "target",
    "web_address",
]
