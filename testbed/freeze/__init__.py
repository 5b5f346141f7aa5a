"""Makes the frozen tables of API fields and built-in RBAC objects from Kubernetes' own files."""
