"""The sets of flags that a cluster can be started with: good, and bad in everything that can be bad and still run.

The set allow-all is bad with AlwaysAllow as authorization: the API server then turns anonymous access off by itself,
whatever its flag says, so one set cannot have both faults.
Each table is whole in itself, so that what a set gives is what is read here.
"""

from __future__ import annotations

import json

from testbed.layout import DNS_SERVICE, DOMAIN, NODES, SERVICE_RANGE, node_address

SETS = ("good", "bad", "allow-all")
PKI = "/etc/kubernetes/pki"
LOGS = "/var/log/kubernetes/audit"
EXTRA = "/etc/kubernetes/extra"
STRONG = (
    "TLS_AES_128_GCM_SHA256,TLS_AES_256_GCM_SHA384,TLS_CHACHA20_POLY1305_SHA256,"
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,"
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"
)
# The first is what HTTP/2 of the API server needs; the others are broken ciphers that Go still knows.
WEAK = (
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,TLS_RSA_WITH_3DES_EDE_CBC_SHA,TLS_RSA_WITH_RC4_128_SHA,"
    "TLS_RSA_WITH_AES_128_CBC_SHA,TLS_ECDHE_RSA_WITH_RC4_128_SHA"
)


def apiserver(flags: str) -> dict[str, str]:
    """Give the API server's flags without their dashes."""
    here = node_address(NODES[0])
    common = {
        "advertise-address": here,
        "allow-privileged": "true",
        "client-ca-file": f"{PKI}/ca.crt",
        "enable-bootstrap-token-auth": "true",
        "etcd-cafile": f"{PKI}/etcd/ca.crt",
        "etcd-certfile": f"{PKI}/apiserver-etcd-client.crt",
        "etcd-keyfile": f"{PKI}/apiserver-etcd-client.key",
        "etcd-servers": "https://127.0.0.1:2379",
        "kubelet-client-certificate": f"{PKI}/apiserver-kubelet-client.crt",
        "kubelet-client-key": f"{PKI}/apiserver-kubelet-client.key",
        "kubelet-preferred-address-types": "InternalIP,ExternalIP,Hostname",
        "proxy-client-cert-file": f"{PKI}/front-proxy-client.crt",
        "proxy-client-key-file": f"{PKI}/front-proxy-client.key",
        "requestheader-allowed-names": "front-proxy-client",
        "requestheader-client-ca-file": f"{PKI}/front-proxy-ca.crt",
        "requestheader-extra-headers-prefix": "X-Remote-Extra-",
        "requestheader-group-headers": "X-Remote-Group",
        "requestheader-username-headers": "X-Remote-User",
        "secure-port": "6443",
        "service-account-issuer": f"https://kubernetes.default.svc.{DOMAIN}",
        "service-account-key-file": f"{PKI}/sa.pub",
        "service-account-signing-key-file": f"{PKI}/sa.key",
        "service-cluster-ip-range": SERVICE_RANGE,
        "tls-cert-file": f"{PKI}/apiserver.crt",
        "tls-private-key-file": f"{PKI}/apiserver.key",
    }
    if flags == "good":
        return common | {
            "admission-control-config-file": f"{EXTRA}/admission.yaml",
            "anonymous-auth": "false",
            "audit-log-maxage": "30",
            "audit-log-maxbackup": "10",
            "audit-log-maxsize": "100",
            "audit-log-path": f"{LOGS}/audit.log",
            "audit-policy-file": f"{EXTRA}/audit-policy.yaml",
            "authorization-mode": "Node,RBAC",
            "enable-admission-plugins": "NodeRestriction,PodSecurity,DenyServiceExternalIPs,EventRateLimit",
            "encryption-provider-config": f"{EXTRA}/encryption.yaml",
            "kubelet-certificate-authority": f"{PKI}/ca.crt",
            "profiling": "false",
            "request-timeout": "60s",
            "service-account-extend-token-expiration": "false",
            "service-account-lookup": "true",
            "tls-cipher-suites": STRONG,
            "tls-min-version": "VersionTLS12",
        }
    return common | {
        "anonymous-auth": "true",
        "authorization-mode": "RBAC" if flags == "bad" else "AlwaysAllow",
        "disable-admission-plugins": "NamespaceLifecycle,PodSecurity",
        "enable-admission-plugins": "AlwaysAdmit",
        "profiling": "true",
        "request-timeout": "3600s",
        "service-account-lookup": "false",
        "tls-cipher-suites": WEAK,
        "tls-min-version": "VersionTLS10",
    }


def etcd(flags: str) -> dict[str, str]:
    """Give etcd's flags without their dashes."""
    here = node_address(NODES[0])
    common = {
        "advertise-client-urls": f"https://{here}:2379",
        "cert-file": f"{PKI}/etcd/server.crt",
        "data-dir": "/var/lib/etcd",
        "feature-gates": "InitialCorruptCheck=true",
        "initial-advertise-peer-urls": f"https://{here}:2380",
        "initial-cluster": f"{NODES[0]}=https://{here}:2380",
        "key-file": f"{PKI}/etcd/server.key",
        "listen-client-urls": f"https://127.0.0.1:2379,https://{here}:2379",
        "listen-metrics-urls": "http://127.0.0.1:2381",
        "listen-peer-urls": f"https://{here}:2380",
        "name": NODES[0],
        "snapshot-count": "10000",
        "unsafe-no-fsync": "true",
        "watch-progress-notify-interval": "5s",
    }
    if flags == "good":
        return common | {
            "auto-tls": "false",
            "client-cert-auth": "true",
            "peer-auto-tls": "false",
            "peer-cert-file": f"{PKI}/etcd/peer.crt",
            "peer-client-cert-auth": "true",
            "peer-key-file": f"{PKI}/etcd/peer.key",
            "peer-trusted-ca-file": f"{PKI}/etcd/ca.crt",
            "trusted-ca-file": f"{PKI}/etcd/ca.crt",
            "cipher-suites": "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
            "tls-min-version": "TLS1.2",
        }
    return common | {"client-cert-auth": "false", "peer-auto-tls": "true", "peer-client-cert-auth": "false"}


