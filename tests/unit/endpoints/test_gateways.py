"""Hosts that only routes name are looked at like those of an Ingress, and what of them was not seen is a gap."""

from contextlib import suppress
from functools import reduce
from operator import getitem

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from preaudit.collect.endpoints.find import find_places
from preaudit.collect.endpoints.gateways import GATEWAYS, gateway_places
from preaudit.collect.endpoints.place import Gap, Place
from preaudit.collect.endpoints.routes import ROUTES, common_host
from preaudit.example import write_snapshot
from preaudit.snapshot import Snapshot, SourceStatus, Status

API = "https://198.51.100.10:6443"
GROUP = "gateway.networking.k8s.io"
HTTP, GRPC, TLS = ROUTES


def gateway(*listeners, name="front", namespace="infra", address="203.0.113.5", **spec):
    return {"apiVersion": f"{GROUP}/v1", "kind": "Gateway", "metadata": {"name": name, "namespace": namespace},
            "spec": {"listeners": list(listeners), **spec},
            "status": {"addresses": [{"type": "IPAddress", "value": address}] if address else []}}  # fmt: skip


def listener(name="web", hostname="", port=443, protocol="HTTPS", origin="All", **more):
    host = {"hostname": hostname} if hostname else {}
    allowed = {"allowedRoutes": {"namespaces": {"from": origin}}} if origin else {}
    return {"name": name, "port": port, "protocol": protocol, **host, **allowed, **more}


def answer(reference, status="True", kind="Accepted"):
    return {"parentRef": reference, "controllerName": "example.com/c", "conditions": [{"type": kind, "status": status}]}


def route(*hosts, name="app", namespace="shop", kind="HTTPRoute", parents=None, answers=None, **reference):
    given = [{"name": "front", "namespace": "infra", **reference}] if parents is None else parents
    told = [answer(one) for one in given] if answers is None else answers
    return {"apiVersion": f"{GROUP}/v1", "kind": kind, "metadata": {"name": name, "namespace": namespace},
            "spec": {"parentRefs": given, "hostnames": list(hosts)}, "status": {"parents": told}}  # fmt: skip


@pytest.fixture
def found(tmp_path):
    def find(*objects, sources=None, scope=None):
        snapshot = write_snapshot(tmp_path, objects, sources)
        changed = msgspec.structs.replace(snapshot.collection, **(scope or {}))
        return find_places(Snapshot(tmp_path, changed), API, lambda name: name)

    return find


class Held:
    """An estate that holds these objects, whatever they are, and was seen completely."""

    def __init__(self, **objects):
        self.held = {f"{name}.{GROUP}": several for name, several in objects.items()}

    def objects(self, source):
        return self.held.get(source, [])

    def gaps(self, sources, namespace):
        return ()


def of_gateway(found):
    return {(one.server_name, one.port) for one in found.places if one.owner_kind == "Gateway"}


def at(found, host, port=443):
    (one,) = [one for one in found.places if (one.server_name, one.port) == (host, port)]
    return one


# Hosts


@pytest.mark.parametrize(("first", "second", "both"), [
    ("", "", ""), ("", "a.example", "a.example"), ("", "*.example", "*.example"),
    ("a.example", "a.example", "a.example"), ("*.example", "*.example", "*.example"),
    ("*.example", "a.example", "a.example"), ("*.example", "a.b.example", "a.b.example"),
    ("a.example", "*.example", "a.example"), ("*.example", "*.b.example", "*.b.example"),
    ("*.example", "example", None), ("*.example", "a.other", None), ("*.example", "aexample", None),
    ("a.example", "b.example", None), ("*.b.example", "a.example", None), ("*.a.example", "*.b.example", None),
])  # fmt: skip
def test_hosts_have_in_common_what_the_narrower_one_names(first, second, both):
    assert common_host(first, second) == both
    assert common_host(second, first) == both


def matches(host, name):
    return host in {"", name} or (host.startswith("*.") and name.endswith(host[1:]) and name != host[1:])


LABELS = st.lists(st.sampled_from(["a", "b", "example"]), min_size=1, max_size=3)
HOSTS = st.one_of(st.just(""), st.tuples(st.sampled_from(["", "*."]), LABELS).map(lambda one: one[0] + ".".join(one[1])))


