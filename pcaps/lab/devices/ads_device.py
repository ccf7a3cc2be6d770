"""A TwinCAT runtime as far as ADS over TCP goes: ads_device.py NET_ID. Stack: ads-async, with two symbols."""
import asyncio
import sys

from ads_async.asyncio.server import AsyncioServer
from ads_async.constants import AdsDataType, AdsIndexGroup
from ads_async.symbols import BasicSymbol, DataArea, Database


class Project(Database):
    def __init__(self):
        area = DataArea(AdsIndexGroup.PLC_DATA_AREA, "Internal", memory_size=64)
        for offset, (name, kind) in enumerate((("MAIN.fSpeed", AdsDataType.REAL32), ("MAIN.nCount", AdsDataType.INT32))):
            area.symbols[name] = BasicSymbol(name=name, offset=8 * offset, data_type=kind, array_length=1, data_area=area)
        self.data_areas, self.index_groups = [area], {area.index_group: area}

    def get_symbol_by_name(self, symbol_name):
        return self.data_areas[0].symbols[symbol_name]


async def main():
    server = AsyncioServer(Project(), net_id=sys.argv[1])
    server.server._name, server.server._version = "Plc30 App", (3, 1, 4024)
    await server.start()
    await server.serve_forever()


asyncio.run(main())
