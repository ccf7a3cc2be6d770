"""A charging station: ocpp_station.py HOST PORT NAME SERIAL_NUMBER PASSWORD. Stacks: ocpp, websockets."""
import asyncio
import base64
import sys
from datetime import datetime, timezone

import websockets
from ocpp.routing import on
from ocpp.v16 import ChargePoint, call, call_result
from ocpp.v16.enums import ChargePointErrorCode, ChargePointStatus, RemoteStartStopStatus, ResetStatus

host, port, name, serial, password = sys.argv[1:6]


class Station(ChargePoint):
    @on("RemoteStartTransaction")
    def start_charging(self, **_):
        return call_result.RemoteStartTransaction(RemoteStartStopStatus.accepted)

    @on("GetConfiguration")
    def configuration(self, **_):
        return call_result.GetConfiguration([{"key": "HeartbeatInterval", "readonly": False, "value": "300"}])

    @on("Reset")
    def reset(self, **_):
        return call_result.Reset(ResetStatus.accepted)

    async def work(self):
        print(await self.call(call.BootNotification(
            charge_point_model="MTR-SINGLE-20", charge_point_vendor="Alfen BV", charge_point_serial_number=serial,
            firmware_version="5.8.1-4123", meter_type="EASTRON SDM630", meter_serial_number="19460412")))
        await self.call(call.StatusNotification(1, ChargePointErrorCode.no_error, ChargePointStatus.available,
                                                timestamp=datetime.now(timezone.utc).isoformat()))
        await self.call(call.Authorize("04A2C9E1"))
        for _ in range(4):
            await self.call(call.Heartbeat())
            await asyncio.sleep(1.5)


async def main():
    login = base64.b64encode(f"{name}:{password}".encode()).decode()
    async with websockets.connect(f"ws://{host}:{port}/ocpp/{name}", subprotocols=["ocpp1.6"], compression=None,
                                  additional_headers={"Authorization": "Basic " + login}) as socket:
        station = Station(name, socket)
        listening = asyncio.create_task(station.start())
        await station.work()
        listening.cancel()


asyncio.run(main())
