"""The testbed itself: that a cluster comes up whatever state it finds, leaves nothing, and that faults are faults."""

import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from testbed import access, api, processes  # noqa: E402
from testbed.faults import Rule  # noqa: E402
from testbed.layout import NODES, STATE, api_address, node_address  # noqa: E402
from testbed.proxy import FaultProxy  # noqa: E402

pytestmark = pytest.mark.live
URL = f"https://{api_address()}"


def command(*words, limit=400):
    line = [sys.executable, "-m", "testbed", *words]
    return subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=limit, check=False)


def traces():
    """What a cluster could leave on the machine, as sets of lines."""

    def lines(*command):
        return set(subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout.splitlines())

    return {
        "processes": {str(pid) for pid in processes.belonging_to(STATE)},
        "namespaces": {str(link.readlink()) for link in Path("/proc").glob("[0-9]*/ns/net") if link.exists()},
        "mounts": {line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()},
        "links": {line.split(":")[1].split("@")[0].strip() for line in lines("ip", "-o", "link")},
        "routes": {line for line in lines("ip", "route") if "198.1" in line},
        "rules": {line for line in lines("iptables-save") if line.startswith(("-A", ":"))},
        "groups": {str(path) for path in Path("/sys/fs/cgroup").glob("*/preaudit-testbed*")},
        "settings": {
            f"{name}={Path('/proc/sys', name).read_text()}" for name in ("vm/overcommit_memory", "kernel/panic")
        },
        "files": {str(path) for path in Path("/var/lib").glob("preaudit-testbed/*")},
        "ports": {line for line in lines("ss", "-Hltn") if "198.18." in line},
    }


@pytest.fixture(scope="module")
def cluster():
    done = command("up")
    assert done.returncode == 0, done.stderr
    return access.administrator()


def get(kubeconfig, path, limit=10, **headers):
    host, port, context = api.tls(kubeconfig)
    connection = http.client.HTTPSConnection(host, port, context=context, timeout=limit)
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


def test_a_cluster_that_is_up_is_healthy_and_up_again_does_nothing(cluster):
    assert command("status").stdout == "healthy\n"
    pids = processes.belonging_to(STATE)
    began = time.monotonic()
    assert command("up").returncode == 0
    assert time.monotonic() - began < 5
    assert processes.belonging_to(STATE) == pids


def test_control_plane_is_read_as_mirror_pods_with_its_flags(cluster):
    pods = json.loads(get(cluster, "/api/v1/namespaces/kube-system/pods?labelSelector=tier%3Dcontrol-plane")[2])[
        "items"
    ]
    lines = {pod["metadata"]["labels"]["component"]: pod["spec"]["containers"][0]["command"] for pod in pods}
    assert set(lines) == {"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"}
    assert "--anonymous-auth=false" in lines["kube-apiserver"]
    assert all("kubernetes.io/config.mirror" in pod["metadata"]["annotations"] for pod in pods)


@pytest.mark.parametrize("name", NODES)
def test_kubelet_certificate_is_the_clusters_and_anonymous_is_refused(cluster, name):
    context = ssl.create_default_context(cafile=str(STATE / "pki" / "ca.crt"))
    connection = http.client.HTTPSConnection(node_address(name), 10250, context=context, timeout=10)
    connection.request("GET", "/configz")
    assert connection.getresponse().status == 401
    connection.close()
    with socket.socket() as probe:
        assert probe.connect_ex((node_address(name), 10255)) != 0


def test_every_request_is_in_the_audit_log(cluster):
    name = f"canary-{os.getpid()}"
    get(cluster, f"/api/v1/namespaces/{name}")
    log = STATE / NODES[0] / "var/log/kubernetes/audit/audit.log"
    deadline = time.monotonic() + 5
    while f'"/api/v1/namespaces/{name}"' not in log.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_secrets_are_encrypted_at_rest(cluster):
    client = api.Api(cluster)
    plain = f"in-the-clear-{os.getpid()}"
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "canary"}, "stringData": {"key": plain}}
    client.apply("/api/v1/namespaces/default/secrets/canary", secret)
    stored = b"".join(
        path.read_bytes() for path in (STATE / NODES[0] / "var/lib/etcd/member").rglob("*.*") if path.is_file()
    )
    client.do("DELETE", "/api/v1/namespaces/default/secrets/canary")
    client.close()
    assert b"/registry/secrets/default/canary" in stored
    assert plain.encode() not in stored


def test_a_user_without_rights_is_forbidden(cluster):
    assert get(access.for_user(STATE, "nobody-special", (), URL), "/api/v1/secrets")[0] == 403


def test_proxy_passes_users_and_tokens_through(cluster):
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    with FaultProxy(URL) as proxy:
        client = api.Api(proxy.kubeconfig("eve", ("auditors", "guests")))
        info = client.do("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", review)["status"]["userInfo"]
        client.close()
        assert info["username"] == "eve"
        assert {"auditors", "guests"} <= set(info["groups"])
        assert get(proxy.kubeconfig(), "/api/v1/nodes", Authorization="Bearer wrong")[0] == 200
        host, port = proxy.url.removeprefix("https://").split(":")
        context = ssl.create_default_context(cafile=str(STATE / "pki" / "ca.crt"))
        bare = http.client.HTTPSConnection(host, int(port), context=context, timeout=10)
        token = api.Api(cluster)
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
        made = token.do("POST", "/api/v1/namespaces/kube-system/serviceaccounts/coredns/token", body)["status"]["token"]
        token.close()
        bare.request("GET", "/api/v1/services", headers={"Authorization": f"Bearer {made}"})
        assert bare.getresponse().status == 200
        bare.close()