@given(HOSTS, HOSTS, LABELS.map(".".join))
@example("*.example", "*.b.example", "a.b.example")
def test_a_name_is_of_both_hosts_where_it_is_of_what_they_have_in_common(first, second, name):
    both = common_host(first, second)
    assert both == common_host(second, first)
    assert both in {first, second, None}
    assert (matches(first, name) and matches(second, name)) == (both is not None and matches(both, name))


# Places


def test_every_listener_of_a_gateway_is_a_place(found):
    places = [one for one in found(gateway(
        listener(hostname="*.a.example"), listener("raw", port=9000, protocol="TCP"), listener("dns", port=53, protocol="UDP"),
    )).places if one.owner == "front"]  # fmt: skip
    assert {(one.server_name, one.port, one.more_names, one.address) for one in places} == {
        ("preaudit.a.example", 443, False, "203.0.113.5"), ("", 9000, True, "203.0.113.5"),
    }  # fmt: skip


def test_every_host_of_a_route_is_a_place_of_its_gateway(found):
    seen = found(gateway(listener(), listener("plain", port=80, protocol="HTTP")), route("a.example", "*.b.example"))
    assert of_gateway(seen) == {(host, port) for host in ("", "a.example", "preaudit.b.example") for port in (443, 80)}
    one = at(seen, "preaudit.b.example")
    assert (one.owner_kind, one.owner, one.namespace, one.address, one.hint) == ("Gateway", "front", "infra", "203.0.113.5", "https")
    assert (one.names, one.more_names, one.served, one.exposure) == (("preaudit.b.example",), False, True, "external")
    assert one.declared == ("HTTPRoute shop/app host *.b.example",)
    assert not seen.gaps


def test_hosts_of_a_gateway_without_an_address_are_listed_once_each_with_the_reason(found):
    seen = found(gateway(listener(), address=""), route("a.example"), route("a.example", name="other"))
    assert "names no address" in at(seen, "a.example").refused


def test_two_routes_with_one_host_are_one_place(found):
    one = at(found(gateway(listener()), route("a.example"), route("A.example", name="other", kind="GRPCRoute")), "a.example")
    assert one.declared == ("HTTPRoute shop/app host a.example", "GRPCRoute shop/other host a.example")


def test_what_listeners_have_already_is_no_second_place(found):
    seen = found(gateway(listener(hostname="a.example"), listener("any")), route("a.example", "*.example"))
    assert at(seen, "a.example").declared == ("Gateway infra/front listener web",)
    assert of_gateway(seen) == {("a.example", 443), ("preaudit.example", 443), ("", 443)}


def test_what_one_listener_has_may_be_new_to_another(found):
    seen = found(gateway(listener(hostname="a.example"), listener("any", port=8443)), route("a.example"))
    assert at(seen, "a.example").declared == ("Gateway infra/front listener web",)
    assert at(seen, "a.example", 8443).declared == ("HTTPRoute shop/app host a.example",)


def test_a_route_without_hosts_adds_none(found):
    seen = found(gateway(listener()), route())
    assert of_gateway(seen) == {("", 443)}
    assert not seen.gaps


@pytest.mark.parametrize("more", [{}, {"sectionName": "web"}, {"port": 443}, {"group": GROUP, "kind": "Gateway"}, {"group": None}])
def test_parents_are_named_in_many_ways(found, more):
    reference = {"name": "front", "namespace": "infra", **more}
    assert ("a.example", 443) in of_gateway(found(gateway(listener()), route("a.example", parents=[reference])))


def test_a_parent_without_a_namespace_is_in_the_routes_own(found):
    mine = route("a.example", namespace="infra", parents=[{"name": "front"}])
    other = route("b.example", namespace="shop", parents=[{"name": "front"}])
    assert of_gateway(found(gateway(listener()), mine, other)) == {("", 443), ("a.example", 443)}


def test_only_the_named_listener_takes_a_route(found):
    several = gateway(listener("web"), listener("more", port=8443), listener("plain", port=80, protocol="HTTP"))
    seen = found(several, route("a.example", sectionName="more"), route("b.example", port=80, name="other"))
    assert {one for one in of_gateway(seen) if one[0]} == {("a.example", 8443), ("b.example", 80)}


