"""SOME/IP with its service discovery: someip_device.py OWN_ADDRESS offer | use SOCKET. Stack: someipy, with its daemon on each host.

`offer` offers service 0x1234 with an event and 0x1235 with a method; `use` finds them, subscribes and calls.
"""
import asyncio
import json
import pathlib
import subprocess
import sys
import time

from someipy import (ClientServiceInstance, Event, EventGroup, Method, MethodResult, ServerServiceInstance, ServiceBuilder,
                     TransportLayerProtocol, connect_to_someipy_daemon)

own, does, folder = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
settings = {"interface": own, "socket_path": str(folder / f"someip-{does}.sock"), "log_level": "WARNING"}
UDP = TransportLayerProtocol.UDP


def answer(payload, address):
    result = MethodResult()
    result.payload = b"\x00\x2a" + payload[:4]
    return result


async def main():
    daemon = await connect_to_someipy_daemon(settings)
    group = EventGroup(id=0x0321, events=[Event(id=0x8123, protocol=UDP)])
    # two, as the daemon's store of subscriptions takes no service with methods
    telling = ServiceBuilder().with_service_id(0x1234).with_major_version(1).with_minor_version(2).with_eventgroup(group).build()
    called = ServiceBuilder().with_service_id(0x1235).with_major_version(1).with_method(Method(0x0421, UDP, answer)).build()
    if does == "offer":
        server, other = (ServerServiceInstance(daemon, service, instance_id=0x5678, endpoint_ip=own, endpoint_port=port, ttl=5, cyclic_offer_delay_ms=2000)
                         for service, port in ((telling, 30509), (called, 30511)))
        await server.start_offer()
        await other.start_offer()
        while True:
            await asyncio.sleep(1)
            server.send_event(0x0321, 0x8123, b"\x00\x17\x00\x00")
    listener = ClientServiceInstance(daemon, telling, instance_id=0x5678, endpoint_ip=own, endpoint_port=30510)
    caller = ClientServiceInstance(daemon, called, instance_id=0x5678, endpoint_ip=own, endpoint_port=30512)
    listener.register_callback(lambda event, payload: print(hex(event), payload))
    listener.subscribe_eventgroup(group, ttl_subscription_seconds=5)
    for _ in range(6):
        await asyncio.sleep(1)
        try:
            print(await caller.call_method(0x0421, b"\x01\x02\x03\x04"))
        except RuntimeError as problem:
            print(problem)
    await daemon.disconnect_from_daemon()


config = folder / f"someip-{does}.json"
config.write_text(json.dumps(settings))
daemon = subprocess.Popen([pathlib.Path(sys.executable).with_name("someipyd"), "--config", config])
try:
    time.sleep(1.5)
    asyncio.run(main())
finally:
    daemon.terminate()
