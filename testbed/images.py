"""The images of the testbed: what each holds, built once into the cache."""

from __future__ import annotations

import hashlib
import os
import subprocess
import tempfile
from pathlib import Path

from testbed.build import build
from testbed.layout import CACHE, COREDNS, ETCD, KUBERNETES, PAUSE, REGISTRY_NAME, SOURCE, TestbedError
from testbed.oci import Blob, Entry, Image, Settings, blob, image, layer

BOOTSTRAP_LIMIT = 600
BUSYBOX = Path("/bin/busybox")
APPLETS = (
    *("sh", "sleep", "hostname", "echo", "cat", "ls", "date", "env", "id", "mkdir", "nc", "ps", "rm", "sync", "tail"),
    *("test", "touch", "true", "false", "wc", "head", "grep", "sed", "awk", "ip", "netstat", "ping", "dd", "df"),
    *("mount", "top"),
)
CONTROL_PLANE = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
NGINX_USER, POSTGRES_USER = "101", "999"
CONTAINER_FILES = SOURCE / "containers"


def _folder(name: str) -> Path:
    folder = CACHE / "images" / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _made(kind: str, key: str, entries: list[Entry]) -> Blob:
    """Give a layer from the cache, or write it."""
    target = _folder(kind) / f"{hashlib.sha256(key.encode()).hexdigest()[:16]}.tar"
    return blob(target) if target.exists() else layer(target, entries)


def _program_layer(program: str, names: tuple[str, ...]) -> Blob:
    path = build(program)
    entries = [Entry(f"/usr/local/bin/{program}", path, mode=0o755)]
    entries += [Entry(f"/usr/local/bin/{name}", link=program) for name in names if name != program]
    return _made(program, f"{path} {names}", entries)


