"""PJL: a print server asks a printer what it is, prints, and locks its panel.

HP, Printer Job Language Technical Reference Manual chapters 2, 4, 6 and 8.
"""
from wire import Capture

EXIT = b"\x1b%-12345X"


def told(text):
    return b"".join(line + b"\r\n" for line in text)


capture = Capture("pjl/printer.pcap")
printer = capture.host("00:1b:78:0a:01:41", "10.80.16.41")
server = capture.host("00:15:5d:0a:01:42", "10.80.16.10")
with capture.tcp(server, 51611, printer, 9100) as talk:
    talk.client(EXIT + told([b"@PJL", b"@PJL INFO ID", b"@PJL INFO PRODINFO"]))
    talk.server(told([b"@PJL INFO ID", b'"HP LaserJet 4250"']) + b"\f" + told([
        b"@PJL INFO PRODINFO", b"ProductName = HP LaserJet 4250", b"FormatterNumber = Q6505-60001", b"ProductSerialNumber = CNBXK00141",
        b"FirmwareDateCode = 20090914 08.260.3", b"MaxPrintResolution = 1200"]) + b"\f")
    for _ in range(6):
        talk.client(told([b"@PJL INFO STATUS"]))
        talk.server(told([b"@PJL INFO STATUS", b"CODE=10001", b'DISPLAY="Ready"', b"ONLINE=TRUE"]) + b"\f")
    talk.client(told([b'@PJL JOB NAME = "LABPERSON orders"', b"@PJL SET COPIES = 1", b"@PJL ENTER LANGUAGE = PCL"]) + b"\x1bE\x1b&l0O" + b"LABPERSON text of the page. " * 200 + b"\x1bE")
    talk.client(EXIT + told([b"@PJL EOJ"]) + EXIT)
with capture.tcp(server, 51612, printer, 9100, opened=False) as talk:
    talk.client(told([b"@PJL USTATUS DEVICE = ON"]))
    talk.client(EXIT + told([b"@PJL JOB", b"@PJL DEFAULT PASSWORD = 40911", b"@PJL DEFAULT CPLOCK = ON", b"@PJL EOJ"]) + EXIT)
with capture.tcp(server, 51613, printer, 19100) as talk:
    talk.client(EXIT + told([b"@PJL INFO ID"]))
    talk.server(told([b"@PJL INFO ID", b'"HP LaserJet 4250"']) + b"\f")
capture.write()
