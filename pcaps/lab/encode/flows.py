"""Flow exporters: NetFlow 5 and 9, IPFIX (RFC 3954, RFC 7011), sFlow version 5."""
import struct

from wire import Capture

TIME = 1_772_438_400

capture = Capture("cflow/exporters.pcap")
collector = capture.host("d4:be:d9:0e:00:10", "10.88.0.16")
router = capture.host("00:1e:13:0e:00:01", "10.88.0.1", 255)
firewall = capture.host("00:09:0f:0e:00:02", "10.88.0.2", 255)
probe = capture.host("d4:be:d9:0e:00:03", "10.88.0.3")
TEMPLATE = struct.pack("!HHHH", 256, 2, 8, 4) + struct.pack("!HH", 12, 4)
for number in range(3):
    record = struct.pack("!IIIHHIIIIHHBBBBHHBBH", 0x0A580101, 0x0A580202, 0, 1, 2, 10, 1000, 0, 100, 50000, 502, 0, 24, 6, 0, 0, 0, 24, 24, 0)
    capture.udp(router, 50001, collector, 2055, struct.pack("!HHIIIIBBH", 5, 1, 1000 + number, TIME, 0, number, 0, 3, 0) + record)
    flowset = struct.pack("!HH", 0, 4 + len(TEMPLATE)) + TEMPLATE + struct.pack("!HH", 256, 12) + bytes(8)
    capture.udp(firewall, 50002, collector, 9996, struct.pack("!HHIIII", 9, 2, 1000, TIME, number, 1) + flowset)
    ipfix = struct.pack("!HH", 2, 4 + len(TEMPLATE)) + TEMPLATE
    capture.udp(probe, 50003, collector, 6000, struct.pack("!HHIII", 10, 16 + len(ipfix), TIME, number, 77) + ipfix)
    capture.wait(60)
capture.write()

capture = Capture("sflow/switch.pcap")
collector = capture.host("d4:be:d9:0e:01:10", "10.88.1.16")
switch = capture.host("00:04:96:0e:01:01", "10.88.1.1")
for number, port in enumerate((6343, 6343, 16343)):
    head = struct.pack("!II4sIIII", 5, 1, bytes([10, 88, 255, 1]), 0, number, 100_000, 1)
    capture.udp(switch, 50001, collector, port, head + struct.pack("!II", 2, 16) + bytes(16))
    capture.wait(20)
capture.write()
