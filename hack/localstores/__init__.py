"""Object stores on this machine for tests and trials: an S3 server and Azurite, on loopback, as plain processes.

They are built from the Go module proxy and from the npm registry on first use, and kept in the cache of `hack/cluster`.
The credentials are no secrets: nobody but this machine reaches the servers.
"""
