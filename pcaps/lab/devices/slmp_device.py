"""A Mitsubishi Q03UDE as far as SLMP (MC protocol 3E, binary) goes: CPU type and device reads.

No package ships an SLMP device; the client is pymcprotocol.
"""
import socketserver
import struct


class Session(socketserver.BaseRequestHandler):
    def handle(self):
        while request := self.request.recv(4096):
            command = struct.unpack_from("<H", request, 11)[0]
            if command == 0x0101:
                data = b"Q03UDECPU".ljust(16) + struct.pack("<H", 0x0268)
            elif command == 0x0401:
                data = struct.pack("<H", 7) * struct.unpack_from("<H", request, 19)[0]
            else:
                data = b""
            self.request.sendall(b"\xd0\x00" + request[2:7] + struct.pack("<HH", len(data) + 2, 0) + data)


socketserver.ThreadingTCPServer.allow_reuse_address = True
socketserver.ThreadingTCPServer(("0.0.0.0", 5007), Session).serve_forever()
