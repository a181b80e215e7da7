# One image under the names of all control plane images: the one program, and Debian's iptables for those that need it.
FROM scratch
COPY root/ /
ENV PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
