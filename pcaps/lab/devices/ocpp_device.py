"""A central system for charging stations: ocpp_device.py PORT. Stacks: ocpp, websockets. Starts and resets each station from afar."""
import asyncio
import sys
from datetime import datetime, timezone

import websockets
from ocpp.routing import on
from ocpp.v16 import ChargePoint, call, call_result
from ocpp.v16.enums import AuthorizationStatus, RegistrationStatus, ResetType


def now():
    return datetime.now(timezone.utc).isoformat()


class Station(ChargePoint):
    @on("BootNotification")
    def boot(self, **_):
        return call_result.BootNotification(now(), 300, RegistrationStatus.accepted)

    @on("Heartbeat")
    def heartbeat(self):
        return call_result.Heartbeat(now())

    @on("StatusNotification")
    def status(self, **_):
        return call_result.StatusNotification()

    @on("Authorize")
    def authorize(self, **_):
        return call_result.Authorize({"status": AuthorizationStatus.accepted})

    async def command(self):
        await asyncio.sleep(3)
        print(await self.call(call.RemoteStartTransaction(id_tag="04A2C9E1", connector_id=1)))
        print(await self.call(call.GetConfiguration(key=["HeartbeatInterval"])))
        print(await self.call(call.Reset(ResetType.soft)))


async def connected(socket):
    station = Station(socket.request.path.rsplit("/", 1)[1], socket)
    command = asyncio.create_task(station.command())
    try:
        await station.start()
    except websockets.ConnectionClosed:
        command.cancel()


async def main():
    async with websockets.serve(connected, "0.0.0.0", int(sys.argv[1]), subprotocols=["ocpp1.6"]):
        await asyncio.Future()


asyncio.run(main())
