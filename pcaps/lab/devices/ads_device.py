"""A TwinCAT runtime as far as ADS over TCP goes: ads_device.py NET_ID. Stack: ads-async, with the symbols of the project that it ships."""
import asyncio
import pathlib
import sys

import ads_async
from ads_async.asyncio.server import AsyncioServer
from ads_async.symbols import TmcDatabase


async def main():
    server = AsyncioServer(TmcDatabase(pathlib.Path(ads_async.__file__).parent / "tests/kmono.tmc"), server_host=("0.0.0.0", 48898), net_id=sys.argv[1])
    await server.start()
    await server.serve_forever()


asyncio.run(main())
