"""A network of the tests' own, with names that can move to other addresses; root is not needed.

It is a pair of namespaces, for the network and for the mounts, that a sleeping process holds. All addresses are on its
loopback interface, so that an address that is taken away is reached by nobody, and `/etc/hosts` is a file of the test.
"""

import ctypes
import os
import shutil
import subprocess

_TOOLS = ("ip", "mount", "nsenter", "unshare")


def missing():
    """Why there can be no private network here, or None."""
    absent = [tool for tool in _TOOLS if shutil.which(tool) is None]
    if absent:
        return f"no {', '.join(absent)} on this machine"
    made = subprocess.run([*_unshare(), "true"], check=False, capture_output=True, text=True)
    return None if made.returncode == 0 else f"no namespaces on this machine: {made.stderr.strip()}"


def _unshare():
    kinds = ["--net", "--mount"] if os.geteuid() == 0 else ["--user", "--map-root-user", "--net", "--mount"]
    return ["unshare", *kinds]


def enter(holder):
    """Takes this process, which has one thread, into the network that the process `holder` holds."""
    libc = ctypes.CDLL(None, use_errno=True)
    for kind in ("user", "net", "mnt"):
        ours, theirs = (f"/proc/{pid}/ns/{kind}" for pid in ("self", holder))
        if os.readlink(ours) == os.readlink(theirs):
            continue
        descriptor = os.open(theirs, os.O_RDONLY)
        if libc.setns(descriptor, 0) != 0:
            raise OSError(ctypes.get_errno(), f"cannot enter {theirs}")
        os.close(descriptor)


class PrivateNetwork:
    """Names and their addresses.

    Args:
        hosts: a file, for `/etc/hosts`.
    """

    def __init__(self, hosts):
        self._hosts = hosts
        self._addresses = {}
        hosts.write_text("127.0.0.1 localhost\n")
        script = f"ip link set lo up && mount --bind {hosts} /etc/hosts && echo ready && exec sleep infinity"
        self._holder = subprocess.Popen([*_unshare(), "sh", "-c", script], stdout=subprocess.PIPE, text=True)
        assert self._holder.stdout.readline() == "ready\n"

    @property
    def holder(self):
        return self._holder.pid

    def move(self, name, address):
        """Gives a name its first or another address; the one before is gone."""
        before = self._addresses.get(name)
        if before is not None:
            self._run("ip", "address", "delete", f"{before}/32", "dev", "lo")
        self._run("ip", "address", "add", f"{address}/32", "dev", "lo")
        self._addresses[name] = address
        lines = [f"{one} {name}\n" for name, one in {"localhost": "127.0.0.1", **self._addresses}.items()]
        # Written in place: another file of this name would not be the one that is mounted.
        self._hosts.write_text("".join(lines))

    def _run(self, *command):
        where = ["--target", str(self.holder), "--net"]
        if os.geteuid() != 0:
            where += ["--user", "--preserve-credentials"]
        subprocess.run(["nsenter", *where, *command], check=True, capture_output=True)

    def end(self):
        self._holder.kill()
        self._holder.communicate()
