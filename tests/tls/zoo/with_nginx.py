"""nginx, as ingress controllers run it: its defaults, everything permissive, and one fault of certificates each."""

from __future__ import annotations

import functools
import re
import shutil
import subprocess

from tests.tls.zoo.ground import HOST, Ground
from tests.tls.zoo.server import Server, Truth
from tests.tls.zoo.suites import each

LIBRARY = "nginx"
ALL = "ALL:COMPLEMENTOFALL:@SECLEVEL=0"
GOOD = "ECDHE+AESGCM:ECDHE+CHACHA20"
EC = frozenset({"x25519", "secp256r1"})
FOUR = ("TLSv1.0", "TLSv1.1", "TLSv1.2", "TLSv1.3")
_BINARY = shutil.which("nginx") or "/usr/sbin/nginx"


def missing() -> str:
    return "" if shutil.which(_BINARY) else "nginx is not installed (Debian: nginx-light)"


@functools.cache
def _new_defaults() -> bool:
    """Since 1.23.4 TLS 1.3 is on by default; since 1.27.3 TLS 1.0 and 1.1 are off."""
    said = subprocess.run([_BINARY, "-v"], capture_output=True, text=True, timeout=10, check=False).stderr
    found = re.search(r"nginx/(\d+)\.(\d+)\.(\d+)", said)
    return bool(found) and tuple(map(int, found.groups())) >= (1, 23, 4)


def _server(name: str, truth: Truth, *lines: str, certificates: tuple[str, ...] | None = None, **more: object) -> Server:
    settings = {"lines": lines, "certificates": certificates or truth.identities}
    return Server(name=f"nginx-{name}", library=LIBRARY, truth=truth, settings=settings, **more)


def _protocols(*versions: str) -> str:
    return "ssl_protocols " + " ".join(v.replace("TLSv1.0", "TLSv1") for v in versions)


def _faulty(identity: str, ciphers: str = GOOD, *, trusted: bool = True) -> Server:
    """Good in everything but its certificate."""
    truth = Truth(suites=each(("TLSv1.2", "TLSv1.3"), ciphers), groups={"TLSv1.2": EC, "TLSv1.3": EC},
                  identities=(identity,), trusted=trusted, server_order=False)  # fmt: skip
    return _server(identity, truth, _protocols("TLSv1.2", "TLSv1.3"), f"ssl_ciphers {ciphers}", "ssl_ecdh_curve X25519:prime256v1")


