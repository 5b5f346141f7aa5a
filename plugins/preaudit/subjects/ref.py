"""What a record is about, as it stands in the record."""

from __future__ import annotations

import msgspec


class Subject(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """What a record is about.

    Attributes:
        api_version: ``apps/v1``.
        kind: ``DaemonSet``.
        namespace: "" for cluster-wide objects.
        name: the object's name.
        uid: the object's UID, "" where it has none (files).
        within: the part it is about, ``containers[agent]`` or ``subjects[ServiceAccount shop/api]``; "" for the whole.
        unverified: the kind was not collected, the name is what a pod's ownerReference claims.
        host: of an endpoint, as a waiver names it; "" for everything else.
        port: of an endpoint, 0 for everything else.
    """

    api_version: str = ""
    kind: str
    namespace: str = ""
    name: str
    uid: str = ""
    within: str = ""
    unverified: bool = False
    host: str = ""
    port: int = 0
