"""A hospital's message broker: hl7_device.py PORT. Stack: hl7 (MLLP)."""
import asyncio
import sys

from hl7.mllp import start_hl7_server


async def session(reader, writer):
    try:
        while not writer.is_closing():
            message = await reader.readmessage()
            writer.writemessage(message.create_ack(application="MIRTH", facility="KREISKLINIK"))
            await writer.drain()
    except asyncio.IncompleteReadError:
        writer.close()


async def main():
    async with await start_hl7_server(session, port=int(sys.argv[1]), host="0.0.0.0") as server:
        await server.serve_forever()


asyncio.run(main())
