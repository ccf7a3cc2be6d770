"""A web server over QUIC: quic_server.py PORT CERTIFICATE. Stack: aioquic, HTTP/3."""
import asyncio
import sys

from aioquic.asyncio import QuicConnectionProtocol, serve
from aioquic.h3.connection import H3_ALPN, H3Connection
from aioquic.h3.events import HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import ProtocolNegotiated


class Web(QuicConnectionProtocol):
    web = None

    def quic_event_received(self, event):
        if isinstance(event, ProtocolNegotiated):
            self.web = H3Connection(self._quic)
        for answer in self.web.handle_event(event) if self.web else []:
            if isinstance(answer, HeadersReceived):
                self.web.send_headers(answer.stream_id, [(b":status", b"200"), (b"server", b"aioquic")])
                self.web.send_data(answer.stream_id, b"<title>Historian</title>", end_stream=True)
                self.transmit()


async def main():
    configuration = QuicConfiguration(is_client=False, alpn_protocols=H3_ALPN)
    configuration.load_cert_chain(sys.argv[2] + ".crt", sys.argv[2] + ".key")
    await serve("0.0.0.0", int(sys.argv[1]), configuration=configuration, create_protocol=Web)
    await asyncio.Future()


asyncio.run(main())
