"""What this process has sent by TCP, as the kernel counts it for each of its sockets.

Acknowledgements and headers are not in it; what a peer has not read yet is. A connection that is closed takes its count
with it, so figures are told apart by connection: what has gone since is not counted twice, nor taken off.
"""

import os
import socket
import struct

# struct tcp_info of linux/tcp.h, whose fields keep their places: tcpi_bytes_sent and tcpi_bytes_retrans, since Linux 4.19.
_SENT, _RETRANSMITTED = 200, 208
_LONGEST = 256


class CountsMissingError(Exception):
    """This kernel does not say what a socket has sent."""


def sent():
    """Inode of each connected TCP socket of this process -> bytes of payload that it has sent, each once.

    Raises:
        CountsMissingError: The kernel is older than Linux 4.19.
    """
    counts = {}
    for name in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{name}")
            if not target.startswith("socket:["):
                continue
            with socket.socket(fileno=os.dup(int(name))) as copy:
                if _is_connection(copy):
                    counts[target] = _sent_by(copy)
        except OSError:
            # Closed by another thread since it was listed, or connected to nobody any more.
            continue
    return counts


def sent_between(before, after):
    """Bytes that were sent from one `sent()` to a later one, by the connections that are there at the later one."""
    return sum(count - before.get(inode, 0) for inode, count in after.items())


def _is_connection(opened):
    is_tcp = opened.family in (socket.AF_INET, socket.AF_INET6) and opened.type == socket.SOCK_STREAM
    return is_tcp and not opened.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)


def _sent_by(connection):
    told = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _LONGEST)
    if len(told) < _RETRANSMITTED + 8:
        raise CountsMissingError("counts of what a socket has sent need Linux 4.19 or newer")
    (count,) = struct.unpack_from("=Q", told, _SENT)
    (again,) = struct.unpack_from("=Q", told, _RETRANSMITTED)
    return count - again
