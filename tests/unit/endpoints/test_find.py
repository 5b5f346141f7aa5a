"""Where endpoints are said to be: believed is what a status names, listed is what a tenant could have planted."""

import pytest

from preaudit.collect.endpoints.find import find_places
from preaudit.collect.endpoints.plane import LOOPBACK
from preaudit.errors import NotObservable
from preaudit.example import write_snapshot

API = "https://198.51.100.10:6443"


def pod(name, ip="192.0.2.10", *, ports=(), phase="Running", namespace="shop", **spec):
    container = {"name": "c", "image": "x", "ports": list(ports)} if ports else {"name": "c", "image": "x"}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": namespace, "uid": name},
            "spec": {"containers": [container], "nodeName": "n1", **spec},
            "status": {"phase": phase, "podIPs": [{"ip": ip}] if ip else []}}  # fmt: skip


def service(name="web", ports=({"name": "https", "port": 443, "targetPort": 8443},), namespace="shop", status=None, **spec):
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": namespace},
            "spec": {"ports": list(ports), **spec}, "status": status or {}}  # fmt: skip


def slice_of(name="web", ip="192.0.2.10", pod="web-1"):
    port, namespace, label = 8443, "shop", "https"
    reference = {"targetRef": {"kind": "Pod", "name": pod, "namespace": namespace}} if pod else {}
    return {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
            "metadata": {"name": f"{name}-x", "namespace": namespace, "labels": {"kubernetes.io/service-name": name}},
            "addressType": "IPv4", "ports": [{"name": label, "port": port, "protocol": "TCP"}],
            "endpoints": [{"addresses": [ip], **reference}]}  # fmt: skip


