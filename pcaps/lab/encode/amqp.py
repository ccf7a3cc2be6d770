"""AMQP: a broker of version 0-9-1 lets in a program with its password; an edge gateway speaks version 1.0.

AMQP 0-9-1 sections 2.3 and 4.2 with its errata; OASIS AMQP 1.0 parts 1, 2 and 5.
"""
import struct

from wire import Capture


def short(text):
    return bytes([len(text)]) + text


def long(text):
    return struct.pack("!I", len(text)) + text


def table(pairs):
    return long(b"".join(short(name) + (b"S" + long(value) if isinstance(value, bytes) else b"F" + long(short(b"basic.nack") + b"t\x01")) for name, value in pairs))


def frame(kind, channel, payload):
    return struct.pack("!BHI", kind, channel, len(payload)) + payload + b"\xce"


def method(channel, klass, number, arguments=b""):
    return frame(1, channel, struct.pack("!HH", klass, number) + arguments)


START = method(0, 10, 10, b"\0\x09" + table([
    (b"capabilities", None), (b"cluster_name", b"rabbit@mes-broker"), (b"copyright", b"Copyright (c) 2007-2023 VMware, Inc."),
    (b"platform", b"Erlang/OTP 25.3"), (b"product", b"RabbitMQ"), (b"version", b"3.12.6")]) + long(b"PLAIN AMQPLAIN") + long(b"en_US"))
START_OK = method(0, 10, 11, table([(b"product", b"Pika Python Client Library"), (b"platform", b"Python 3.11.4"), (b"version", b"1.3.2")])
                  + short(b"PLAIN") + long(b"\0mes\0LABSECRET-amqp") + short(b"en_US"))

capture = Capture("amqp/broker-and-edge.pcap")
broker = capture.host("00:15:5d:0a:00:81", "10.80.5.10")
mes = capture.host("d4:be:d9:0a:00:82", "10.80.5.20")
edge = capture.host("00:d0:c9:0a:00:83", "10.80.5.30")


def session(talk):
    talk.client(b"AMQP\0\0\x09\x01")
    talk.server(START)
    talk.client(START_OK)
    talk.server(method(0, 10, 30, struct.pack("!HIH", 2047, 131072, 60)))
    talk.client(method(0, 10, 31, struct.pack("!HIH", 2047, 131072, 60)))
    talk.client(method(0, 10, 40, short(b"/plant") + b"\0\0"))
    talk.server(method(0, 10, 41, b"\0"))
    talk.client(method(1, 20, 10, b"\0"))
    talk.server(method(1, 20, 11, long(b"")))


def publish(talk, body):
    talk.client(method(1, 60, 40, b"\0\0" + short(b"orders") + short(b"line3") + b"\0")
                + frame(2, 1, struct.pack("!HHQH", 60, 0, len(body), 0)) + frame(3, 1, body))


with capture.tcp(mes, 50511, broker, 5672) as talk:
    session(talk)
    for count in range(10):
        publish(talk, b"order %d" % count)
with capture.tcp(mes, 50512, broker, 5672, opened=False) as talk:
    publish(talk, b"order 77")
    talk.client(frame(8, 0, b""))
with capture.tcp(mes, 50513, broker, 15673) as talk:
    session(talk)


def performative(code, kind, values, channel=0):
    body = b"\0\x53" + bytes([code]) + b"\xd0" + struct.pack("!II", len(b"".join(values)) + 4, len(values)) + b"".join(values)
    return struct.pack("!IBBH", 8 + len(body), 2, kind, channel) + body


def symbol(text):
    return b"\xa3" + bytes([len(text)]) + text


def text(value):
    return b"\xa1" + bytes([len(value)]) + value


NULL = b"\x40"
names = b"\xb3" + long(b"PLAIN") + long(b"ANONYMOUS")
pairs = symbol(b"product") + text(b"qpid-cpp") + symbol(b"version") + text(b"1.39.0")
properties = b"\xc1" + bytes([len(pairs) + 1, 4]) + pairs
with capture.tcp(edge, 50514, broker, 5672) as talk:
    talk.client(b"AMQP\x03\x01\0\0")
    talk.server(b"AMQP\x03\x01\0\0")
    talk.server(performative(0x40, 1, [b"\xf0" + struct.pack("!II", len(names) + 4, 2) + names]))
    talk.client(performative(0x41, 1, [symbol(b"ANONYMOUS")]))
    talk.server(performative(0x44, 1, [b"\x50\0"]))
    talk.client(b"AMQP\0\x01\0\0")
    talk.server(b"AMQP\0\x01\0\0")
    talk.client(performative(0x10, 0, [text(b"edge-hall2"), text(b"mes-broker"), b"\x70" + struct.pack("!I", 65536), NULL, NULL, NULL, NULL, NULL, NULL, properties]))
    talk.server(performative(0x10, 0, [text(b"mes-broker")]))
    talk.client(performative(0x14, 0, [b"\x43", b"\x43", b"\xa0\x01\0", b"\x43", b"\x41"], 1))
capture.write()
