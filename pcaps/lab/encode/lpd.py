"""LPD: a terminal asks for a queue's state and prints a label.

RFC 1179 sections 5 to 7.
"""
from wire import Capture

capture = Capture("lpd/label-printer.pcap")
printer = capture.host("00:07:4d:0a:01:51", "10.80.17.41")
terminal = capture.host("d4:be:d9:0a:01:52", "10.80.17.60")
with capture.tcp(terminal, 721, printer, 515) as talk:
    talk.client(b"\x03labels \n")
    talk.server(b"no entries\n")
with capture.tcp(terminal, 722, printer, 515) as talk:
    talk.client(b"\x02labels\n")
    talk.server(b"\0")
    control = b"Hmes-terminal-4\nPLABPERSON\nJlabel\nldfA017mes-terminal-4\n"
    talk.client(b"\x02%d cfA017mes-terminal-4\n" % len(control))
    talk.server(b"\0")
    talk.client(control + b"\0")
    talk.server(b"\0")
    talk.client(b"\x0340 dfA017mes-terminal-4\n")
    talk.server(b"\0")
    talk.client(b"^XA^FO50,50^FDPallet 17^FS^XZ".ljust(40) + b"\0")
    talk.server(b"\0")
capture.write()
