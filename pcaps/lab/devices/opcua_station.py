"""An OPC UA client: opcua_station.py HOST [CERTS]. Without certificates it only polls. Asks for endpoints and servers, reads the build information, logs in."""
import asyncio
import socket
import sys

from asyncua import Client
from asyncua.crypto.security_policies import SecurityPolicyBasic256Sha256

URL = f"opc.tcp://{sys.argv[1]}:4840/"


async def main():
    for found in await Client(URL).connect_and_get_server_endpoints():
        print(found.EndpointUrl, found.SecurityPolicyUri, found.Server.ApplicationName.Text)
    print([s.ApplicationUri for s in await Client(URL).connect_and_find_servers()])
    plain = Client(URL)
    plain.application_uri = "urn:example:hmi"
    plain.name = f"{socket.gethostname()} OPC UA client"
    async with plain:
        for node in (2261, 2262, 2263, 2264, 2265):  # product name, product URI, manufacturer, software version, build
            print(await plain.get_node(f"i={node}").read_value())
        space = await plain.get_namespace_index("urn:example:wellfield")
        speed = await plain.nodes.objects.get_child([f"{space}:Pump1", f"{space}:Speed"])
        for _ in range(5 if len(sys.argv) > 2 else 60):
            await speed.read_value()
            await asyncio.sleep(0 if len(sys.argv) > 2 else 1)
        await speed.write_value(1450.0)
    if len(sys.argv) < 3:
        return
    certs = sys.argv[2]
    user = Client(URL)
    user.set_user("operator")
    user.set_password("LABSECRET-opcua")
    try:
        async with user:
            await user.get_node("i=2261").read_value()
    except Exception as problem:
        print("with a user name:", problem)
    safe = Client(URL)
    safe.application_uri = "urn:example:hmi"
    await safe.set_security(SecurityPolicyBasic256Sha256, certs + "/opcua-client.der", certs + "/opcua-client.pem",
                            server_certificate=certs + "/opcua.der")
    async with safe:
        print("signed and encrypted:", await safe.get_node("i=2261").read_value())


asyncio.run(main())
