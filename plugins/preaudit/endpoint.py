"""What was seen of a network endpoint: observations without judgement, as the snapshot stores them.

One line of ``endpoints-*.jsonl`` is ``{"apiVersion", "kind": "Endpoint", "metadata": {"name", "namespace"},
"spec": Endpoint}``. Nothing here holds times, bodies, cookie values or query strings, so two looks at an unchanged
endpoint give equal lines, and dates are judged by the run's clock.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

VERSIONS = ("SSLv2", "SSLv3", "TLSv1.0", "TLSv1.1", "TLSv1.2", "TLSv1.3")
"""Protocol versions by name, oldest first."""


class Answer(StrEnum):
    """What an endpoint said to one question."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    """It said no in so many words: an alert that means it, or another version picked."""
    CUT_OFF = "cut-off"
    """The same reset, close or alert every time, between good controls: not reachable from this vantage."""
    INCONCLUSIVE = "inconclusive"
    """Time-outs, resets, garbage, a failed control: nothing is known."""
    NOT_ASKED = "not-asked"
    """On purpose: the question would do harm, or answers to others made it needless."""


class Offer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One protocol version of one endpoint.

    Attributes:
        version: one of `VERSIONS`.
        answer: whether it speaks it.
        cause: what the answer rests on ("alert protocol_version", "reset 3 times between good controls").
        suites: IANA names (SSLv2: ``SSL_CK_…``) of the accepted suites, in the order in which they were picked.
        suites_complete: every other suite that IANA assigned was refused.
        suites_cause: why that is not known.
        refused: IANA names of the suites that were asked for and refused, where `suites_complete` is false.
        unasked: the suites that were left out on purpose, where each other one is known to be accepted or refused.
        server_order: the server picks by its own order (None: not known, or there is one suite only).
        groups: IANA names of the accepted key exchange groups (curves, ffdhe, hybrids).
        groups_complete: every other group that was asked for was refused.
        groups_cause: why that is not known.
    """

    version: str
    answer: Answer
    cause: str = ""
    suites: tuple[str, ...] = ()
    suites_complete: bool = False
    suites_cause: str = ""
    refused: tuple[str, ...] = ()
    unasked: tuple[str, ...] = ()
    server_order: bool | None = None
    groups: tuple[str, ...] = ()
    groups_complete: bool = False
    groups_cause: str = ""


class Fact(msgspec.Struct, frozen=True, omit_defaults=True):
    """One yes or no about an endpoint; `value` is None where it is not known, and `cause` says why."""

    value: bool | None = None
    cause: str = ""


