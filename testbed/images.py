"""The images of the testbed: what each holds, built once into the cache."""

from __future__ import annotations

import hashlib
from pathlib import Path

from testbed import server_images
from testbed.layers import debian, file, files, made, program
from testbed.layout import COREDNS, ETCD, KUBERNETES, PAUSE, REGISTRY_NAME
from testbed.oci import Entry, Image, Settings, image

BUSYBOX = Path("/bin/busybox")
APPLETS = (
    *("sh", "sleep", "hostname", "echo", "cat", "ls", "date", "env", "id", "mkdir", "nc", "ps", "rm", "sync", "tail"),
    *("test", "touch", "true", "false", "wc", "head", "grep", "sed", "awk", "ip", "netstat", "ping", "dd", "df"),
    *("mount", "top"),
)
CONTROL_PLANE = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
POSTGRES_USER = "999"


def control_plane() -> list[Image]:
    """Give the images of Kubernetes itself, by the names that kubeadm uses."""
    programs = (*CONTROL_PLANE, "etcd", "kubectl")
    kube = program("kube", programs)
    images = [image(name, KUBERNETES, (kube,), Settings(entrypoint=(name,))) for name in CONTROL_PLANE]
    images.append(image("etcd", f"{ETCD}-0", (kube,), Settings(entrypoint=("etcd",))))
    pause = program("pause")
    images.append(image("pause", PAUSE, (pause,), Settings(entrypoint=("/usr/local/bin/pause",), user="65535")))
    # kube-proxy needs iptables and conntrack beside itself, and no maintainer script of theirs.
    tools = debian("kube-proxy", ("iptables", "conntrack", "kmod", "ipset"), "extract")
    links = [f"{base}{ending}" for base in ("iptables", "ip6tables") for ending in ("", "-save", "-restore")]
    names = files("kube-proxy", [Entry(f"/usr/sbin/{name}", link="xtables-nft-multi") for name in links])
    layers = (tools, names, program("kube", ("kube-proxy",)))
    images.append(image("kube-proxy", KUBERNETES, layers, Settings(entrypoint=("kube-proxy",))))
    return images


def coredns() -> Image:
    """Give CoreDNS, by the name that kubeadm uses; it runs without root."""
    settings = Settings(entrypoint=("/usr/local/bin/coredns",), user="65532")
    return image("coredns/coredns", COREDNS, (program("coredns"),), settings)


def busybox() -> Image:
    """Give a root folder with nothing but busybox and a few tiny services of shell."""
    entries = [Entry(path, folder=True, mode=0o755) for path in ("/bin", "/etc", "/usr", "/usr/bin", "/var", "/home")]
    entries += [Entry(path, folder=True, mode=0o1777) for path in ("/tmp", "/run")]
    entries.append(Entry("/bin/busybox", BUSYBOX.read_bytes(), mode=0o755))
    entries += [Entry(f"/bin/{name}", link="busybox") for name in APPLETS]
    entries.append(Entry("/etc/passwd", b"root:x:0:0:root:/:/bin/sh\napp:x:1000:1000:app:/home:/bin/sh\n"))
    entries.append(Entry("/etc/group", b"root:x:0:\napp:x:1000:\n"))
    entries += [file(f"{name}.sh", f"/bin/{name}", 0o755) for name in ("worker", "beacon", "once")]
    key = hashlib.sha256(repr([(entry.path, entry.link, entry.data) for entry in entries]).encode()).hexdigest()
    return image("busybox", "1.35", (made("busybox", key, entries),), Settings(command=("sh",)))


def postgres() -> Image:
    """Give Debian's PostgreSQL, as user 999, writing to its data folder and /tmp alone."""
    root = debian("postgres", ("postgresql-15", "libnss-wrapper"), "apt")
    entries = [file("postgres.sh", "/usr/local/bin/postgres-entrypoint", 0o755)]
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
    return image("postgres", "15", (root, files("postgres", entries)), settings)


def products() -> list[Image]:
    """Give the images that manifests use, under the registry's own name."""
    return [busybox(), postgres(), *server_images.images()]


def reference(used: Image) -> str:
    """Give the name that a manifest uses for an image of products(), without digest."""
    return f"{REGISTRY_NAME}/{used.name}:{used.tag}"
