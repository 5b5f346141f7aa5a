"""Pods at random, close to the borders of the Pod Security Standards; the same seed gives the same pods."""

from __future__ import annotations

import random
from typing import Any

CAPABILITIES = ["ALL", "CHOWN", "KILL", "NET_BIND_SERVICE", "NET_RAW", "SYS_ADMIN", "SYS_TIME", "MKNOD"]
SYSCTLS = [
    "kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_rmem", "net.ipv4.tcp_notsent_lowat", "net.ipv4.tcp_syncookies",
    "kernel.msgmax", "net.core.somaxconn",
]  # fmt: skip
VOLUMES: list[dict[str, Any]] = [
    {"emptyDir": {}}, {"configMap": {"name": "c"}}, {"secret": {"secretName": "s"}}, {"hostPath": {"path": "/var"}},
    {"persistentVolumeClaim": {"claimName": "c"}}, {"nfs": {"server": "s", "path": "/"}},
    {"downwardAPI": {"items": []}}, {"projected": {"sources": []}}, {"csi": {"driver": "d.example"}},
    {"iscsi": {"targetPortal": "10.0.0.1:3260", "iqn": "iqn.2001-04.example:x", "lun": 0}},
    {"image": {"reference": "r.example/i:1"}},
    {"ephemeral": {"volumeClaimTemplate": {"spec": {
        "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}}}},
]  # fmt: skip
APPARMOR = "container.apparmor.security.beta.kubernetes.io/"


class Generator:
    """Makes pods.

    Args:
        seed: of the random numbers.
        valid: keep to what the API server's validation takes, so that its admission is asked.
    """

    def __init__(self, seed: int, *, valid: bool = False) -> None:
        self._random = random.Random(seed)
        self._valid = valid

    def pod(self, name: str, namespace: str) -> dict[str, Any]:
        """One pod."""
        once = self._once
        containers = [self._container(f"c{n}") for n in range(self._random.choice([1, 1, 1, 2, 3]))]
        spec: dict[str, Any] = {"containers": containers}
        if once(0.2):
            spec["initContainers"] = [self._container("i0")]
        if once(0.1) and not self._valid:
            spec["ephemeralContainers"] = [self._container("e0", ephemeral=True)]
        for field in ("hostPID", "hostIPC", "hostNetwork"):
            if once(0.06):
                spec[field] = self._random.choice([True, False])
        if once(0.15) and not any(spec.get(one) for one in ("hostPID", "hostIPC", "hostNetwork")):
            spec["hostUsers"] = self._random.choice([True, False, False])
        if once(0.6):
            spec["securityContext"] = self._pod_context()
        if once(0.3):
            spec["volumes"] = [
                {"name": f"v{n}", **self._random.choice(VOLUMES)} for n in range(self._random.choice([1, 2]))
            ]
        if once(0.12) and not self._valid:
            spec["os"] = {"name": self._random.choice(["windows", "windows", "linux"])}
        metadata: dict[str, Any] = {"name": name, "namespace": namespace}
        annotations = {} if self._valid else self._annotations(containers)
        if annotations:
            metadata["annotations"] = annotations
        return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}

    def _once(self, chance: float) -> bool:
        return self._random.random() < chance

    def _profile(self, *, apparmor: bool = False) -> dict[str, Any]:
        kinds = ["RuntimeDefault"] * 4 + ["Unconfined", "Localhost"]
        kind = self._random.choice(kinds if self._valid or apparmor else [*kinds, ""])
        return {"type": kind} | ({"localhostProfile": "p"} if kind == "Localhost" else {})

    def _selinux(self) -> dict[str, Any]:
        options: dict[str, Any] = {}
        if self._once(0.7):
            types = ["container_t", "container_init_t", "container_kvm_t", "container_engine_t", "spc_t", ""]
            options["type"] = self._random.choice(types)
        for field in ("user", "role"):
            if self._once(0.1):
                options[field] = self._random.choice(["", "u"])
        return options

    def _context(self) -> dict[str, Any]:
        context: dict[str, Any] = {}
        if self._once(0.5):
            context["runAsNonRoot"] = self._random.choice([True, True, True, False])
        if self._once(0.3):
            context["runAsUser"] = self._random.choice([0, 1000, 1000])
        if self._once(0.5):
            context["seccompProfile"] = self._profile()
        if self._once(0.1):
            context["seLinuxOptions"] = self._selinux()
        if self._once(0.1):
            context["appArmorProfile"] = self._profile(apparmor=True)
        if self._once(0.03) and not self._valid:
            context["windowsOptions"] = {"hostProcess": self._random.choice([True, False])}
        return context

    def _pod_context(self) -> dict[str, Any]:
        context = self._context()
        if self._once(0.15):
            names = self._random.sample(SYSCTLS, self._random.choice([1, 2]))
            context["sysctls"] = [{"name": name, "value": "1"} for name in names]
        return context

    def _container(self, name: str, *, ephemeral: bool = False) -> dict[str, Any]:
        container: dict[str, Any] = {"name": name, "image": "r.example/i:1"}
        if self._once(0.85):
            context = self._context()
            if self._once(0.8):
                context["allowPrivilegeEscalation"] = self._random.choice([False, False, False, True])
            if self._once(0.8):
                context["capabilities"] = self._capabilities()
            if self._once(0.06) and context.get("allowPrivilegeEscalation", True):
                context["privileged"] = self._random.choice([True, False])
            if self._once(0.05):
                context["procMount"] = self._random.choice(["Default", "Unmasked"])
            container["securityContext"] = context
        if not ephemeral:
            if self._once(0.2):
                port = self._random.choice([0, 0, 8080])
                container["ports"] = [{"containerPort": 8080} | ({"hostPort": port} if port else {})]
            if self._once(0.15) and not name.startswith("i"):
                self._probes(container)
        return container

    def _capabilities(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if self._once(0.85):
            found["drop"] = self._random.choice([["ALL"], ["ALL"], ["ALL"], ["NET_RAW"], []])
        if self._once(0.25):
            found["add"] = self._random.sample(CAPABILITIES, self._random.choice([1, 1, 2]))
        return found

    def _probes(self, container: dict[str, Any]) -> None:
        host = self._random.choice([{}, {}, {"host": "10.0.0.1"}, {"host": ""}])
        handler = self._random.choice([{"httpGet": {"port": 80, "path": "/"} | host}, {"tcpSocket": {"port": 80} | host}])
        if self._once(0.6):
            container[self._random.choice(["livenessProbe", "readinessProbe", "startupProbe"])] = handler
        elif "httpGet" in handler:
            container["lifecycle"] = {self._random.choice(["postStart", "preStop"]): handler}

    def _annotations(self, containers: list[dict[str, Any]]) -> dict[str, str]:
        found = {}
        name = self._random.choice([*(one["name"] for one in containers), "other"])
        if self._once(0.08):
            values = ["runtime/default", "unconfined", "localhost/x", ""]
            found[APPARMOR + name] = self._random.choice(values)
        if self._once(0.1):
            values = ["runtime/default", "docker/default", "unconfined", "localhost/x", ""]
            key = self._random.choice(["seccomp.security.alpha.kubernetes.io/pod",
                                       f"container.seccomp.security.alpha.kubernetes.io/{name}"])  # fmt: skip
            found[key] = self._random.choice(values)
        return found
