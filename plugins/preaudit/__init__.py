"""preaudit finds what the auditor will find, before the auditor does.

The names here are what a suite needs; everything else is internal. PYTEST_DONT_REWRITE
"""

from preaudit.errors import NotObservable
from preaudit.parameter import Policy, parameter
from preaudit.requirement import requirement
from preaudit.subjects.component import ApiServer, Component, ControllerManager, Etcd, Scheduler
from preaudit.subjects.endpoint import Endpoint, EndpointCoverage
from preaudit.subjects.estate import BINDINGS
from preaudit.subjects.kubelet import Kubelet
from preaudit.subjects.lens import Lens
from preaudit.subjects.objects import Namespace, ServiceAccount
from preaudit.subjects.owners import WORKLOAD_SOURCES
from preaudit.subjects.rbac import Binding, Grant, Role, Rule
from preaudit.subjects.workload import Container, Pod, Workload

__version__ = "0.1.0"
__all__ = [
    "BINDINGS",
    "WORKLOAD_SOURCES",
    "ApiServer",
    "Binding",
    "Component",
    "Container",
    "ControllerManager",
    "Endpoint",
    "EndpointCoverage",
    "Etcd",
    "Grant",
    "Kubelet",
    "Lens",
    "Namespace",
    "NotObservable",
    "Pod",
    "Policy",
    "Role",
    "Rule",
    "Scheduler",
    "ServiceAccount",
    "Workload",
    "parameter",
    "requirement",
]
