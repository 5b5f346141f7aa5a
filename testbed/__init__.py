"""A real Kubernetes on one Debian machine, for the project's own tests and for the demonstration."""
