"""The loopback interface of a network namespace: up, packets with another's address as source, and what was sent to which address."""

import fcntl
import socket
import struct

SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1
ETH_P_IP, UDP = 0x0800, 17


def up():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sh14x", b"lo", 0)
        flags = struct.unpack("16sh14x", fcntl.ioctl(any_socket, SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | IFF_UP))


class Forger:
    """Sends UDP datagrams that seem to come from an address that is another's."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)

    def send(self, payload, source, destination):
        # The kernel fills in length, identification and checksum of the IP header; a UDP checksum of zero means none.
        ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 0, 0, 0, 64, UDP, 0, socket.inet_aton(source[0]), socket.inet_aton(destination[0]))
        udp = struct.pack("!HHHH", source[1], destination[1], 8 + len(payload), 0)
        self.socket.sendto(ip + udp + payload, (destination[0], 0))

    def close(self):
        self.socket.close()


class Wiretap:
    """Counts the bytes of QUIC's long-header packets, which are those of handshakes, from one address and port to a host, or to one of its ports."""

    def __init__(self, source, host, port=None):
        self.source, self.host, self.port = source, host, port
        self.bytes = 0
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_IP))
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        self.socket.setblocking(False)

    def read(self):
        while True:
            try:
                self.count(self.socket.recv(1 << 16))
            except BlockingIOError:
                return

    def count(self, packet):
        header = (packet[0] & 15) * 4
        if packet[9] != UDP or len(packet) <= header + 8:
            return
        ports = struct.unpack_from("!HH", packet, header)
        source = (socket.inet_ntoa(packet[12:16]), ports[0])
        if source != self.source or socket.inet_ntoa(packet[16:20]) != self.host or self.port not in (None, ports[1]):
            return
        if packet[header + 8] & 0x80:
            self.bytes += len(packet) - header - 8

    def close(self):
        self.socket.close()
