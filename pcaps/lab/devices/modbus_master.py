"""A Modbus/TCP master: modbus_master.py HOST[:PORT] WORD…, the words are done in turn over one connection.

identify[=UNIT]   device identification, basic, regular and extended, then report server id
poll=COUNT,SECONDS[,UNIT…]   read coils, discrete inputs, input and holding registers in the usual mix
write[=UNIT]      one register, then several, then one coil
set[=UNIT]        one register
sleep=SECONDS
"""
import asyncio
import sys

from pymodbus.client import AsyncModbusTcpClient


async def main():
    host, _, port = sys.argv[1].partition(":")
    client = AsyncModbusTcpClient(host, port=int(port or 502), timeout=2)
    await client.connect()
    for word in sys.argv[2:]:
        verb, _, text = word.partition("=")
        arguments = [float(a) for a in text.split(",")] if text else []
        if verb == "sleep":
            await asyncio.sleep(arguments[0])
        elif verb == "identify":
            unit = int(arguments[0]) if arguments else 1
            for code in (1, 2, 3):
                answer = await client.read_device_information(read_code=code, object_id=0, device_id=unit)
                print(unit, code, getattr(answer, "information", answer))
            print(unit, await client.report_device_id(device_id=unit))
        elif verb == "poll":
            count, pause, units = int(arguments[0]), arguments[1], [int(u) for u in arguments[2:]] or [1]
            for n in range(count):
                unit = units[n % len(units)]
                await client.read_holding_registers(1, count=10, device_id=unit)
                if n % 10 == 4:
                    await client.read_input_registers(1, count=4, device_id=unit)
                if n % 20 == 9:
                    await client.read_coils(1, count=16, device_id=unit)
                    await client.read_discrete_inputs(1, count=16, device_id=unit)
                await asyncio.sleep(pause)
        elif verb == "set":
            await client.write_register(20, 350, device_id=int(arguments[0]) if arguments else 1)
        elif verb == "write":
            unit = int(arguments[0]) if arguments else 1
            await client.write_register(20, 350, device_id=unit)
            await client.write_registers(40, [1, 2, 3], device_id=unit)
            await client.write_coil(3, True, device_id=unit)
        else:
            sys.exit(f"unknown word {word}")
    client.close()


asyncio.run(main())
