"""The inventories: a line for all that was seen, and for all that was not."""

import csv
import io
from pathlib import Path

import pytest
import yaml

from preaudit.endpoint import Answer, Chain, Endpoint, Offer, Reached, Replica, Tls, TrustPath
from preaudit.example import NOW
from preaudit.render.inventory import CERTIFICATES, PROTOCOLS, Mask, render_certificates, render_protocols

FILE = Path(__file__).parents[3] / "suites" / "tls" / "examples" / "certificates.yaml"
KNOWN = {name: "".join(text.split()) for name, text in yaml.safe_load(FILE.read_text()).items()}
OFFERS = (Offer(version="TLSv1.0", answer=Answer.REFUSED, cause="alert protocol_version"),
          Offer(version="TLSv1.2", answer=Answer.ACCEPTED, suites=("TLS_A", "TLS_B"), suites_complete=True, groups=("x25519",)))  # fmt: skip


def endpoint(name="web", **more):
    return Endpoint(**{"owner_kind": "Deployment", "owner": name, "namespace": "shop", "port": 8443, "reached": Reached.OPEN,
                       "protocol": "tls", "replicas": (Replica(address="192.0.2.1"),)} | more)  # fmt: skip


def chain(*names, trusted=True):
    return Chain(certificates=tuple(KNOWN[name] for name in names), paths=(TrustPath(anchor="the cluster's CA", trusted=trusted),))


def rows(render, *arguments):
    stream = io.BytesIO()
    render(*arguments, stream, Mask()) if len(arguments) < 4 else render(*arguments[:-1], stream, arguments[-1])
    return list(csv.DictReader(io.StringIO(stream.getvalue().decode())))


def test_a_line_an_endpoint_and_version():
    found = rows(render_protocols, [endpoint(tls=Tls(offers=OFFERS))])
    assert [(one["version"], one["answer"]) for one in found] == [("TLSv1.0", "refused"), ("TLSv1.2", "accepted")]
    assert found[1]["suites"] == "TLS_A TLS_B"
    assert (found[1]["suites_complete"], found[1]["groups_complete"]) == ("yes", "no")
    assert tuple(found[0]) == PROTOCOLS


def test_what_was_not_seen_is_a_line_with_its_cause():
    (one,) = rows(render_protocols, [endpoint(reached=Reached.UNREACHABLE, cause="no connection within 2 s", protocol="")])
    assert (one["reached"], one["version"], one["cause"]) == ("unreachable", "", "no connection within 2 s")


def test_a_certificate_is_told_once_with_all_its_places():
    one, two = endpoint(tls=Tls(offers=(), chains=(chain("web", "ca"),))), endpoint("api", tls=Tls(offers=(), chains=(chain("web"),)))
    found = {row["subject"]: row for row in rows(render_certificates, [one, two], [("ValidatingWebhookConfiguration/w caBundle", KNOWN["ca"])], NOW)}
    assert set(found) == {"CN=web", "CN=Example CA"}
    assert found["CN=web"]["seen_at"] == "shop/Deployment/api:8443; shop/Deployment/web:8443"
    assert found["CN=web"]["trusted_by"] == "the cluster's CA"
    assert found["CN=Example CA"]["position"] == "sent with a leaf, stored"
    assert found["CN=web"]["days_left"] == "200"
    assert tuple(found["CN=web"]) == CERTIFICATES


@pytest.mark.parametrize("text", ["garbage", "not base64", ""])
def test_what_cannot_be_read_is_a_line_too(text):
    encoded = KNOWN.get(text, text)
    (one,) = rows(render_certificates, [endpoint(tls=Tls(offers=(), chains=(Chain(certificates=(encoded,)),)))], [], NOW)
    assert (one["sha256"], one["seen_at"]) == ("cannot be read", "shop/Deployment/web:8443")


def test_names_are_masked_where_they_are_asked_to_be():
    stream = io.BytesIO()
    mask = Mask(lambda text: text.replace("web", "node-1"), lambda host: f"host-{len(host)}")
    render_certificates([endpoint(tls=Tls(offers=(), chains=(chain("web"),)))], [], NOW, stream, mask)
    assert b"web" not in stream.getvalue()
    assert b"host-12" in stream.getvalue()


def test_no_cell_begins_a_formula():
    hostile = endpoint('=HYPERLINK("http://x")', server_name="+cmd", tls=Tls(offers=OFFERS))
    stream = io.BytesIO()
    render_protocols([hostile], stream, Mask())
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in csv.reader(io.StringIO(stream.getvalue().decode())) for cell in row)
