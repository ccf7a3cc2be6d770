"""A mail server that takes mail: mail_server.py PORT CERTIFICATE. Stack: aiosmtpd, with STARTTLS and log-ins also without it."""
import asyncio
import ssl
import sys

from aiosmtpd.handlers import Sink
from aiosmtpd.smtp import SMTP, AuthResult

tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
tls.load_cert_chain(sys.argv[2] + ".crt", sys.argv[2] + ".key")


def check(server, session, envelope, mechanism, data):
    return AuthResult(success=data.password == b"LABSECRET-mail")


async def main():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(
        Sink(), hostname="mail.plant.example", ident="ESMTP aiosmtpd 1.4.6", tls_context=tls, auth_require_tls=False, authenticator=check),
        "0.0.0.0", int(sys.argv[1]))
    await server.serve_forever()


asyncio.run(main())
