"""Sends and hears single packets inside a network namespace. One JSON request a line on standard input, one answer a line.

{"send": [packet, ...]} sends them in order. {"hear": N, "until": ID} answers the ids of probes that were delivered to raw
sockets, which is behind every packet filter of the input hook; it waits for the probe ID, at most N milliseconds, and takes
what arrived before. A probe carries its id in its payload, TCP in its sequence number.
"""

import json
import select
import socket
import struct
import sys
import time

MAGIC = b"cordon"
HEARD = [1, 6, 17, 47, 50, 132, 253]
ECHO = {1: (8, 0), 58: (128, 129)}


def ones(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def packed(address):
    return socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)


def with_checksum(packet, body, at):
    """The checksum of TCP, UDP and ICMPv6 covers the addresses too."""
    source, target = packed(packet["from"]), packed(packet["to"])
    pseudo = source + target + struct.pack("!II", len(body), packet["protocol"])
    return body[:at] + struct.pack("!H", ones(pseudo + body) or 0xFFFF) + body[at + 2 :]


def payload(packet):
    mark = MAGIC + struct.pack("!I", packet["id"])
    protocol = packet["protocol"]
    if protocol == 6:
        flags = packet["flags"]
        ports = struct.pack("!HH", packet["sourcePort"], packet["targetPort"])
        return with_checksum(packet, ports + struct.pack("!IIBBHHH", packet["id"], 0, 5 << 4, flags, 512, 0, 0), 16)
    if protocol == 17:
        header = struct.pack("!HHHH", packet["sourcePort"], packet["targetPort"], 8 + len(mark), 0)
        return with_checksum(packet, header + mark, 6)
    if protocol in ECHO:
        body = struct.pack("!BBHHH", packet["type"], 0, 0, packet["id"] & 0xFFFF, 1) + mark
        if protocol == 58:
            return with_checksum(packet, body, 2)
        return body[:2] + struct.pack("!H", ones(body)) + body[4:]
    if protocol == 47:
        return struct.pack("!HH", 0, 0x0800) + mark
    if protocol == 132:
        # INIT: connection tracking takes no other packet as the first of an association.
        init = struct.pack("!BBHIIHHI", 1, 0, 20, packet["id"], 65535, 1, 1, packet["id"])
        common = struct.pack("!HHI", 5000, 5000, 0)
        crc = struct.pack("<I", crc32c(common + b"\0\0\0\0" + init))
        return common + crc + init
    return mark


def send(packet):
    body = payload(packet)
    target = packet["to"]
    if ":" in target:
        header = struct.pack("!IHBB", 6 << 28, len(body), packet["protocol"], 64)
        header += packed(packet["from"]) + packed(target)
        SENDERS[6].sendto(header + body, (target, 0, 0, 0))
    else:
        length = 20 + len(body)
        header = struct.pack("!BBHHHBBH", 0x45, 0, length, packet["id"] & 0xFFFF, 0, 64, packet["protocol"], 0)
        header += packed(packet["from"]) + packed(target)
        SENDERS[4].sendto(header + body, (target, 0))


def id_of(protocol, body):
    if protocol == 6:
        return struct.unpack("!I", body[4:8])[0] if len(body) >= 20 else 0
    if protocol == 132:
        return struct.unpack("!I", body[16:20])[0] if len(body) >= 32 and body[12] == 1 else 0
    if protocol in ECHO and (not body or body[0] not in ECHO[protocol]):
        return 0
    at = body.find(MAGIC)
    return struct.unpack("!I", body[at + 6 : at + 10])[0] if at >= 0 and len(body) >= at + 10 else 0


def listener(family, protocol):
    heard = socket.socket(family, socket.SOCK_RAW, protocol)
    heard.setblocking(False)
    return heard


def drain(heard):
    ids = []
    for link, (family, protocol) in LISTENERS.items():
        while True:
            try:
                data = link.recv(2048)
            except BlockingIOError:
                break
            # An IPv4 raw socket gives the IP header too.
            ids.append(id_of(protocol, data[20:] if family == socket.AF_INET else data))
    heard.update(ids)
    heard.discard(0)


def hear(wait_ms, until):
    heard = set()
    deadline = time.monotonic() + wait_ms / 1000
    while until not in heard and time.monotonic() < deadline:
        select.select(list(LISTENERS), [], [], 0.05)
        drain(heard)
    drain(heard)
    return sorted(heard)


SENDERS = {
    4: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW),
    6: socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_RAW),
}
LISTENERS = {}
for number in HEARD:
    LISTENERS[listener(socket.AF_INET, number)] = (socket.AF_INET, number)
    if number != 1:
        LISTENERS[listener(socket.AF_INET6, number)] = (socket.AF_INET6, number)
LISTENERS[listener(socket.AF_INET6, 58)] = (socket.AF_INET6, 58)

print(json.dumps({"ready": True}), flush=True)
for line in sys.stdin:
    request = json.loads(line)
    if "send" in request:
        for one in request["send"]:
            try:
                send(one)
            except OSError:
                # The packet filter of this computer refused it, which the other side notices.
                pass
        print(json.dumps({"sent": len(request["send"])}), flush=True)
    else:
        print(json.dumps({"heard": hear(request["hear"], request["until"])}), flush=True)
