"""An OPC UA server: opcua_device.py MODEL ADDRESS [CERTS]. Stack: asyncua. With certificates also Basic256Sha256."""
import asyncio
import datetime
import sys

from asyncua import Server, ua

MODELS = {
    # model: (server's name, application URI, product URI, manufacturer, product, software version, build)
    "wago": ("WAGO 750-8212 PFC200 OPC UA Server", "urn:wago:pfc200:opcua", "http://www.wago.com/PFC200",
             "WAGO Kontakttechnik GmbH & Co. KG", "PFC200 G2 2ETH RS", "03.10.08", "22"),
    "beckhoff": ("TcOpcUaServer@CX-LINE", "urn:BeckhoffAutomation:TcOpcUaServer", "http://www.beckhoff.com/TwinCAT/TF6100",
                 "Beckhoff Automation GmbH", "TwinCAT OPC UA Server", "4.3.37", "37"),
    "br": ("B&R Embedded OPC UA Server", "urn:B&R/BR.UA.Server", "urn:B&R/AutomationRuntime", "B&R Industrial Automation GmbH",
           "X20CP1586", "4.93", "B4.93"),
}
name, uri, product_uri, maker, product, version, build = MODELS[sys.argv[1]]


async def main():
    server = Server()
    await server.init()
    server.set_endpoint(f"opc.tcp://{sys.argv[2]}:4840/")
    server.set_server_name(name)
    await server.set_application_uri(uri)
    server.product_uri = product_uri
    policies = [ua.SecurityPolicyType.NoSecurity]
    if len(sys.argv) > 3:
        policies.append(ua.SecurityPolicyType.Basic256Sha256_SignAndEncrypt)
        await server.load_certificate(sys.argv[3] + "/opcua.der")
        await server.load_private_key(sys.argv[3] + "/opcua.pem")
    server.set_security_policy(policies)
    await server.set_build_info(product_uri, maker, product, version, build, datetime.datetime(2022, 9, 1))
    space = await server.register_namespace("urn:example:wellfield")
    pump = await server.nodes.objects.add_object(space, "Pump1")
    speed = await pump.add_variable(space, "Speed", 1480.0)
    await speed.set_writable()
    async with server:
        await asyncio.Future()


asyncio.run(main())
