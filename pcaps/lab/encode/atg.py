"""Automatic tank gauges by Veeder-Root 576013-635, display format: inventory, revision, a product's name that is set, a security code."""
from wire import Capture

HEADER = "RIVERSIDE FUEL\r\n12 DOCK ROAD\r\nHARBOUR TOWN"


def answer(function, report, header=HEADER):
    return f"\x01\r\n{function}\r\nMAR  2, 2026  8:00 AM\r\n\r\n{header}\r\n\r\n\r\n{report}\r\n\x03".encode()


INVENTORY = ("IN-TANK INVENTORY\r\n\r\nTANK PRODUCT             VOLUME TC VOLUME   ULLAGE   HEIGHT    WATER     TEMP\r\n"
             "  1  UNLEADED              6204      6151     3611    52.96     0.00    59.14\r\n"
             "  2  DIESEL                8112      8040     1703    67.31     1.10    58.02\r\n")
REVISION = "SOFTWARE REVISION LEVEL\r\nVERSION 131.02\r\nSOFTWARE# 346131-100-C\r\nCREATED - 09.04.24.10.09\r\n\r\nNO SOFTWARE MODULE\r\n"

capture = Capture("atg/inventory-revision-and-label.pcap")
office = capture.host("d4:be:d9:0b:00:06", "10.79.0.6")
gauge = capture.host("00:20:4a:0b:00:91", "10.79.0.91")
depot = capture.host("00:20:4a:0b:00:92", "10.79.0.92")
with capture.tcp(office, 50171, gauge, 10001) as talk:
    for _ in range(5):
        talk.client(b"\x01I20100\r\n")
        talk.server(answer("I20100", INVENTORY))
    talk.client(b"\x01I90200\r\n")
    talk.server(f"\x01\r\nI90200\r\nMAR  2, 2026  8:01 AM\r\n\r\n{REVISION}\x03".encode())
    talk.client(b"\x01S602011SUPER UNLEADED\r\n")
    talk.server(answer("S60201", "TANK PRODUCT LABEL\r\n\r\nTANK PRODUCT LABEL\r\n  1  SUPER UNLEADED\r\n"))
    talk.client(b"\x01I30100\r\n")
    talk.server(b"9999FF1B\r\n")
with capture.tcp(office, 50172, depot, 3001, opened=False) as talk:
    talk.client(b"\x01LABSECI20100\r\n")
    talk.server(answer("I20100", INVENTORY, "DEPOT NORTH"))
    talk.client(b"\x01LABSECS00100\r\n")
capture.write()
