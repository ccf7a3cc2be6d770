"""A CoAP sensor. Stack: aiocoap."""
import asyncio

import aiocoap
from aiocoap import resource


class About(resource.Resource):
    async def render_get(self, request):
        return aiocoap.Message(payload=b'{"mfr":"Espressif","model":"ESP32-S3-WROOM-1","fw":"5.2.1","sn":"24AC40A0021"}', content_format=50)


async def main():
    site = resource.Site()
    site.add_resource([".well-known", "core"], resource.WKCResource(site.get_resources_as_linkheader))
    site.add_resource(["dev", "info"], About())
    await aiocoap.Context.create_server_context(site, bind=("10.77.0.21", 5683))
    await asyncio.Future()


asyncio.run(main())
