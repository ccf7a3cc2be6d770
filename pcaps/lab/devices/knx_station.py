"""Search for KNXnet/IP gateways: knx_station.py OWN_ADDRESS. Then open a tunnel to the first and read a group address. Stack: xknx."""
import asyncio
import sys

from xknx import XKNX
from xknx.core import ValueReader
from xknx.io import ConnectionConfig, ConnectionType, GatewayScanner
from xknx.telegram import GroupAddress


async def main():
    found = await GatewayScanner(XKNX(), timeout_in_seconds=3, local_ip=sys.argv[1]).scan()
    for gateway in found:
        print(gateway, gateway.individual_address, gateway.name)
    config = ConnectionConfig(connection_type=ConnectionType.TUNNELING, gateway_ip=found[0].ip_addr, local_ip=sys.argv[1])
    async with XKNX(connection_config=config) as line:
        await ValueReader(line, GroupAddress("1/2/3"), timeout_in_seconds=1).read()


asyncio.run(main())
