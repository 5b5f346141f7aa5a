"""Container images put together from layers, and pushed to a registry: the OCI image format, by its standard."""

from __future__ import annotations

import hashlib
import http.client
import io
import json
import tarfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING

from testbed.layout import TestbedError

if TYPE_CHECKING:
    import ssl

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar"  # not compressed: the registry is on this machine
LIMIT = 120


@dataclass(frozen=True, slots=True)
class Blob:
    """A file known by its content.

    Attributes:
        path: Where it is.
        digest: sha256:HEX of its bytes.
        size: Bytes.
    """

    path: Path
    digest: str
    size: int


@dataclass(frozen=True, slots=True)
class Image:
    """An image that can be pushed.

    Attributes:
        name: Repository, without the registry: nginx.
        tag: Its tag.
        manifest: The manifest's bytes, whose digest names the image.
        config: The configuration's bytes.
        layers: Its layers, lowest first.
    """

    name: str
    tag: str
    manifest: bytes
    config: bytes
    layers: tuple[Blob, ...]

    @property
    def digest(self) -> str:
        """Give the digest that pins this image."""
        return digest_of(self.manifest)


@dataclass(frozen=True, slots=True)
class Entry:
    """One file, link or folder of a layer.

    Attributes:
        path: Absolute path inside the image.
        data: Content of a file: bytes, or the path of a file to copy.
        link: Target of a symbolic link, instead of content.
        folder: Whether it is a folder.
        mode: Permission bits.
        owner: User and group id.
    """

    path: str
    data: bytes | Path = b""
    link: str | None = None
    folder: bool = False
    mode: int = 0o644
    owner: int = 0


@dataclass(frozen=True, slots=True)
class Settings:
    """How a container of an image starts.

    Attributes:
        entrypoint: Program and fixed arguments.
        command: Arguments that a manifest may replace.
        user: User, numeric, as `runAsNonRoot` needs it.
        environment: Variables, NAME=VALUE.
        ports: Ports that the image says it serves, as 8080/tcp.
        labels: Labels.
    """

    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    user: str = ""
    environment: tuple[str, ...] = ("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",)
    ports: tuple[str, ...] = ()
    labels: dict[str, str] = field(default_factory=dict)


def digest_of(data: bytes) -> str:
    """Give sha256:HEX of bytes."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def blob(path: Path) -> Blob:
    """Give a file with its digest, which is kept beside it: reading half a gigabyte again takes a second."""
    beside, state = path.with_name(path.name + ".digest"), path.stat()
    identity = f"{state.st_size} {state.st_mtime_ns}"
    if beside.exists():
        known, _, digest = beside.read_text().strip().partition(" = ")
        if known == identity:
            return Blob(path, digest, state.st_size)
    with path.open("rb") as file:
        digest = "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()
    beside.write_text(f"{identity} = {digest}\n")
    return Blob(path, digest, state.st_size)


def layer(target: Path, entries: list[Entry]) -> Blob:
    """Write a layer, byte for byte the same for the same entries: no times, no names of this machine."""
    partial = target.with_name(target.name + ".partial")
    with tarfile.open(partial, "w", format=tarfile.GNU_FORMAT) as archive:
        for entry in entries:
            info = tarfile.TarInfo(entry.path.lstrip("/"))
            info.mode, info.uid, info.gid = entry.mode, entry.owner, entry.owner
            if entry.folder:
                info.type = tarfile.DIRTYPE
                archive.addfile(info)
            elif entry.link is not None:
                info.type, info.linkname = tarfile.SYMTYPE, entry.link
                archive.addfile(info)
            else:
                _add(archive, info, entry.data)
    partial.replace(target)
    return blob(target)


def _add(archive: tarfile.TarFile, info: tarfile.TarInfo, data: bytes | Path) -> None:
    source: IO[bytes]
    if isinstance(data, Path):
        info.size = data.stat().st_size
        source = data.open("rb")
    else:
        info.size = len(data)
        source = io.BytesIO(data)
    with source:
        archive.addfile(info, source)


def image(name: str, tag: str, layers: tuple[Blob, ...], settings: Settings) -> Image:
    """Put layers and settings together to an image."""
    config = _encode(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {
                "Entrypoint": list(settings.entrypoint),
                "Cmd": list(settings.command),
                "User": settings.user,
                "Env": list(settings.environment),
                "ExposedPorts": {port: {} for port in settings.ports},
                "Labels": settings.labels,
                "WorkingDir": "/",
            },
            "rootfs": {"type": "layers", "diff_ids": [part.digest for part in layers]},
            "history": [{"created_by": "preaudit testbed"} for _ in layers],
        }
    )
    manifest = _encode(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "config": {"mediaType": CONFIG_TYPE, "digest": digest_of(config), "size": len(config)},
            "layers": [{"mediaType": LAYER_TYPE, "digest": part.digest, "size": part.size} for part in layers],
        }
    )
    return Image(name, tag, manifest, config, layers)


def _encode(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def push(registry: str, context: ssl.SSLContext, pushed: Image) -> None:
    """Push an image: what the registry has already is not sent again."""
    host, _, port = registry.partition(":")
    connection = http.client.HTTPSConnection(host, int(port or 443), context=context, timeout=LIMIT)
    try:
        for part in pushed.layers:
            _push_blob(connection, pushed.name, part.digest, part.path)
        _push_blob(connection, pushed.name, digest_of(pushed.config), pushed.config)
        headers = {"Content-Type": MANIFEST_TYPE}
        _expect(connection, "PUT", f"/v2/{pushed.name}/manifests/{pushed.tag}", 201, pushed.manifest, headers)
    finally:
        connection.close()


def _push_blob(connection: http.client.HTTPSConnection, name: str, digest: str, data: Path | bytes) -> None:
    connection.request("HEAD", f"/v2/{name}/blobs/{digest}")
    answer = connection.getresponse()
    answer.read()
    if answer.status == http.HTTPStatus.OK:
        return
    location = _expect(connection, "POST", f"/v2/{name}/blobs/uploads/", 202)
    path = "/" + location.split("://", 1)[-1].split("/", 1)[1]
    path += ("&" if "?" in path else "?") + "digest=" + digest.replace(":", "%3A")
    body: bytes | IO[bytes] = data.open("rb") if isinstance(data, Path) else data
    size = data.stat().st_size if isinstance(data, Path) else len(data)
    headers = {"Content-Type": "application/octet-stream", "Content-Length": str(size)}
    try:
        _expect(connection, "PUT", path, 201, body, headers)
    finally:
        if not isinstance(body, bytes):
            body.close()


def _expect(  # noqa: PLR0917 - as many as a request or a pod has
    connection: http.client.HTTPSConnection,
    verb: str,
    path: str,
    status: int,
    body: bytes | IO[bytes] = b"",
    headers: dict[str, str] | None = None,
) -> str:
    connection.request(verb, path, body=body, headers=headers or {})
    answer = connection.getresponse()
    text = answer.read()
    if answer.status != status:
        raise TestbedError(f"registry: {verb} {path} answered {answer.status}, expected {status}: {text[:300]!r}")
    return answer.headers.get("Location", "")
