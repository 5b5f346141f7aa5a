"""Certificates of a cluster as kubeadm lays them out, made by openssl."""

from __future__ import annotations

import ipaddress
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from testbed.layout import TestbedError

DAYS = 365
AUTHORITY_DAYS = 3650
LIMIT = 30


@dataclass(frozen=True, slots=True)
class Certificate:
    """One certificate to be issued.

    Attributes:
        path: File without ending, relative to the PKI folder; gives PATH.crt and PATH.key.
        authority: Path, without ending, of the authority that signs it.
        name: Common name.
        groups: Organisations, which Kubernetes reads as groups.
        server: Whether it may serve.
        client: Whether it may authenticate a client.
        addresses: Subject alternative names, DNS names and IP addresses.
    """

    path: str
    authority: str
    name: str
    groups: tuple[str, ...] = ()
    server: bool = False
    client: bool = False
    addresses: tuple[str, ...] = ()


def openssl(*arguments: str, folder: Path | None = None) -> bytes:
    """Run openssl and give what it writes; a failure is told with its own words."""
    try:
        done = subprocess.run(["openssl", *arguments], cwd=folder, capture_output=True, timeout=LIMIT, check=False)
    except FileNotFoundError:
        raise TestbedError("openssl is missing: run `python -m testbed packages`") from None
    except subprocess.TimeoutExpired:
        raise TestbedError(f"openssl {arguments[0]} did not end within {LIMIT} s") from None
    if done.returncode:
        raise TestbedError(f"openssl {arguments[0]} failed: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout


def authority(path: Path, name: str) -> None:
    """Make a self-signed authority as PATH.crt and PATH.key."""
    path.parent.mkdir(parents=True, exist_ok=True)
    openssl(
        *("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-sha256", "-days", str(AUTHORITY_DAYS)),
        *("-subj", f"/CN={name}", "-keyout", f"{path}.key", "-out", f"{path}.crt"),
        *("-addext", "keyUsage=critical,digitalSignature,keyEncipherment,keyCertSign"),
        *("-addext", f"subjectAltName=DNS:{name}"),
    )
    Path(f"{path}.key").chmod(0o600)


def issue(folder: Path, certificate: Certificate) -> None:
    """Issue a certificate under the PKI folder."""
    target = folder / certificate.path
    target.parent.mkdir(parents=True, exist_ok=True)
    subject = "".join(f"/O={_escape(group)}" for group in certificate.groups) + f"/CN={_escape(certificate.name)}"
    usages = [
        usage for usage, wanted in (("serverAuth", certificate.server), ("clientAuth", certificate.client)) if wanted
    ]
    lines = ["keyUsage=critical,digitalSignature,keyEncipherment", "basicConstraints=critical,CA:FALSE"]
    lines += ["authorityKeyIdentifier=keyid"]
    if usages:
        lines.append("extendedKeyUsage=" + ",".join(usages))
    if certificate.addresses:
        lines.append("subjectAltName=" + ",".join(_alternative(address) for address in certificate.addresses))
    with tempfile.TemporaryDirectory() as scratch:
        extensions, request = Path(scratch, "extensions"), Path(scratch, "request")
        extensions.write_text("\n".join(lines) + "\n")
        openssl(
            *("req", "-new", "-newkey", "rsa:2048", "-nodes", "-sha256", "-utf8", "-subj", subject),
            *("-keyout", f"{target}.key", "-out", str(request)),
        )
        signer = folder / certificate.authority
        openssl(
            *("x509", "-req", "-in", str(request), "-CA", f"{signer}.crt", "-CAkey", f"{signer}.key", "-sha256"),
            *(
                "-days",
                str(DAYS),
                "-set_serial",
                f"0x{_serial()}",
                "-extfile",
                str(extensions),
                "-out",
                f"{target}.crt",
            ),
        )
    Path(f"{target}.key").chmod(0o600)
    Path(f"{target}.crt").chmod(0o600)


def issue_all(folder: Path, certificates: list[Certificate]) -> None:
    """Issue certificates, two at a time."""
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda certificate: issue(folder, certificate), certificates))


def service_account_keys(folder: Path) -> None:
    """Make the key pair that signs tokens of service accounts: sa.key and sa.pub."""
    openssl("genrsa", "-out", str(folder / "sa.key"), "2048")
    openssl("rsa", "-in", str(folder / "sa.key"), "-pubout", "-out", str(folder / "sa.pub"))
    (folder / "sa.key").chmod(0o600)
    (folder / "sa.pub").chmod(0o600)


def _serial() -> str:
    return "7" + openssl("rand", "-hex", "15").decode().strip()


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace("/", "\\/").replace("+", "\\+")


def _alternative(address: str) -> str:
    try:
        ipaddress.ip_address(address)
    except ValueError:
        return f"DNS:{address}"
    return f"IP:{address}"
