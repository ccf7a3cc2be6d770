"""rlogin and rsh: clients that are trusted, one that is asked for a password, one that is refused. RFC 1282; rshd(8) of 4.3BSD."""
from wire import Capture

capture = Capture("rlogin/trusted-and-with-a-password.pcap")
server, station = capture.host("08:00:20:0d:00:01", "10.90.0.1", 255), capture.host("00:0c:29:0d:00:12", "10.90.0.12")
with capture.tcp(station, 1023, server, 513) as talk:
    talk.client(b"\0")
    talk.client(b"ann\0operator\0xterm/38400\0")
    talk.server(b"\0")
    talk.server(b"Last login: Mon Mar  2 07:12:01 from ws12\r\nSunOS Release 4.1.4\r\nfurnace2% ")
with capture.tcp(station, 1022, server, 513) as talk:
    talk.client(b"\0ann\0maint\0vt100/9600\0")
    talk.server(b"\0Password: ")
    for key in b"LABSECRET-rlogin\r":
        talk.client(bytes([key]))
    talk.server(b"\r\nLogin incorrect\r\nlogin: ")
capture.write()

capture = Capture("rsh/trusted-and-refused.pcap")
with capture.tcp(station, 1021, server, 514) as talk:
    talk.client(b"1020\0")
    talk.client(b"ann\0operator\0/usr/local/bin/recipe-load 7\0")
    talk.server(b"\0")
    talk.server(b"recipe 7 loaded\n")
with capture.tcp(station, 1019, server, 514) as talk:
    talk.client(b"0\0ann\0root\0reboot\0")
    talk.server(b"\x01Permission denied.\n")
capture.write()

capture = Capture("finger/who-is-logged-in.pcap")
with capture.tcp(station, 50079, server, 79) as talk:
    talk.client(b"\r\n")
    talk.server(b"Login       Name               TTY         Idle    When    Where\r\noperator    Operator           console          Mon 07:12\r\n")
capture.write()
