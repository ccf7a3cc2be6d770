"""A browser over QUIC: quic_client.py HOST PORT NAME. Stack: aioquic, HTTP/3."""
import asyncio
import ssl
import sys

from aioquic.asyncio import QuicConnectionProtocol, connect
from aioquic.h3.connection import H3_ALPN, H3Connection
from aioquic.quic.configuration import QuicConfiguration


async def main():
    configuration = QuicConfiguration(is_client=True, alpn_protocols=H3_ALPN, verify_mode=ssl.CERT_NONE, server_name=sys.argv[3])
    async with connect(sys.argv[1], int(sys.argv[2]), configuration=configuration, create_protocol=QuicConnectionProtocol) as link:
        web = H3Connection(link._quic)
        web.send_headers(link._quic.get_next_available_stream_id(), [
            (b":method", b"GET"), (b":scheme", b"https"), (b":authority", sys.argv[3].encode()), (b":path", b"/")], end_stream=True)
        link.transmit()
        await asyncio.sleep(1)


asyncio.run(main())
