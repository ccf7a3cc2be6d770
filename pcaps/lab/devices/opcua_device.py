"""An OPC UA server: opcua_device.py CERTS. Stack: asyncua. Endpoints without security and with Basic256Sha256."""
import asyncio
import datetime
import sys

from asyncua import Server, ua


async def main():
    server = Server()
    await server.init()
    server.set_endpoint("opc.tcp://10.77.0.14:4840/")
    server.set_server_name("WAGO 750-8212 PFC200 OPC UA Server")
    await server.set_application_uri("urn:wago:pfc200:opcua")
    server.product_uri = "http://www.wago.com/PFC200"
    server.set_security_policy([ua.SecurityPolicyType.NoSecurity, ua.SecurityPolicyType.Basic256Sha256_SignAndEncrypt])
    await server.load_certificate(sys.argv[1] + "/opcua.der")
    await server.load_private_key(sys.argv[1] + "/opcua.pem")
    await server.set_build_info("http://www.wago.com/PFC200", "WAGO Kontakttechnik GmbH & Co. KG", "PFC200 G2 2ETH RS",
                                "03.10.08", "22", datetime.datetime(2022, 9, 1))
    space = await server.register_namespace("urn:example:wellfield")
    pump = await server.nodes.objects.add_object(space, "Pump1")
    speed = await pump.add_variable(space, "Speed", 1480.0)
    await speed.set_writable()
    async with server:
        await asyncio.Future()


asyncio.run(main())
