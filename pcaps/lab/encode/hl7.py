"""HL7 v2 over MLLP: a monitor gateway reports to a hospital's system, an admission comes, a laboratory on another port.

HL7 v2.6 chapters 2, 3 and 7; MLLP release 1. The patient is invented, and must not be found in any document.
"""
from wire import Capture


def block(*segments):
    return b"\x0b" + "\r".join(segments).encode() + b"\r\x1c\r"


def header(sender, facility, receiver, kind, number, version="2.6"):
    return f"MSH|^~\\&|{sender}|{facility}|{receiver}|CLINIC|20260302080000||{kind}|{number}|P|{version}"


PATIENT = "PID|1||LABPATIENT-4711^^^CLINIC||Labpatient^Erika||19700101|F"


def ack(number):
    return block(header("HIS", "CLINIC", "MONITORS", "ACK^R01", f"A{number}"), f"MSA|AA|{number}")


capture = Capture("hl7/monitors-and-laboratory.pcap")
gateway = capture.host("00:09:fb:0a:01:11", "10.80.13.21")
system = capture.host("00:15:5d:0a:01:12", "10.80.13.10")
laboratory = capture.host("d4:be:d9:0a:01:13", "10.80.13.31")

with capture.tcp(gateway, 51311, system, 2575) as talk:
    for number in range(6):
        equipment = f"MON-{42 + number % 2:04}^PHILIPS^0009FB0A0111{number % 2:04X}^EUI-64"
        talk.client(block(header("PIIC iX^0009FB0A0111^EUI-64", "ICU", "HIS", "ORU^R01^ORU_R01", number), PATIENT,
                          "PV1||I|ICU^BED7", f"OBX|1|NM|147842^MDC_ECG_HEART_RATE^MDC||{70 + number}|{{beats}}/min|||||F|||||||{equipment}"))
        talk.server(ack(number))
with capture.tcp(system, 51312, gateway, 2575, opened=False) as talk:
    talk.client(block(header("HIS", "CLINIC", "PIIC iX", "ADT^A01^ADT_A01", 900), "EVN|A01|20260302080000", PATIENT))
    talk.server(block(header("PIIC iX", "ICU", "HIS", "ACK^A01", "A900"), "MSA|AA|900"))
with capture.tcp(laboratory, 51313, system, 6661) as talk:
    talk.client(block(header("COBAS", "LAB", "HIS", "OUL^R22^OUL_R22", 7, "2.5"), PATIENT, "OBX|1|NM|2345-7^GLUCOSE||5.4|mmol/L"))
    talk.server(ack(7))
capture.write()