@pytest.mark.parametrize(("kind", "protocol", "taken"), [
    ("HTTPRoute", "HTTP", True), ("HTTPRoute", "HTTPS", True), ("HTTPRoute", "TLS", False), ("HTTPRoute", "TCP", False),
    ("GRPCRoute", "HTTPS", True), ("GRPCRoute", "TLS", False), ("TLSRoute", "TLS", True), ("TLSRoute", "HTTPS", False),
    ("HTTPRoute", "projectcontour.io/https", True),
])  # fmt: skip
def test_a_listener_takes_the_routes_of_its_protocol(found, kind, protocol, taken):
    seen = found(gateway(listener(protocol=protocol)), route("a.example", kind=kind))
    assert (("a.example", 443) in of_gateway(seen)) is taken
    assert ("no listener is known to take it" in seen.gaps.get("infra", "")) is not taken
    assert {one.hint for one in seen.places if one.owner_kind == "Gateway"} == {protocol.removeprefix("projectcontour.io/").lower()}


def test_a_listener_takes_no_routes_of_namespaces_and_kinds_that_it_does_not_allow(found):
    own = listener("own", origin="Same")
    kinds = listener("kinds", port=8443, allowedRoutes={"namespaces": {"from": "All"}, "kinds": [{"kind": "GRPCRoute"}]})
    chosen = listener("chosen", port=9443, allowedRoutes={"namespaces": {"from": "Selector", "selector": {"matchLabels": {"a": "b"}}}})
    seen = found(gateway(own, kinds, chosen), route("a.example"))
    assert {one for one in of_gateway(seen) if one[0]} == {("a.example", 9443)}


@pytest.mark.parametrize("answers", [
    [], [answer({"name": "front", "namespace": "infra"}, "False")], [answer({"name": "front", "namespace": "infra"}, "Unknown")],
    [answer({"name": "front", "namespace": "infra"}, kind="ResolvedRefs")], [answer({"name": "other", "namespace": "infra"})],
    [answer({"name": "front"})], [answer({"name": "front", "namespace": "infra", "sectionName": "web"})],
])  # fmt: skip
def test_a_route_that_its_gateway_did_not_accept_is_not_served(found, answers):
    assert of_gateway(found(gateway(listener()), route("a.example", answers=answers))) == {("", 443)}


def test_one_of_several_controllers_is_enough(found):
    reference = {"name": "front", "namespace": "infra"}
    seen = found(gateway(listener()), route("a.example", answers=[answer(reference, "False"), answer({**reference, "group": GROUP, "kind": "Gateway"})]))
    assert ("a.example", 443) in of_gateway(seen)


def test_a_parent_keeps_its_name_whatever_that_looks_like(found):
    named = {"name": "glpat-aBcDeF0123456789aBcD", "namespace": "infra"}
    assert ("a.example", 443) in of_gateway(found(gateway(listener(), name=named["name"]), route("a.example", parents=[named])))


def test_of_a_route_only_what_leads_to_its_hosts_is_kept(tmp_path):
    app = route("a.example")
    app["spec"]["rules"] = [{"filters": [{"requestHeaderModifier": {"set": [{"name": "x-key", "value": "hunter2"}]}}]}]
    app["status"]["parents"][0]["conditions"][0] |= {"reason": "Accepted", "message": "as hunter2 said"}
    (kept,) = write_snapshot(tmp_path, [app]).objects(HTTP)
    assert "hunter2" not in str(kept)
    assert set(kept["spec"]) == {"parentRefs", "hostnames"}


# Who names no host


def balanced(*ports):
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "edge", "namespace": "infra"},
            "spec": {"ports": [{"name": str(number), "port": number} for number in ports]},
            "status": {"loadBalancer": {"ingress": [{"ip": "203.0.113.5"}]}}}  # fmt: skip


def test_who_names_no_host_is_looked_at_beside_the_hosts_of_routes(found):
    seen = found(balanced(443), gateway(listener()), route("a.example", "b.example"))
    bare = at(seen, "")
    assert (bare.owner_kind, bare.owner, bare.beside) == ("Gateway", "front", "a.example")
    assert {"203.0.113.5", "a.example", "b.example"} <= set(bare.names)


def test_a_host_is_not_called_by_the_names_of_who_names_none(found):
    """Else a certificate for the address, or for any name that nothing tells, would be right for the first host."""
    seen = found(balanced(443, 80), gateway(listener(), listener("plain", port=80, protocol="HTTP")), route("a.example", "b.example"))
    for port in (443, 80):
        assert (at(seen, "a.example", port).names, at(seen, "a.example", port).more_names) == (("a.example",), False)