def controller_manager(flags: str) -> dict[str, str]:
    """Give the controller manager's flags without their dashes."""
    common = {
        "authentication-kubeconfig": "/etc/kubernetes/controller-manager.conf",
        "authorization-kubeconfig": "/etc/kubernetes/controller-manager.conf",
        "client-ca-file": f"{PKI}/ca.crt",
        "cluster-name": "kubernetes",
        "cluster-signing-cert-file": f"{PKI}/ca.crt",
        "cluster-signing-key-file": f"{PKI}/ca.key",
        "controllers": "*,bootstrapsigner,tokencleaner",
        "kubeconfig": "/etc/kubernetes/controller-manager.conf",
        "leader-elect": "true",
        "requestheader-client-ca-file": f"{PKI}/front-proxy-ca.crt",
        "root-ca-file": f"{PKI}/ca.crt",
        "service-account-private-key-file": f"{PKI}/sa.key",
        "service-cluster-ip-range": SERVICE_RANGE,
        # A node's pods are a fixed range here, because the machine routes to it.
        "allocate-node-cidrs": "false",
    }
    if flags == "good":
        return common | {
            "bind-address": "127.0.0.1",
            "feature-gates": "RotateKubeletServerCertificate=true",
            "profiling": "false",
            "terminated-pod-gc-threshold": "100",
            "tls-cipher-suites": STRONG,
            "tls-min-version": "VersionTLS12",
            "use-service-account-credentials": "true",
        }
    return common | {
        "bind-address": "0.0.0.0",
        "profiling": "true",
        "tls-cipher-suites": WEAK,
        "tls-min-version": "VersionTLS10",
        "use-service-account-credentials": "false",
    }


def scheduler(flags: str) -> dict[str, str]:
    """Give the scheduler's flags without their dashes."""
    common = {
        "authentication-kubeconfig": "/etc/kubernetes/scheduler.conf",
        "authorization-kubeconfig": "/etc/kubernetes/scheduler.conf",
        "kubeconfig": "/etc/kubernetes/scheduler.conf",
        "leader-elect": "true",
    }
    if flags == "good":
        return common | {
            "bind-address": "127.0.0.1",
            "profiling": "false",
            "tls-cipher-suites": STRONG,
            "tls-min-version": "VersionTLS12",
        }
    return common | {
        "bind-address": "0.0.0.0",
        "profiling": "true",
        "tls-cipher-suites": WEAK,
        "tls-min-version": "VersionTLS10",
    }


def kubelet(flags: str, node: str, *, version2: bool) -> str:
    """Give a kubelet's configuration file; JSON, which is YAML."""
    good = flags == "good"
    certificates = "/var/lib/kubelet/pki"
    configuration: dict[str, object] = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": "0.0.0.0",
        "authentication": {
            "anonymous": {"enabled": not good},
            "webhook": {"enabled": good, "cacheTTL": "2m0s"},
            "x509": {"clientCAFile": f"{PKI}/ca.crt"},
        },
        "authorization": {"mode": "Webhook" if good else "AlwaysAllow"},
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/preaudit-testbed/{node}",
        "clusterDNS": [DNS_SERVICE],
        "clusterDomain": DOMAIN,
        "containerLogMaxFiles": 5,
        "containerRuntimeEndpoint": "unix:///run/containerd/containerd.sock",
        "enableDebuggingHandlers": True,
        "eventRecordQPS": 5 if good else 0,
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
        "failCgroupV1": version2,
        "failSwapOn": False,
        "healthzBindAddress": "127.0.0.1",
        "healthzPort": 10248,
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
        "makeIPTablesUtilChains": good,
        "maxPods": 110,
        "nodeStatusUpdateFrequency": "10s",
        "oomScoreAdj": 0,  # less needs a right that root may lack
        "podPidsLimit": 2048 if good else -1,
        "protectKernelDefaults": good,
        "readOnlyPort": 0 if good else 10255,
        "resolvConf": "/etc/resolv.conf",
        "rotateCertificates": good,
        "seccompDefault": good,
        "shutdownGracePeriod": "0s",
        "staticPodPath": "/etc/kubernetes/manifests",
        "streamingConnectionIdleTimeout": "5m0s" if good else "48h",
        # A mirror pod that could not be made while the API server was still starting is tried again this soon.
        "syncFrequency": "5s",
        "tlsCertFile": f"{certificates}/kubelet.crt",
        "tlsPrivateKeyFile": f"{certificates}/kubelet.key",
        "tlsCipherSuites": (STRONG if good else WEAK).split(","),
        "tlsMinVersion": "VersionTLS12" if good else "VersionTLS10",
        "volumeStatsAggPeriod": "1m0s",
    }
    if good:
        configuration["featureGates"] = {"RotateKubeletServerCertificate": True}
    return json.dumps(configuration, indent=2) + "\n"
