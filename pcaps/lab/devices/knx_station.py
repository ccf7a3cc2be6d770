"""Search for KNXnet/IP gateways and read their description. Stack: xknx."""
import asyncio

from xknx import XKNX
from xknx.io import GatewayScanner


async def main():
    for gateway in await GatewayScanner(XKNX(), timeout_in_seconds=3, local_ip="10.77.0.5").scan():
        print(gateway, gateway.individual_address, gateway.name)


asyncio.run(main())
