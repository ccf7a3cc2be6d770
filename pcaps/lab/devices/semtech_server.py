"""A LoRaWAN network server as far as gateways go: semtech_server.py [PORT]. Stack: pamoja-gateway."""
import os
import socket
import sys

from pamoja.gateway import DEFAULT_PORT, Packet, PacketKind, Txpk, acknowledgment, encode, parse
from pamoja.lora import link

server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("0.0.0.0", int(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT_PORT))
pulls = 0
while True:
    datagram, gateway = server.recvfrom(4096)
    packet = parse(datagram)
    if answer := acknowledgment(packet):
        server.sendto(encode(answer), gateway)
    if packet.kind == PacketKind.PULL_DATA:
        pulls += 1
        if pulls % 3 == 2:
            order = Txpk(869_525_000, b"\x60\x04\x0b\x01\x26\x00" + os.urandom(6), link=link(9, 125_000), immediate=True, invert_polarity=True)
            server.sendto(encode(Packet(PacketKind.PULL_RESP, int.from_bytes(os.urandom(2), "big"), transmit=order)), gateway)
