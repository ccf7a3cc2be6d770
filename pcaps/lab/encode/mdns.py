"""Multicast DNS: a Matter node that waits to be taken over, a HomeKit lamp, an ESPHome plug, an AirPlay speaker, a D-Link sensor, an OPC UA server.

RFC 6762, RFC 6763; Matter Core Specification 1.0 section 4.3; HomeKit Accessory Protocol section 6.4.
"""
import struct

from wire import Capture


def name(text):
    return b"".join(bytes([len(label)]) + label for label in (part.encode() for part in text)) + b"\0"


def record(owner, kind, data, flush=True):
    return name(owner) + struct.pack("!HHIH", kind, 0x8001 if flush else 1, 120, len(data)) + data


def txt(strings):
    return b"".join(bytes([len(text)]) + text.encode() for text in strings)


def announce(capture, host, group, label, service, protocol, instance, port, strings):
    kind, target = [service, protocol, "local"], [label, "local"]
    records = [
        record(kind, 12, name([instance, *kind]), flush=False),
        record([instance, *kind], 33, struct.pack("!HHH", 0, 0, port) + name(target)),
        record([instance, *kind], 16, txt(strings)),
        record(target, 1, host.ip_bytes),
    ]
    capture.udp(host, 5353, group, 5353, struct.pack("!HHHHHH", 0, 0x8400, 0, len(records), 0, 0) + b"".join(records))


capture = Capture("mdns/matter-homekit-esphome.pcap")
group = capture.group("224.0.0.251")
things = [
    ("54:ef:44:0a:02:01", "10.80.20.31", "54EF440A0201", "_matterc", "_udp", "B75AFB458ECD1AB3", 5540,
     ["VP=4447+8194", "D=3840", "CM=1", "DT=266", "DN=Plug 7", "SII=500", "SAI=300", "RI=0A1B2C", "PH=33"]),
    ("54:ef:44:0a:02:01", "10.80.20.31", "54EF440A0201", "_matter", "_tcp", "2906C908D115D362-8FC7772401CD0696", 5540, ["SII=500", "SAI=300", "T=0"]),
    ("94:3c:c6:0a:02:02", "10.80.20.32", "Lamp", "_hap", "_tcp", "Bench lamp", 51826,
     ["c#=4", "ff=0", "id=1A:2B:3C:4D:5E:6F", "md=BL-100", "pv=1.1", "s#=9", "sf=1", "ci=5", "sh=x1y2z3=="]),
    ("24:0a:c4:0a:02:03", "10.80.20.33", "pump-plug", "_esphomelib", "_tcp", "pump-plug", 6053,
     ["friendly_name=Pump plug", "version=2024.6.4", "mac=240ac40a0203", "platform=ESP32", "board=esp32dev", "network=wifi",
      "project_name=athom.smart-plug-v2", "project_version=2.0.7"]),
    ("80:4a:14:0a:02:04", "10.80.20.34", "Canteen", "_airplay", "_tcp", "Canteen", 7000,
     ["deviceid=80:4A:14:0A:02:04", "model=AudioAccessory5,1", "srcvers=670.6.2", "osvers=16.5", "fv=p20.16.5"]),
    ("1c:5f:2b:0a:02:05", "10.80.20.35", "dch-s160", "_dhnap", "_tcp", "D-Link HNAP Service", 80,
     ["mac=1C:5F:2B:0A:02:05", "wlan0_ssid=DCH-S160-0205", "model_number=DCH-S160", "hardware_ver=A1", "version=0102", "mydlink=true"]),
    ("00:01:05:0a:02:06", "10.80.20.36", "CX-0A0206", "_opcua-tcp", "_tcp", "TcOpcUaServer@CX-0A0206", 4840, ["path=/", "caps=DA"]),
]
for mac, ip, *thing in things:
    announce(capture, capture.host(mac, ip, ttl=255), group, *thing)
    capture.wait(1)
capture.write()