def servers() -> tuple[Server, ...]:
    if missing():
        return ()
    curves = "ssl_ecdh_curve X25519:prime256v1"
    both = {"TLSv1.2": EC, "TLSv1.3": EC}
    modern = each(("TLSv1.2", "TLSv1.3"), GOOD)
    defaults = ("TLSv1.2", "TLSv1.3") if _new_defaults() else ("TLSv1.2",)
    cbc = "AES128-SHA:AES256-SHA:ECDHE-RSA-AES128-SHA:DHE-RSA-AES128-SHA:@SECLEVEL=0"
    return (
        # TLS 1.0 and 1.1 are on, but at OpenSSL's default security level their handshakes end in internal_error.
        _server("default", Truth(suites=each(defaults, "HIGH:!aNULL:!MD5"), silent=frozenset({"TLSv1.0", "TLSv1.1"}), server_order=False)),
        _server("permissive", Truth(suites=each(FOUR, ALL, ("RSA", "None"), dh=True), groups=dict.fromkeys(FOUR, EC), dh_bits=(1024,), server_order=False),
                _protocols(*FOUR), f"ssl_ciphers {ALL}", "ssl_dhparam dh1024.pem", curves),
        _server("permissive-two-certificates",
                Truth(suites=each(FOUR, ALL, ("RSA", "ECDSA", "None"), dh=True), groups=dict.fromkeys(FOUR, EC), dh_bits=(2048,), identities=("rsa", "ecdsa"), server_order=True),
                _protocols(*FOUR), f"ssl_ciphers {ALL}", "ssl_dhparam dh2048.pem", "ssl_prefer_server_ciphers on", curves),
        _server("two-certificates", Truth(suites=each(("TLSv1.2", "TLSv1.3"), GOOD, ("RSA", "ECDSA")), groups=both, identities=("rsa", "ecdsa"), server_order=False),
                _protocols("TLSv1.2", "TLSv1.3"), f"ssl_ciphers {GOOD}", curves),
        _server("no-forward-secrecy", Truth(suites=each(("TLSv1.2",), "kRSA:!NULL"), server_order=False), _protocols("TLSv1.2"), "ssl_ciphers kRSA:!NULL"),
        _server("mtls-400", Truth(suites=modern, groups=both, client_certificate=True, server_order=False),
                _protocols("TLSv1.2", "TLSv1.3"), f"ssl_ciphers {GOOD}", curves, "ssl_verify_client on", "ssl_client_certificate ca.pem"),
        _server("mtls-optional", Truth(suites={"TLSv1.2": modern["TLSv1.2"]}, groups={"TLSv1.2": EC}, client_certificate=True, server_order=False),
                _protocols("TLSv1.2"), f"ssl_ciphers {GOOD}", curves, "ssl_verify_client optional", "ssl_client_certificate ca.pem"),
        _server("dh-1024", Truth(suites=each(("TLSv1.2",), "kDHE+AESGCM:!aNULL:@SECLEVEL=0", dh=True), dh_bits=(1024,), server_order=False),
                _protocols("TLSv1.2"), "ssl_ciphers kDHE+AESGCM:!aNULL:@SECLEVEL=0", "ssl_dhparam dh1024.pem"),
        _server("tls10-cbc", Truth(suites=each(("TLSv1.0",), cbc, dh=True), groups={"TLSv1.0": EC}, dh_bits=(2048,), server_order=True),
                _protocols("TLSv1.0"), f"ssl_ciphers {cbc}", "ssl_dhparam dh2048.pem", "ssl_prefer_server_ciphers on", curves),
        _server("tls13-only", Truth(suites=each(("TLSv1.3",), ""), groups={"TLSv1.3": EC}, secure_renegotiation=None, extended_master_secret=None, compression=None, server_order=False),
                _protocols("TLSv1.3"), curves),
        # A chain that only a steered handshake shows.
        _server("tls13-two-certificates",
                Truth(suites=each(("TLSv1.3",), ""), groups={"TLSv1.3": EC}, identities=("rsa", "ecdsa"), secure_renegotiation=None, extended_master_secret=None, compression=None, server_order=False),
                _protocols("TLSv1.3"), curves),
        _server("server-order", Truth(suites=modern, groups=both, server_order=True),
                _protocols("TLSv1.2", "TLSv1.3"), f"ssl_ciphers {GOOD}", curves, "ssl_prefer_server_ciphers on"),
        _server("p384", Truth(suites=each(("TLSv1.2", "TLSv1.3"), GOOD, ("ECDSA",)), groups={v: frozenset({"secp384r1"}) for v in both}, identities=("p384",), server_order=False),
                _protocols("TLSv1.2", "TLSv1.3"), f"ssl_ciphers {GOOD}", "ssl_ecdh_curve secp384r1"),
        _server("ed25519", Truth(suites=each(("TLSv1.2", "TLSv1.3"), GOOD, ("ECDSA",)), groups=both, identities=("ed25519",), server_order=False),
                _protocols("TLSv1.2", "TLSv1.3"), f"ssl_ciphers {GOOD}", curves),
        # Two hosts on one port; the suites are the port's, the certificates the hosts'.
        _server("first-host", Truth(suites=modern, groups=both, server_order=False), _protocols("TLSv1.2", "TLSv1.3"), f"ssl_ciphers {GOOD}", curves),
        _server("second-host", Truth(suites=modern, groups=both, identities=("second-host",), server_order=False),
                _protocols("TLSv1.2", "TLSv1.3"), f"ssl_ciphers {GOOD}", curves, server_name="second.example"),
        _faulty("rsa-1024", f"{GOOD}:@SECLEVEL=0"), _faulty("sha1", f"{GOOD}:@SECLEVEL=0"), _faulty("md5", f"{GOOD}:@SECLEVEL=0"), _faulty("expired"), _faulty("future"),
        _faulty("self-signed", trusted=False), _faulty("wrong-host"), _faulty("intermediate"), _faulty("intermediate-missing", trusted=False),
        _faulty("odd-ca", trusted=False), _faulty("long-lived"),
    )  # fmt: skip


def start(ground: Ground, chosen: list[Server]) -> dict[str, int]:
    """One nginx, in one process, for all of them; gives ports by name."""
    folder, ports, blocks = ground.folder, {}, []
    for one in chosen:
        # The second host shares the first one's port.
        port = ports.get("nginx-first-host", 0) if one.name == "nginx-second-host" else 0
        ports[one.name] = port or ground.port()
        pairs = [ground.identities[name] for name in one.settings["certificates"]]
        keys = [f"ssl_certificate {pair.chain}; ssl_certificate_key {pair.key};" for pair in pairs]
        lines = [f"{line};" for line in one.settings["lines"]]
        blocks.append(f"server {{ listen {HOST}:{ports[one.name]} ssl; server_name {one.server_name};\n"
                      + "\n".join((*keys, *lines)) + "\nlocation / { return 200 ok; } }")  # fmt: skip
    temporary = " ".join(f"{kind}_temp_path {folder}/nginx-temp;" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    (folder / "nginx.conf").write_text(
        f"daemon off; master_process off; pid {folder}/nginx.pid; error_log stderr crit;\n"
        "events { worker_connections 4096; }\n"
        f"http {{ access_log off; client_header_timeout 30s; {temporary}\n" + "\n".join(blocks) + "\n}\n"
    )
    (folder / "logs").mkdir(exist_ok=True)
    command = [_BINARY, "-p", str(folder), "-e", "stderr", "-c", str(folder / "nginx.conf")]
    ground.run("nginx", command, ports=sorted(set(ports.values())))
    return ports


