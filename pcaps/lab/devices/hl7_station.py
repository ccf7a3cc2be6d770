"""A patient monitor's gateway: hl7_station.py HOST PORT: two measurements with the monitors' identity in OBX-18. Stack: hl7 (MLLP)."""
import asyncio
import sys

import hl7
from hl7.mllp import open_hl7_connection

MESSAGE = "\r".join((
    r"MSH|^~\&|PIICiX|KREISKLINIK|MIRTH|KREISKLINIK|20260312081{n}00||ORU^R01^ORU_R01|MSG0000{n}|P|2.6|||AL|NE||UNICODE UTF-8|||IHE_PCD_001",
    "PID|||4711^^^KREISKLINIK^PI||Muster^Erika||19640812|F",
    "PV1||I|ICU^Bed {n}^1",
    "OBR|1||4711{n}^PIICiX|149530^MDC_PULS_OXIM_PULS_RATE^MDC|||20260312081{n}00",
    "OBX|1|NM|149530^MDC_PULS_OXIM_PULS_RATE^MDC|1.1.1.1|7{n}|264864^MDC_DIM_BEAT_PER_MIN^MDC|||||R|||20260312081{n}00||||MX800^DE7280{n}412^0009fb0a5{n}07^EUI-64"))


async def main():
    reader, writer = await open_hl7_connection(sys.argv[1], int(sys.argv[2]))
    for n in (1, 2):
        writer.writemessage(hl7.parse(MESSAGE.format(n=n)))
        print(str(await reader.readmessage()).replace("\r", " / "))
    writer.close()
    await writer.wait_closed()


asyncio.run(main())
