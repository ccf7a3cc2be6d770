"""ProConOS: a programming station asks a controller what it is. Layout as controllers answer."""
from wire import Capture

ASK = bytes.fromhex("cc01000b4002000047ee")


def answer(kind):
    told = bytearray(b"\xcc\x00000000000\0ProConOS V3.0.1040 Oct 29 2002".ljust(77, b"\0"))
    told[44:44 + len(kind)] = kind
    return bytes(told) + b"Conveyor-9\0Conveyor-9\0Exist\0"


for name, port in (("identification", 20547), ("unusual-port", 40547)):
    capture = Capture(f"proconos/{name}.pcap")
    plc, eng = capture.host("00:d0:c9:0b:00:62", "10.81.0.62"), capture.host("d4:be:d9:0b:00:06", "10.81.0.6")
    with capture.tcp(eng, 52041, plc, port) as talk:
        talk.client(ASK)
        talk.server(answer(b"ADAM5510KW 1.24 Build 005"))
    if port == 20547:
        with capture.tcp(eng, 52042, plc, port, opened=False) as talk:
            for _ in range(5):
                talk.client(ASK)
                talk.server(answer(b"ADAM5510KW 1.24 Build 005"))
    capture.write()
