"""Where and how the probe runs: parameters of a profile that no check reads, but the collector."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from preaudit.errors import UsageError
from preaudit.parameter import parameter

if TYPE_CHECKING:
    from preaudit.parameter import Policy

NAMESPACE = parameter("in_cluster.namespace", str, meaning="Namespace in which the probe pod runs; it must exist.")
IMAGE = parameter(
    "in_cluster.image", str, meaning="Image of the probe pod, with this version of preaudit; empty for none."
)
SECONDS = parameter("in_cluster.seconds", int, unit="s", meaning="Longest time that the probe pod may live.")
METADATA = parameter(
    "in_cluster.metadata_addresses", list[str], meaning="Addresses at which clouds tell their machines secrets."
)
SIDECARS = parameter(
    "in_cluster.sidecars", list[str], meaning="Names of containers that end TLS for the others of their pod."
)
PROBE = (NAMESPACE, IMAGE, SECONDS, METADATA, SIDECARS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The values of a run.

    Attributes:
        namespace: where the probe runs.
        image: what it runs, "" where nobody named it.
        seconds: the longest that it may live.
        metadata: addresses that should not answer.
        sidecars: names of containers that end TLS.
    """

    namespace: str
    image: str
    seconds: int = 180
    metadata: tuple[str, ...] = ()
    sidecars: tuple[str, ...] = ()


def settings_of(policy: Policy) -> Settings:
    """What a profile says.

    Raises:
        UsageError: an address is none.
    """
    metadata, sidecars = policy[METADATA], policy[SIDECARS]
    for address in metadata:
        try:
            ipaddress.ip_address(address)
        except ValueError:
            raise UsageError(f"{METADATA.name}: {address!r} is no address; write it like 169.254.169.254") from None
    return Settings(
        namespace=policy[NAMESPACE], image=policy[IMAGE], seconds=policy[SECONDS], metadata=tuple(metadata),
        sidecars=tuple(sidecars),
    )  # fmt: skip
