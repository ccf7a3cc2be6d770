"""Niagara Fox: a station's hello, a browser's log-in, and the same on another port and in the middle.

The text form as public probes and their answers show it; no line is shared with the product.
"""
from wire import Capture


def message(kind, number, answer, channel, command, properties):
    lines = [f"fox {kind} {number} {answer} {channel} {command}", "{"]
    lines += [f"{name}={value}" for name, value in properties]
    return ("\n".join(lines) + "\n};;\n").encode()


def bog(text):
    return f"o:bog {len(text)}[{text}]"


def station_hello(name, host, host_id, number):
    return message("a", 0, -1, "fox", "hello", [
        ("fox.version", "s:1.0.1"), ("id", f"i:{number}"), ("hostName", f"s:{host}"), ("hostAddress", "s:10.79.0.11"),
        ("app.name", "s:Station"), ("app.version", "s:3.8.401.1"), ("vm.name", "s:Java HotSpot(TM) Embedded Client VM"),
        ("vm.version", "s:25.5-b02"), ("os.name", "s:QNX"), ("os.version", "s:6.5.0"), ("station.name", f"s:{name}"), ("lang", "s:en"),
        ("timeZone", "s:Europe/Berlin;3600000;3600000;01:00:00.000,utc,march,-1,sunday,undefined,undefined"), ("hostId", f"s:{host_id}"),
        ("vmUuid", "s:11e98b97-aef5-e283-0000-000000006f31"), ("brandId", "s:vykon"),
        ("sysInfo", bog('<bog version="1.0">\n<p m="b=baja" t="b:Facets" v="hostId=s:Win-not-this-one"/>\n</bog>\n')),
        ("authAgentTypeSpecs", "s:fox:FoxUsernamePasswordAuthAgent"),
    ])


def browser_hello(number):
    return message("a", 1, -1, "fox", "hello", [("fox.version", "s:1.0"), ("id", f"i:{number}"), ("hostName", "s:ENG-WS02"), ("app.name", "s:Workbench"), ("app.version", "s:3.8.401"), ("os.name", "s:Windows 10"), ("os.version", "s:10.0")])


def log_in(talk):
    talk.client(browser_hello(1))
    talk.server(station_hello("NorthWing", "plant-room-north", "Qnx-NPM6-0A1B-2C3D-4E5F", 118752))
    talk.server(message("a", 1, -1, "fox", "challenge", [("method", "s:basic")]))
    talk.client(message("a", 2, 1, "fox", "login", [("username", "s:operator"), ("password", "s:LABSECRET-fox")]))
    for number in range(3, 9):
        talk.client(message("a", number, -1, "station", "read", [("ord", "s:slot:/Drivers")]))
        talk.server(message("a", number, number, "station", "reply", [("value", "s:21.5")]))


capture = Capture("fox/hello-and-login.pcap")
station, browser = capture.host("00:01:f0:0b:00:01", "10.79.0.11"), capture.host("d4:be:d9:0b:00:06", "10.79.0.6")
with capture.tcp(browser, 50001, station, 1911) as talk:
    log_in(talk)
capture.wait(2)
with capture.tcp(browser, 50002, station, 1911, opened=False) as talk:
    for number in range(40, 44):
        talk.client(message("a", number, -1, "station", "read", [("ord", "s:slot:/Drivers")]))
        talk.server(message("a", number, number, "station", "reply", [("value", "s:21.5")]))
capture.write()

capture = Capture("fox/unusual-port.pcap")
station, browser = capture.host("00:01:f0:0b:00:01", "10.79.0.11"), capture.host("d4:be:d9:0b:00:06", "10.79.0.6")
with capture.tcp(browser, 50003, station, 11911) as talk:
    log_in(talk)
capture.write()