class TrustPath(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Whether OpenSSL finds a path from a chain to one set of anchors, dates left out.

    Attributes:
        anchor: whose anchors ("the cluster's CA", "--ca FILE", "the system's store", "caBundle of …").
        trusted: a path was found; None where it could not be tried.
        cause: OpenSSL's words where none was found.
        subjects: subjects of the path's certificates, leaf first; empty without a path.
        private: the anchors are not those of the system's public store.
    """

    anchor: str
    trusted: bool | None
    cause: str = ""
    subjects: tuple[str, ...] = ()
    private: bool = True


class Chain(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One chain that a server sends; a server may have several (one for RSA, one for ECDSA).

    Attributes:
        certificates: DER in base64, as sent, leaf first.
        seen_with: versions or suites under which it was sent ("TLSv1.2 RSA").
        paths: one look for each set of anchors that applies.
        unread: certificates that were sent beyond the number that is kept.
    """

    certificates: tuple[str, ...]
    seen_with: tuple[str, ...] = ()
    paths: tuple[TrustPath, ...] = ()
    unread: int = 0


class Tls(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an endpoint does with TLS.

    Attributes:
        offers: one for each of `VERSIONS`.
        chains: what certificates it sent; empty with `chains_cause`.
        chains_complete: whether there may be further chains (a server that speaks TLS 1.3 only may hide a second one).
        secure_renegotiation: it sends renegotiation_info (up to 1.2).
        extended_master_secret: it sends that extension (up to 1.2).
        encrypt_then_mac: it sends that extension with a suite in CBC mode (up to 1.2).
        compression: it picked a compression method other than null.
        client_certificate: it sends a CertificateRequest.
        without_certificate: a handshake without client certificate, to its end and one read.
        dh_bits: sizes of the finite-field groups that it used up to 1.2, sorted.
    """

    offers: tuple[Offer, ...]
    chains: tuple[Chain, ...] = ()
    chains_complete: bool = False
    chains_cause: str = ""
    secure_renegotiation: Fact = Fact()
    extended_master_secret: Fact = Fact()
    encrypt_then_mac: Fact = Fact()
    compression: Fact = Fact()
    client_certificate: Fact = Fact()
    without_certificate: Answer = Answer.NOT_ASKED
    without_certificate_cause: str = ""
    dh_bits: tuple[int, ...] = ()

    def offer(self, version: str) -> Offer:
        """What is known of one version; `Answer.NOT_ASKED` where it was not asked for."""
        return next((one for one in self.offers if one.version == version),
                    Offer(version=version, answer=Answer.NOT_ASKED, cause="it was not asked for"))  # fmt: skip


STRANGER = "https://preaudit.invalid"
"""The origin of a site that nobody can have allowed on purpose."""


class Cookie(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One cookie that a page sets, without its value; `same_site` is lower-case, "" where it is not given."""

    name: str
    secure: bool = False
    http_only: bool = False
    same_site: str = ""


class Page(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One HTTP answer.

    Attributes:
        method: GET, HEAD or OPTIONS.
        path: as asked for.
        host: the Host header that was sent.
        origin: the Origin header that was sent, `STRANGER`, or "" for none.
        status: 0 where no answer came, with `cause`.
        headers: values by lower-case name, of an allow-list of names.
        cookies: cookies that it sets.
        location: scheme, host and port of a redirect, never its path or query.
        disclosed: product and version ("nginx/1.22.1") that a header or the page's text names, with where.
        cause: why there is no answer, or no whole one.
        enough: of an answer that is not whole: all of its text that is searched for versions came.
        odd: why not all of its head is known.
        sniffed: it names no type, and begins as HTML does.
    """

    method: str
    path: str
    host: str = ""
    origin: str = ""
    status: int = 0
    headers: dict[str, tuple[str, ...]] = {}
    cookies: tuple[Cookie, ...] = ()
    location: str = ""
    disclosed: tuple[str, ...] = ()
    cause: str = ""
    enough: bool = False
    odd: str = ""
    sniffed: bool = False


class DebugPath(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One path that should not be there for strangers; `status` is 0 where no answer came, and `cause` says why.

    It is `recognised` as what the path is known for, or the same `as_missing` ones (None: that is not known).
    """

    path: str
    status: int = 0
    recognised: bool = False
    as_missing: bool | None = None
    cause: str = ""


class Reached(StrEnum):
    """How far the way to an endpoint went."""

    OPEN = "open"
    CLOSED = "closed"
    """The connection was refused: nothing listens there, as seen from this vantage."""
    UNREACHABLE = "unreachable"
    """Time-out, no route, a name that does not resolve."""
    NOT_DIALLED = "not-dialled"
    """A tenant could have planted the address, or it is out of the budget, or of the vantage."""


class Replica(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One address that answered as the others did; `pod` or `node` is its name, "" where it has none."""

    address: str
    pod: str = ""
    node: str = ""


class Endpoint(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One endpoint: owner, port, server name and vantage; replicas that answered alike are one.

    Attributes:
        owner_kind: Deployment, Service, Node, Ingress, Gateway, Target …
        owner: its name.
        namespace: its namespace, "" for nodes and targets.
        port: TCP port.
        server_name: sent as SNI and Host, "" for none.
        vantage: "direct", "port-forward" (the pod's loopback) or "in-cluster".
        role: "" or one of apiserver, kubelet, kubelet-read-only, etcd-client, etcd-peer, scheduler,
            controller-manager, proxy-health, proxy-metrics.
        exposure: "external" (load balancer, NodePort, hostPort, Ingress, a named target), "node" or "cluster".
        declared: what says that it exists ("Service shop/web port https", "containerPort 8443 of container api").
        served: something that clients rely on says so (a Service, an Ingress, a role), not a mere containerPort.
        names: the names under which clients reach it; its certificate must be good for one of them.
        more_names: there may be further ones that nothing in the cluster tells (the DNS name of a load balancer).
        starttls: the protocol that TLS is begun in, "" for none.
        replicas: the addresses that this was seen at, sorted.
        unlooked: further replicas of it that were not looked at.
        reached: how far the way went; all else is empty where it is not "open".
        cause: why it was not reached.
        protocol: tls, http, postgresql, mysql, smtp, imap, pop3, ldap, redis, mongodb, kafka, amqp, h2c, ssh,
            silent (open, and says nothing to anything) or unknown.
        protocol_cause: why it is not known.
        tls: what was seen of TLS; None where it speaks none, or where nothing could be seen.
        tls_cause: why nothing was seen.
        http: it answers HTTP/1.1 requests, within TLS where it speaks TLS; not known where nobody asked.
        attacks: whether known attacks on TLS succeed, by name; empty where they were not tried on purpose.
        pages: HTTP answers.
        debug_paths: what it answers at paths that strangers should not find; empty where nobody asked.
        credentials: whether a well-known password lets somebody in, by protocol and account; each was tried once.
        plaintext: it speaks its protocol without TLS to anybody who asks (a mere redirect to https is in `pages`).
    """

    owner_kind: str
    owner: str
    namespace: str = ""
    port: int
    server_name: str = ""
    vantage: str = "direct"
    role: str = ""
    exposure: str = "cluster"
    declared: tuple[str, ...] = ()
    served: bool = False
    names: tuple[str, ...] = ()
    more_names: bool = False
    starttls: str = ""
    replicas: tuple[Replica, ...] = ()
    unlooked: int = 0
    reached: Reached
    cause: str = ""
    protocol: str = ""
    protocol_cause: str = ""
    tls: Tls | None = None
    tls_cause: str = ""
    http: Fact = Fact()
    attacks: dict[str, Fact] = {}
    pages: tuple[Page, ...] = ()
    debug_paths: tuple[DebugPath, ...] = ()
    credentials: dict[str, Fact] = {}
    plaintext: Fact = Fact()

    @property
    def host(self) -> str:
        """The host that a waiver names: the server name, ``owner.namespace``, or the owner of a node or target."""
        return self.server_name or (f"{self.owner}.{self.namespace}" if self.namespace else self.owner)

    @property
    def understood(self) -> bool:
        """It answered, and it is known what it speaks."""
        return self.reached is Reached.OPEN and self.protocol not in {"", "silent", "unknown"}

    @property
    def name(self) -> str:
        """The endpoint's name, which survives restarts: ``Deployment/web:8443``, with ``#host`` for a server name."""
        mark = f"#{self.server_name}" if self.server_name else ""
        far = "" if self.vantage == "direct" else f"@{self.vantage}"
        return f"{self.owner_kind}/{self.owner}:{self.port}{mark}{far}"


def endpoint_line(seen: Endpoint) -> bytes:
    """The snapshot's line for one endpoint (no line break in it)."""
    metadata = {"name": seen.name, **({"namespace": seen.namespace} if seen.namespace else {})}
    line = {"apiVersion": "preaudit/v1", "kind": "Endpoint", "metadata": metadata, "spec": seen}
    return msgspec.json.encode(line, order="deterministic")
