"""preaudit finds what the auditor will find, before the auditor does.

The names here are what a suite needs; everything else is internal. PYTEST_DONT_REWRITE
"""

from preaudit.endpoint import Page
from preaudit.errors import NotObservable
from preaudit.manner import ACCOUNTS, DEBUG_PATHS
from preaudit.parameter import Policy, parameter
from preaudit.passwords import account_names
from preaudit.requirement import requirement
from preaudit.subjects.certificate import Certificate
from preaudit.subjects.chain import Presented
from preaudit.subjects.ciphersuite import CIPHER_CLASSES, CIPHER_HASHES, CIPHERS, CipherSuite
from preaudit.subjects.component import ApiServer, Component, ControllerManager, Etcd, Scheduler
from preaudit.subjects.component_endpoint import ClosedPort, ComponentEndpoint
from preaudit.subjects.coverage import EndpointCoverage
from preaudit.subjects.endpoint import Endpoint
from preaudit.subjects.estate import BINDINGS
from preaudit.subjects.hostports import HostPorts
from preaudit.subjects.kubelet import Kubelet
from preaudit.subjects.label_selector import selects
from preaudit.subjects.lens import Lens
from preaudit.subjects.objects import ManagedCertificate, Namespace, Service, ServiceAccount
from preaudit.subjects.owners import WORKLOAD_SOURCES
from preaudit.subjects.rbac import Binding, Grant, Role, Rule
from preaudit.subjects.reachability import IsolatedPod, MetadataAddress, SidecarPort
from preaudit.subjects.sharing import ServedKey
from preaudit.subjects.stored_certificate import StoredCertificates
from preaudit.subjects.workload import Container, Pod, Workload
from preaudit.text import listed

__version__ = "0.1.0"
__all__ = [
    "ACCOUNTS",
    "BINDINGS",
    "CIPHERS",
    "CIPHER_CLASSES",
    "CIPHER_HASHES",
    "DEBUG_PATHS",
    "WORKLOAD_SOURCES",
    "ApiServer",
    "Binding",
    "Certificate",
    "CipherSuite",
    "ClosedPort",
    "Component",
    "ComponentEndpoint",
    "Container",
    "ControllerManager",
    "Endpoint",
    "EndpointCoverage",
    "Etcd",
    "Grant",
    "HostPorts",
    "IsolatedPod",
    "Kubelet",
    "Lens",
    "ManagedCertificate",
    "MetadataAddress",
    "Namespace",
    "NotObservable",
    "Page",
    "Pod",
    "Policy",
    "Presented",
    "Role",
    "Rule",
    "Scheduler",
    "ServedKey",
    "Service",
    "ServiceAccount",
    "SidecarPort",
    "StoredCertificates",
    "Workload",
    "account_names",
    "listed",
    "parameter",
    "requirement",
    "selects",
]
