"""A VNC viewer: vnc_station.py HOST PORT [PASSWORD]. Stack: asyncvnc."""
import asyncio
import sys

import asyncvnc


async def main():
    async with asyncvnc.connect(sys.argv[1], int(sys.argv[2]), **({"password": sys.argv[3]} if len(sys.argv) > 3 else {})) as screen:
        print(screen.video.name, screen.video.width, screen.video.height)
        screen.keyboard.write("hello")
        await asyncio.sleep(1)


asyncio.run(main())
