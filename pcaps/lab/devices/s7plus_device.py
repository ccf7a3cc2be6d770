"""An S7-1200/1500 as far as S7comm-plus goes: s7plus_device.py PORT [CERTIFICATE]. Stack: s7commplus. With a certificate (path without its ending) inside TLS."""
import sys
import time

from s7commplus.server import S7CommPlusServer

plain = len(sys.argv) < 3
server = S7CommPlusServer() if plain else S7CommPlusServer(protocol_version=2)
server.register_db(1, {"speed": ("Real", 0), "count": ("DInt", 4), "run": ("Bool", 8)}, size=64)
if plain:
    server.start("0.0.0.0", int(sys.argv[1]))
else:
    server.start("0.0.0.0", int(sys.argv[1]), use_tls=True, tls_cert=sys.argv[2] + ".crt", tls_key=sys.argv[2] + ".key")
while True:
    time.sleep(1)