def node(name="n1", ip="198.51.100.11"):
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name},
            "status": {"addresses": [{"type": "InternalIP", "address": ip}, {"type": "Hostname", "address": name}],
                       "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}}}}  # fmt: skip


def static(program, *flags, ip="198.51.100.11"):
    made = pod(f"{program}-n1", ip, namespace="kube-system", hostNetwork=True)
    made["metadata"] |= {"labels": {"component": program}, "annotations": {"kubernetes.io/config.mirror": "x"},
                         "ownerReferences": [{"apiVersion": "v1", "kind": "Node", "name": "n1", "uid": "u", "controller": True}]}  # fmt: skip
    made["spec"]["containers"] = [{"name": program, "image": "x", "command": [program, *flags]}]
    return made


@pytest.fixture
def found(tmp_path):
    def find(*objects, sources=None, resolve=lambda name: name):
        return find_places(write_snapshot(tmp_path, objects, sources), API, resolve)

    return find


def at(found, port, **more):
    (one,) = [one for one in found.places if one.port == port and all(getattr(one, key) == value for key, value in more.items())]
    return one


def test_a_service_is_looked_at_behind_its_address(found):
    one = at(found(pod("web-1"), service(), slice_of()), 8443)
    assert (one.address, one.owner_kind, one.owner, one.server_name) == ("192.0.2.10", "Pod", "web-1", "web.shop.svc")
    assert (one.refused, one.served, one.exposure) == ("", True, "cluster")
    assert "web.shop.svc.cluster.local" in one.names


@pytest.mark.parametrize(("changed", "why"), [
    (slice_of(pod=""), "names no pod"),
    (slice_of(pod="other"), "names no pod"),
    (slice_of(ip="198.51.100.99"), "does not have this address"),
    (slice_of(ip="169.254.169.254"), "does not have this address"),
])  # fmt: skip
def test_an_endpoint_slice_that_no_pod_confirms_is_listed_and_never_dialled(found, changed, why):
    one = at(found(pod("web-1"), service(), changed), 8443)
    assert why in one.refused
    assert one.address == ""
    assert one.served


def test_a_pod_whose_status_names_the_metadata_address_is_not_dialled(found):
    places = found(pod("web-1", "169.254.169.254", ports=[{"containerPort": 80}])).places
    assert [one.refused for one in places if one.port == 80] == ["the pod's status names no address"]


def test_external_addresses_and_names_of_a_spec_are_not_dialled(found):
    places = found(service(externalIPs=["203.0.113.9"]), service("out", ports=(), type="ExternalName", externalName="evil.example")).places
    assert all("spec.externalIPs" in one.refused for one in places if one.owner == "web")
    assert not [one for one in places if one.owner == "out"]


def test_a_load_balancer_is_reached_at_its_status(found):
    status = {"loadBalancer": {"ingress": [{"ip": "203.0.113.5"}, {"hostname": "lb.example"}]}}
    places = found(service(status=status), resolve=lambda name: "203.0.113.6" if name == "lb.example" else name).places
    assert {one.address for one in places if one.owner == "web"} == {"203.0.113.5", "203.0.113.6"}
    assert {one.exposure for one in places if one.owner == "web"} == {"external"}


def test_a_name_that_does_not_resolve_is_a_gap(found):
    def resolve(name):
        if name == "lb.example":
            raise NotObservable(name, "the name does not resolve")
        return name

    gaps = found(service(status={"loadBalancer": {"ingress": [{"hostname": "lb.example"}]}}), resolve=resolve).gaps
    assert "lb.example: the name does not resolve" in gaps["shop"]


def test_a_node_port_and_a_host_port_are_external(found):
    places = found(node(), pod("web-1", ports=[{"containerPort": 8443, "hostPort": 9443}]),
                   service(ports=[{"name": "https", "port": 443, "targetPort": 8443, "nodePort": 30443}]), slice_of())  # fmt: skip
    assert (at(places, 30443).address, at(places, 30443).exposure) == ("198.51.100.11", "external")
    assert (at(places, 9443).address, at(places, 9443).exposure) == ("198.51.100.11", "external")


def test_a_declared_port_alone_is_served_to_nobody(found):
    one = at(found(pod("web-1", ports=[{"containerPort": 9090, "name": "https-metrics"}])), 9090)
    assert (one.served, one.hint) == (False, "https")


def test_one_address_is_one_place_however_often_it_is_declared(found):
    one = at(found(pod("web-1", ports=[{"containerPort": 8443}]), service(), slice_of()), 8443)
    assert len(one.declared) == 2
    assert one.server_name == "web.shop.svc"


def test_finished_pods_have_no_endpoints(found):
    assert not [one for one in found(pod("job-1", ports=[{"containerPort": 80}], phase="Succeeded")).places if one.port == 80]


def test_every_host_of_an_ingress_is_a_place(found):
    ingress = {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": "front", "namespace": "shop"},
               "spec": {"rules": [{"host": "a.example"}, {"host": "*.b.example"}], "tls": [{"hosts": ["a.example"]}]},
               "status": {"loadBalancer": {"ingress": [{"ip": "203.0.113.5"}]}}}  # fmt: skip
    places = [one for one in found(ingress).places if one.owner == "front"]
    assert {(one.server_name, one.port, one.served) for one in places} == {
        ("a.example", 443, True), ("a.example", 80, True), ("preaudit.b.example", 443, False), ("preaudit.b.example", 80, True),
    }  # fmt: skip


@pytest.mark.parametrize(("spec", "places"), [
    ({"defaultBackend": {"service": {"name": "web"}}}, {("", 443, False), ("", 80, True)}),
    ({"rules": [{"http": {}}], "tls": [{"secretName": "web"}]}, {("", 443, True), ("", 80, True)}),
    ({"rules": [{"host": "a.example"}], "tls": [{"secretName": "web"}]}, {("a.example", 443, False), ("a.example", 80, True)}),
])  # fmt: skip
def test_an_ingress_for_any_host_is_a_place(found, spec, places):
    ingress = {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": "front", "namespace": "shop"}, "spec": spec,
               "status": {"loadBalancer": {"ingress": [{"ip": "203.0.113.5"}]}}}  # fmt: skip
    several = [one for one in found(ingress).places if one.owner == "front"]
    assert {(one.server_name, one.port, one.served) for one in several} == places
    assert all(one.names for one in several)


def balanced(*ports, ip="203.0.113.5"):
    return service("edge", [{"name": str(number), "port": number} for number in ports], status={"loadBalancer": {"ingress": [{"ip": ip}]}})


def sharing(*hosts, secured=()):
    return {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": "front", "namespace": "shop"},
            "spec": {"rules": [{"host": host} for host in hosts], "tls": [{"hosts": list(secured)}] if secured else []},
            "status": {"loadBalancer": {"ingress": [{"ip": "203.0.113.5"}]}}}  # fmt: skip


def test_who_names_no_host_is_looked_at_beside_those_who_do(found):
    """A scanner that comes by address meets the default certificate, which no host of the Ingress has."""
    seen = found(balanced(443, 80), sharing("a.example", "b.example", secured=["b.example"]))
    bare, places = at(seen, 443, server_name=""), seen.places
    assert (bare.owner, bare.beside, bare.exposure) == ("edge", "b.example", "external")
    assert bare.names[:4] == ("203.0.113.5", "b.example", "a.example", "edge.shop.svc")
    assert {(one.server_name, one.port) for one in places if one.address} == {
        ("", 443), ("a.example", 443), ("b.example", 443), ("a.example", 80), ("b.example", 80), ("", 6443),
    }  # fmt: skip


def test_a_host_is_not_called_by_the_names_of_who_comes_by_address(found):
    """Else a certificate for the address, or for any name that nothing tells, would be right for the first host."""
    seen = found(balanced(443, 80), sharing("a.example", "b.example", secured=["a.example"]))
    assert [(one.names, one.more_names) for one in (at(seen, 443, server_name="a.example"), at(seen, 80, server_name="a.example"))] == [
        (("a.example",), False)] * 2  # fmt: skip
    assert "Service shop/edge port 80 load balancer" in at(seen, 80, server_name="a.example").declared


def test_what_an_ingress_serves_to_any_host_is_looked_at_beside_its_hosts(found):
    seen = found(sharing("a.example", ""))
    assert {(one.server_name, one.port) for one in seen.places if one.owner == "front"} == {
        (host, port) for host in ("", "a.example") for port in (80, 443)
    }


def test_a_service_without_hosts_beside_it_is_no_look_beside_any(found):
    seen = found(balanced(443, ip="203.0.113.6"), sharing("a.example"))
    assert not at(seen, 443, server_name="").beside


def test_hosts_of_an_ingress_beyond_the_limit_are_a_gap(found):
    rules = [{"host": f"h{number}.example"} for number in range(201)]
    ingress = {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": "front", "namespace": "shop"}, "spec": {"rules": rules}}
    assert "Ingress front has 201 hosts, of which 200 are looked at" in found(ingress).gaps["shop"]


def test_a_node_has_a_kubelet_and_ports_that_should_be_closed(found):
    places = found(node())
    assert {(one.port, one.role) for one in places.places if one.owner == "n1"} == {
        (10250, "kubelet"), (10255, "kubelet-read-only"), (10256, "proxy-health"), (10249, "proxy-metrics"),
    }  # fmt: skip


def test_the_control_plane_is_where_its_command_lines_say(found):
    places = found(
        node(), static("kube-scheduler", "--bind-address=127.0.0.1"), static("kube-controller-manager", "--bind-address=0.0.0.0"),
        static("etcd", "--listen-client-urls=https://127.0.0.1:2379,https://198.51.100.11:2379", "--listen-peer-urls=https://198.51.100.99:2380"),
    )  # fmt: skip
    assert (at(places, 10259).role, at(places, 10259).refused) == ("scheduler", LOOPBACK)
    assert (at(places, 10257).role, at(places, 10257).refused) == ("controller-manager", "")
    assert (at(places, 2379).role, at(places, 2379).refused) == ("etcd-client", "")
    assert "not the address of its node" in at(places, 2380).refused


def test_a_command_line_that_is_not_seen_is_a_gap(found):
    gaps = found(node(), static("etcd", "--config-file=/etc/etcd.yaml")).gaps
    assert "--config-file" in gaps["kube-system"]


@pytest.mark.parametrize("source", ["pods", "services", "endpointslices.discovery.k8s.io", "ingresses.networking.k8s.io"])
def test_what_was_not_seen_is_a_gap(found, source):
    gaps = found(pod("web-1"), service(), sources={source: "forbidden"}).gaps
    assert source in gaps["shop"]
    assert source in gaps["*"]


def test_nodes_that_were_not_seen_are_a_gap_of_the_cluster(found):
    gaps = found(pod("web-1"), sources={"nodes": "forbidden"}).gaps
    assert "nodes" in gaps["*"]
    assert "shop" not in gaps