def test_what_a_plain_listener_serves_to_any_host_is_looked_at_beside_its_hosts(found):
    seen = found(gateway(listener("plain", port=80, protocol="HTTP")), route("a.example"), route(name="any"))
    assert of_gateway(seen) == {("", 80), ("a.example", 80)}


@pytest.mark.parametrize(("hosts", "more", "beside"), [
    (["shop.b.example", "about.b.example"], {}, "about.b.example"), (["*.b.example", "a.b.example"], {}, ""), ([], {}, ""),
    (["a.other"], {}, ""), (["a.b.example"], {"protocol": "HTTP"}, ""), (["a.b.example"], {"hostname": "a.b.example"}, ""),
])  # fmt: skip
def test_a_name_that_nobody_has_is_looked_at_beside_the_hosts_of_its_domain(found, hosts, more, beside):
    """Who serves the names of routes alone refuses the others of a listener's domain, unless a route is for all of it."""
    seen = found(gateway(listener("domain", **{"hostname": "*.b.example", **more})), route(*hosts))
    assert [one.beside for one in seen.places if one.declared == ("Gateway infra/front listener domain",)] == [beside]


def test_a_listener_without_routes_is_looked_at_beside_the_hosts_of_others_where_it_is_for_a_domain(found):
    others = [listener("domain", "*.b.example"), listener("host", "c.example"), listener("elsewhere", "*.d.example", port=8443)]
    seen = found(gateway(listener("web", "*.a.example"), *others), route("shop.a.example"))
    assert {one.server_name: one.beside for one in seen.places if one.owner == "front"} == {
        "preaudit.a.example": "shop.a.example", "preaudit.b.example": "shop.a.example", "preaudit.d.example": "",
        "c.example": "", "shop.a.example": "",
    }  # fmt: skip


def test_a_domain_that_one_route_serves_as_a_whole_is_not_set_aside(found):
    seen = found(gateway(listener(hostname="*.b.example")), route("a.b.example"), route(name="any"))
    assert not at(seen, "preaudit.b.example").beside


# What was not seen


@pytest.mark.parametrize("status", ["forbidden", "error", "truncated"])
@pytest.mark.parametrize("source", ROUTES)
def test_routes_that_were_not_seen_are_a_gap_where_they_are_and_where_they_may_lead(found, source, status):
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "shop"}, "spec": {"containers": []}}
    gaps = found(gateway(listener()), pod, sources={source: status}).gaps
    assert {"shop", "infra", "*"} <= set(gaps)
    assert all(source in gaps[one] for one in ("shop", "infra", "*"))


@pytest.mark.parametrize("source", [GATEWAYS, *ROUTES])
def test_kinds_that_the_cluster_does_not_have_are_no_gap(found, source):
    assert not found(gateway(listener()), sources={source: "absent"}).gaps


def scoped(*names, **forbidden):
    every = [GATEWAYS, *ROUTES, "pods", "services", "endpointslices.discovery.k8s.io", "ingresses.networking.k8s.io"]
    return {"scope_namespaces": names, "sources": tuple(
        SourceStatus(source=source, namespace=name, status=Status.FORBIDDEN if source in forbidden.get(name, ()) else Status.COLLECTED, cause="no right")
        for source in every for name in names
    )}  # fmt: skip


def test_rights_that_lack_in_one_namespace_are_told_there(found):
    gaps = found(gateway(listener(origin="Same")), route(namespace="infra"), scope=scoped("infra", "shop", shop=[HTTP])).gaps
    assert list(gaps) == ["shop"]
    assert HTTP in gaps["shop"]


def test_a_gateway_may_take_routes_that_lie_outside_the_scope(found):
    assert "takes routes of other namespaces" in found(gateway(listener()), scope=scoped("infra")).gaps["infra"]


def test_a_gateway_of_its_own_routes_lacks_nothing_within_the_scope(found):
    assert not found(gateway(listener(origin="Same")), scope=scoped("infra")).gaps


def test_a_route_whose_gateway_lies_outside_the_scope_is_a_gap(found):
    assert "HTTPRoute shop/app is served by Gateway infra/front" in found(route("a.example"), scope=scoped("shop")).gaps["shop"]


def test_a_route_whose_gateway_may_not_be_seen_is_a_gap(found):
    assert "forbidden" in found(route("a.example"), sources={GATEWAYS: "forbidden"}).gaps["shop"]


def test_a_route_whose_gateway_is_gone_leads_nowhere(found):
    assert not found(route("a.example")).gaps


