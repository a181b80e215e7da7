"""Object stores on this machine for tests and trials: an S3 server and Azurite, as plain processes.

They are on loopback, or at another address of this machine for clients in containers. They are built from the Go module
proxy and from the npm registry on first use, and kept in the cache of `hack/cluster`. The credentials are no secrets:
nobody but this machine and its containers is to reach the servers.
"""
