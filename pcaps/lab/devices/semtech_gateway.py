"""A LoRaWAN gateway's packet forwarder: semtech_gateway.py HOST EUI [PORT]. Stack: pamoja-gateway."""
import os
import socket
import sys
import time

from pamoja.gateway import DEFAULT_PORT, Packet, PacketKind, Rxpk, Stat, TxStatus, encode, parse
from pamoja.lora import link

server, eui = (sys.argv[1], int(sys.argv[3]) if len(sys.argv) > 3 else DEFAULT_PORT), sys.argv[2]
up, down = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for speaker in (up, down):
    speaker.connect(server)
    speaker.settimeout(1)


def token():
    return int.from_bytes(os.urandom(2), "big")


for n in range(6):
    heard = Rxpk(868_100_000 + 200_000 * (n % 3), bytes([0x40, 0x04, 0x0B, 0x01, 0x26, 0x80, n, 0, 2]) + os.urandom(14),
                 link=link(7 + n % 3, 125_000), rssi_dbm=-71.0 - n, snr_db=7.5, timestamp_us=1_000_000 * n)
    up.send(encode(Packet(PacketKind.PUSH_DATA, token(), gateway=eui, packets=[heard])))
    down.send(encode(Packet(PacketKind.PULL_DATA, token(), gateway=eui)))
    print(parse(up.recv(2048)).kind, parse(down.recv(2048)).kind)
    try:
        order = parse(down.recv(2048))
        down.send(encode(Packet(PacketKind.TX_ACK, order.token, gateway=eui, tx_status=TxStatus.NONE)))
    except TimeoutError:
        pass