@pytest.mark.parametrize(("parent", "gap"), [
    ({"kind": "ListenerSet", "name": "x"}, True), ({"group": "gateway.networking.x-k8s.io", "kind": "XListenerSet", "name": "x"}, True),
    ({"group": "", "kind": "Service", "name": "x"}, False),
])  # fmt: skip
def test_parents_that_are_not_read_are_a_gap_where_they_listen(found, parent, gap):
    assert ("whose listeners are not read" in found(route("a.example", parents=[parent])).gaps.get("shop", "")) is gap


@pytest.mark.parametrize(("allowed", "gap"), [({"from": "All"}, True), ({"from": "None"}, False), ({}, False)])
def test_a_gateway_that_may_have_listeners_elsewhere_is_a_gap(found, allowed, gap):
    seen = found(gateway(listener(), allowedListeners={"namespaces": allowed}))
    assert ("ListenerSets" in seen.gaps.get("infra", "")) is gap


@pytest.mark.parametrize("host", [7, None, {"a": "b"}, "a b.example", "a.example\r\nX: y", "*", "a.*.example", "x" * 300, "glpat-aBcDeF0123456789aBcD"])
def test_a_host_that_cannot_be_read_is_a_gap_and_the_others_are_places(found, host):
    seen = found(gateway(listener()), route(host, "a.example"))
    assert of_gateway(seen) == {("", 443), ("a.example", 443)}
    assert "HTTPRoute shop/app at Gateway infra/front: a host name cannot be read" in seen.gaps["infra"]


def test_hosts_that_are_no_list_are_a_gap(found):
    app = route()
    app["spec"]["hostnames"] = "a.example"
    assert "a host name cannot be read" in found(gateway(listener()), app).gaps["infra"]


def test_a_listeners_host_that_cannot_be_read_is_a_gap(found):
    seen = found(gateway(listener(hostname="a b")), route("a.example"))
    assert ("a.example", 443) in of_gateway(seen)
    assert "listener web: its host name cannot be read" in seen.gaps["infra"]


def test_hosts_beyond_the_limit_are_a_gap(found):
    several = [route(*(f"h{part}-{number:03}.example" for number in range(67)), name=f"r{part}") for part in range(3)]
    seen = found(gateway(listener(), listener("plain", port=80, protocol="HTTP")), *several)
    assert "Gateway infra/front has 201 hosts of routes, of which 200 are looked at" in seen.gaps["infra"]
    assert len({host for host, _ in of_gateway(seen)} - {""}) == 200


def test_two_hundred_hosts_are_all_looked_at(found):
    assert not found(gateway(listener()), route(*(f"h{number}.example" for number in range(200)))).gaps


# Odd shapes

ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(["front", "infra", "*.", ".", "Accepted"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(
        st.sampled_from(["name", "namespace", "conditions", "parentRef", "status", "namespaces", "from", "kinds"]), inner, max_size=3),
    max_leaves=5,
)  # fmt: skip
PATHS = [
    "spec", "status", "metadata", "spec.parentRefs", "spec.hostnames", "status.parents", "status.parents.0.parentRef",
    "status.parents.0.conditions", "spec.parentRefs.0.namespace", "spec.parentRefs.0.port", "spec.hostnames.0", "spec.listeners",
    "spec.listeners.0.hostname", "spec.listeners.0.allowedRoutes", "spec.listeners.0.allowedRoutes.namespaces", "spec.allowedListeners",
    "spec.listeners.0.port", "spec.listeners.0.name", "spec.listeners.0.protocol", "status.addresses", "status.addresses.0.value",
]  # fmt: skip


def put(whole, path, value):
    """Put a value at a path, where that is there still."""
    *steps, last = [int(one) if one.isdigit() else one for one in path.split(".")]
    with suppress(TypeError, KeyError, IndexError):
        reduce(getitem, steps, whole)[last] = value


@given(st.lists(st.tuples(st.booleans(), st.sampled_from(PATHS), ODD), max_size=3))
def test_odd_shapes_raise_nothing(changes):
    front, app = gateway(listener()), route("a.example")
    for of_route, path, value in changes:
        put(app if of_route else front, path, value)
    told = list(gateway_places(Held(gateways=[front], httproutes=[app], tlsroutes=[app]), lambda name: name))
    assert all(isinstance(one, (Place, Gap)) for one in told)