def _debian(name: str, packages: tuple[str, ...], variant: str) -> Blob:
    """Give a root folder of Debian packages as a layer, made by mmdebstrap from the machine's own package source."""
    key = hashlib.sha256(f"{packages} {variant}".encode()).hexdigest()[:16]
    target = _folder(name) / f"debian-{key}.tar"
    if target.exists():
        return blob(target)
    print(f"making a Debian root with {', '.join(packages)} ...", flush=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        made = Path(scratch, "root.tar")
        command = ["mmdebstrap", f"--variant={variant}", f"--include={','.join(packages)}", "--mode=root"]
        command += ["--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=path-exclude=/usr/share/man/*"]
        command += ["--dpkgopt=path-exclude=/usr/share/locale/*", "bookworm", str(made)]
        done = subprocess.run(
            command,
            env={**os.environ, "SOURCE_DATE_EPOCH": "1", "TMPDIR": scratch},
            capture_output=True,
            timeout=BOOTSTRAP_LIMIT,
            check=False,
        )
        if done.returncode:
            tail = done.stderr.decode(errors="replace").strip()[-1500:]
            raise TestbedError(f"mmdebstrap of {packages} failed:\n{tail}")
        made.replace(target)
    return blob(target)


def _file(name: str, path: str, mode: int = 0o644) -> Entry:
    return Entry(path, (CONTAINER_FILES / name).read_bytes(), mode=mode)


def _files(kind: str, entries: list[Entry]) -> Blob:
    return _made(kind, repr(entries), entries)


def control_plane() -> list[Image]:
    """Give the images of Kubernetes itself, by the names that kubeadm uses."""
    programs = (*CONTROL_PLANE, "etcd", "kubectl")
    kube = _program_layer("kube", programs)
    images = [image(name, KUBERNETES, (kube,), Settings(entrypoint=(name,))) for name in CONTROL_PLANE]
    images.append(image("etcd", f"{ETCD}-0", (kube,), Settings(entrypoint=("etcd",))))
    pause = _program_layer("pause", ("pause",))
    images.append(image("pause", PAUSE, (pause,), Settings(entrypoint=("/usr/local/bin/pause",), user="65535")))
    # kube-proxy needs iptables and conntrack beside itself, and no maintainer script of theirs.
    tools = _debian("kube-proxy", ("iptables", "conntrack", "kmod", "ipset"), "extract")
    links = [f"{base}{ending}" for base in ("iptables", "ip6tables") for ending in ("", "-save", "-restore")]
    names = _files("kube-proxy", [Entry(f"/usr/sbin/{name}", link="xtables-nft-multi") for name in links])
    layers = (tools, names, _program_layer("kube", ("kube-proxy",)))
    images.append(image("kube-proxy", KUBERNETES, layers, Settings(entrypoint=("kube-proxy",))))
    return images


def coredns() -> Image:
    """Give CoreDNS, by the name that kubeadm uses; it runs without root."""
    settings = Settings(entrypoint=("/usr/local/bin/coredns",), user="65532")
    return image("coredns/coredns", COREDNS, (_program_layer("coredns", ("coredns",)),), settings)


def busybox() -> Image:
    """Give a root folder with nothing but busybox and a few tiny services of shell."""
    entries = [Entry(path, folder=True, mode=0o755) for path in ("/bin", "/etc", "/usr", "/usr/bin", "/var", "/home")]
    entries += [Entry(path, folder=True, mode=0o1777) for path in ("/tmp", "/run")]
    entries.append(Entry("/bin/busybox", BUSYBOX.read_bytes(), mode=0o755))
    entries += [Entry(f"/bin/{name}", link="busybox") for name in APPLETS]
    entries.append(Entry("/etc/passwd", b"root:x:0:0:root:/:/bin/sh\napp:x:1000:1000:app:/home:/bin/sh\n"))
    entries.append(Entry("/etc/group", b"root:x:0:\napp:x:1000:\n"))
    entries += [_file(f"{name}.sh", f"/bin/{name}", 0o755) for name in ("worker", "beacon", "once")]
    key = hashlib.sha256(repr([(entry.path, entry.link, entry.data) for entry in entries]).encode()).hexdigest()
    return image("busybox", "1.35", (_made("busybox", key, entries),), Settings(command=("sh",)))


def nginx() -> Image:
    """Give Debian's nginx, listening on 8080 as user 101, writing to /tmp alone."""
    root = _debian("nginx", ("nginx-light",), "apt")
    entries = [_file("nginx.conf", "/etc/nginx/nginx.conf"), _file("index.html", "/var/www/html/index.html")]
    entries += [Entry("/etc/passwd", b"root:x:0:0:root:/root:/bin/sh\nnginx:x:101:101:nginx:/nonexistent:/bin/false\n")]
    entries += [Entry("/etc/group", b"root:x:0:\nnginx:x:101:\n")]
    settings = Settings(
        entrypoint=("/usr/sbin/nginx",), command=("-g", "daemon off;"), user=NGINX_USER, ports=("8080/tcp",)
    )
    return image("nginx", "1.22", (root, _files("nginx", entries)), settings)


def postgres() -> Image:
    """Give Debian's PostgreSQL, as user 999, writing to its data folder and /tmp alone."""
    root = _debian("postgres", ("postgresql-15", "libnss-wrapper"), "apt")
    entries = [_file("postgres.sh", "/usr/local/bin/postgres-entrypoint", 0o755)]
    entries += [
        Entry("/etc/passwd", b"root:x:0:0:root:/root:/bin/sh\npostgres:x:999:999::/var/lib/postgresql:/bin/sh\n")
    ]
    entries += [Entry("/etc/group", b"root:x:0:\npostgres:x:999:\n")]
    owner = int(POSTGRES_USER)
    entries += [
        Entry(path, folder=True, mode=0o750, owner=owner)
        for path in ("/var/lib/postgresql", "/var/lib/postgresql/data", "/run/postgresql")
    ]
    settings = Settings(
        entrypoint=("/usr/local/bin/postgres-entrypoint",),
        user=POSTGRES_USER,
        ports=("5432/tcp",),
        environment=(
            "PATH=/usr/lib/postgresql/15/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "PGDATA=/var/lib/postgresql/data/pgdata",
            "LC_ALL=C.UTF-8",
        ),
    )
    return image("postgres", "15", (root, _files("postgres", entries)), settings)


def products() -> list[Image]:
    """Give the images that manifests use, under the registry's own name."""
    return [busybox(), nginx(), postgres()]


def reference(used: Image) -> str:
    """Give the name that a manifest uses for an image of products(), without digest."""
    return f"{REGISTRY_NAME}/{used.name}:{used.tag}"
