"""Targets: endpoints that the user names himself, ``host:port[,sni=NAME][,starttls=PROTOCOL][,ca=FILE]``."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from preaudit.collect.endpoints.dialogue import STARTTLS
from preaudit.collect.endpoints.place import Place, never_dialled
from preaudit.collect.endpoints.services import Resolve
from preaudit.errors import NotObservable, UsageError

_FORM = "write it like example.org:443 or [2001:db8::1]:5432,starttls=postgresql,sni=db.example.org,ca=ca.pem"
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9.])?")
_MAX_CA = 1 << 20


@dataclass(frozen=True, slots=True)
class Target:
    """One ``--target``.

    Attributes:
        text: as it was given.
        host: name or address.
        port: TCP port.
        server_name: sent as SNI, "" where the host is an address and none was given.
        starttls: protocol that TLS is begun in.
        ca: file of trust anchors (PEM), "" for none.
    """

    text: str
    host: str
    port: int
    server_name: str
    starttls: str
    ca: str

    @property
    def anchor(self) -> str:
        """The name of its anchors."""
        return f"ca={self.ca}" if self.ca else ""


def parse_target(text: str) -> Target:
    """One ``--target``.

    Raises:
        UsageError: it is none; the message shows the form.
    """
    place, *settings = text.split(",")
    host, _, port = place.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    number = int(port) if port.isascii() and port.isdigit() and len(port) < 6 else 0
    if not 0 < number < 65536 or not (_HOST.fullmatch(host) or _is_ip(host)):
        raise UsageError(f"--target {text}: no host and port; {_FORM}")
    found = {"sni": "" if _is_ip(host) else host, "starttls": "", "ca": ""}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if key not in found or not equals or not value:
            raise UsageError(f"--target {text}: {setting!r} is none of sni=, starttls=, ca=; {_FORM}")
        found[key] = value
    if found["starttls"] and found["starttls"] not in STARTTLS:
        raise UsageError(f"--target {text}: starttls={found['starttls']}; known are {', '.join(sorted(STARTTLS))}")
    if found["sni"] and not _HOST.fullmatch(found["sni"]):
        raise UsageError(f"--target {text}: sni={found['sni']} is no host name")
    if found["ca"]:
        read_anchors(found["ca"], f"--target {text}: ca=")
    return Target(text, host, number, found["sni"], found["starttls"], found["ca"])


def read_anchors(path: str, said: str) -> bytes:
    """The bytes of a file of trust anchors.

    Args:
        path: the file.
        said: what the user wrote before the path, for the error.

    Raises:
        UsageError: it cannot be read, or holds no certificate in PEM form.
    """
    try:
        with Path(path).open("rb") as stream:
            found = stream.read(_MAX_CA + 1)
    except OSError as error:
        raise UsageError(f"{said}{path}: cannot be read: {error.strerror}") from None
    if b"-----BEGIN CERTIFICATE-----" not in found or len(found) > _MAX_CA:
        raise UsageError(f"{said}{path}: no file of certificates in PEM form (of at most 1 MB)")
    return found


def target_place(target: Target, resolve: Resolve) -> Place:
    """Where a target is; a name is looked up once, and that address is dialled."""
    refused, address = "", target.host
    if not _is_ip(target.host):
        try:
            address = resolve(target.host)
        except NotObservable as error:
            address, refused = "", error.why
    return Place(
        owner_kind="Target", owner=target.host, address=address, port=target.port, server_name=target.server_name,
        names=(target.server_name or target.host,), exposure="external", declared=(f"--target {target.text}",),
        served=True, starttls=target.starttls, anchors=(target.anchor,) if target.anchor else (),
        refused=refused or never_dialled(address, named=True),
    )  # fmt: skip


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return "%" not in text


def anchors_of(targets: Iterable[Target]) -> dict[str, bytes]:
    """The trust anchors that targets name, by the name that their places use."""
    return {one.anchor: read_anchors(one.ca, "ca=") for one in targets if one.ca}