PODS = "/api/v1/namespaces/kube-system/pods"


@pytest.mark.parametrize(("fault", "status"), [(str(code), code) for code in (401, 403, 404, 410, 429, 500, 503)])
def test_proxy_refuses_with_a_status(cluster, fault, status):
    with FaultProxy(URL, [Rule(fault, path="*/pods", namespace="kube-system", seconds=7)]) as proxy:
        got, headers, body = get(proxy.kubeconfig(), PODS)
        assert (got, json.loads(body)["code"]) == (status, status)
        assert headers.get("Retry-After") == ("7" if fault == "429" else None)
        assert get(proxy.kubeconfig(), "/api/v1/namespaces/default/pods")[0] == 200
        assert proxy.used() == [1]
        proxy.set_rules([])
        assert get(proxy.kubeconfig(), PODS)[0] == 200
        assert proxy.count("*/pods", "GET") == 3


def test_proxy_spoils_the_second_page_alone(cluster):
    with FaultProxy(URL, [Rule("410", page=2, times=1)]) as proxy:
        first = json.loads(get(proxy.kubeconfig(), f"{PODS}?limit=2")[2])
        following = f"{PODS}?limit=2&continue={first['metadata']['continue']}"
        assert get(proxy.kubeconfig(), following)[0] == 410
        assert get(proxy.kubeconfig(), following)[0] == 200


def test_proxy_spoils_contents(cluster):
    with FaultProxy(URL) as proxy:

        def answer(fault, path=PODS):
            proxy.set_rules([Rule(fault)])
            status, _, body = get(proxy.kubeconfig(), path)
            assert status == 200
            return body

        nothing = json.loads(answer("null-items"))
        assert nothing["items"] is None
        assert nothing["metadata"]["remainingItemCount"] > 0
        assert json.loads(answer("status-200"))["status"] == "Failure"
        assert answer("empty-body") == b""
        with pytest.raises(ValueError, match=r"."):
            json.loads(answer("invalid-json"))
        tokens = set()
        path = f"{PODS}?limit=2"
        proxy.set_rules([Rule("endless")])
        for _ in range(5):
            page = json.loads(get(proxy.kubeconfig(), path)[2])
            assert len(page["items"]) == 2
            tokens.add(page["metadata"]["continue"])
            path = f"{PODS}?limit=2&continue={page['metadata']['continue']}"
        assert len(tokens) == 5


def test_proxy_breaks_connections(cluster):
    with FaultProxy(URL) as proxy:
        for fault in ("cut", "long-length"):
            proxy.set_rules([Rule(fault)])
            with pytest.raises((http.client.IncompleteRead, ssl.SSLEOFError)):
                get(proxy.kubeconfig(), PODS)
        proxy.set_rules([Rule("reset")])
        with pytest.raises(OSError, match=r"."):
            get(proxy.kubeconfig(), PODS)
        proxy.set_rules([Rule("hang", seconds=60)])
        with pytest.raises(TimeoutError):
            get(proxy.kubeconfig(), PODS, limit=1)
        proxy.set_rules([Rule("drip", piece=16, seconds=0.01)])
        assert json.loads(get(proxy.kubeconfig(), "/api/v1/namespaces/default")[2])["kind"] == "Namespace"
        proxy.set_rules([Rule("short-length")])
        with pytest.raises(ValueError, match=r"."):
            json.loads(get(proxy.kubeconfig(), PODS)[2])


def test_proxy_in_front_of_a_kubelet(cluster):
    with FaultProxy(f"https://{node_address(NODES[1])}:10250", [Rule("503", times=1)]) as proxy:
        assert get(proxy.kubeconfig(), "/configz")[0] == 503
        assert "kubeletconfig" in json.loads(get(proxy.kubeconfig(), "/configz")[2])


def crash():
    for pid in processes.belonging_to(STATE):
        os.kill(pid, signal.SIGKILL)
    (STATE / "node1.pid").unlink()


def test_a_crashed_cluster_goes_down_or_comes_up_and_down_leaves_nothing(cluster):
    try:
        crash()
        assert command("status").returncode == 1
        assert (done := command("down")).returncode == 0, done.stderr
        before = settled_traces()
        assert (done := command("up")).returncode == 0, done.stderr
        crash()
        assert (done := command("up")).returncode == 0, done.stderr
        running = traces()
        assert (done := command("down")).returncode == 0, done.stderr
        after = settled_traces()
    finally:
        assert (done := command("up")).returncode == 0, done.stderr
    grown = {kind for kind in before if running[kind] - before[kind]}
    assert {"processes", "namespaces", "links", "routes", "groups", "files", "settings"} <= grown
    assert after == before
    assert not any(after[kind] for kind in ("processes", "routes", "groups", "files"))


def settled_traces():
    """The kernel takes network namespaces and their devices down a moment after their last process."""
    time.sleep(2)
    return traces()
