"""The probe: a pod of ours, inside the cluster, for what only a neighbour can see (``--active in-cluster``).

This folder holds the only code that writes to a cluster. It makes one Job, reads its log, deletes it, and proves that
it is gone; the collector's own way to the API server (`preaudit.collect.transport`) stays read-only.
"""
