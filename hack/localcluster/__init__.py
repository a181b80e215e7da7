"""Real Kubernetes on one machine: an API server as host processes, and a kind cluster in Docker.

Nothing is assumed but Python, Go (or pip to get it) and Debian's packages: what cannot be pulled is built from
source. Standard library only, so that it runs before any virtual environment exists.

Every expensive result lives under `layout.CACHE` and appears there by one rename when it is complete: an
interrupted step leaves nothing that a later run could take for finished.
"""
