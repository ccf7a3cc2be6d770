"""WS-Discovery: a camera and a printer announce themselves, a recorder searches, a computer asks the printer what it is.

OASIS WS-Discovery 1.1 (April 2005 name spaces, as devices use), DPWS 1.1 section 5, ONVIF Core Specification section 7.3.
"""
from wire import Capture

DISCOVERY = "http://schemas.xmlsoap.org/ws/2005/04/discovery"
ADDRESSING = "http://schemas.xmlsoap.org/ws/2004/08/addressing"


def envelope(action, body, extra=""):
    return (
        f'<?xml version="1.0" encoding="utf-8"?><soap:Envelope xmlns:soap="http://www.w3.org/2003/05/soap-envelope" xmlns:wsa="{ADDRESSING}" '
        f'xmlns:wsd="{DISCOVERY}" xmlns:dn="http://www.onvif.org/ver10/network/wsdl" xmlns:wsdp="http://schemas.xmlsoap.org/ws/2006/02/devprof" '
        f'xmlns:wprt="http://schemas.microsoft.com/windows/2006/08/wdp/print"><soap:Header><wsa:To>urn:schemas-xmlsoap-org:ws:2005:04:discovery</wsa:To>'
        f"<wsa:Action>{DISCOVERY}/{action}</wsa:Action><wsa:MessageID>urn:uuid:0a6dc791-2be6-4991-9af1-454778a1917a</wsa:MessageID>{extra}</soap:Header>"
        f"<soap:Body>{body}</soap:Body></soap:Envelope>"
    ).encode()


def target(uuid, types, scopes, address):
    scopes = f"<wsd:Scopes>{' '.join(scopes)}</wsd:Scopes>" if scopes else ""
    return (f"<wsa:EndpointReference><wsa:Address>urn:uuid:{uuid}</wsa:Address></wsa:EndpointReference><wsd:Types>{types}</wsd:Types>{scopes}"
            f"<wsd:XAddrs>{address}</wsd:XAddrs><wsd:MetadataVersion>1</wsd:MetadataVersion>")


def http(start, body):
    return f"{start}\r\nContent-Type: application/soap+xml\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


capture = Capture("wsdd/camera-printer-recorder.pcap")
group = capture.group("239.255.255.250")
camera = capture.host("44:19:b6:0a:00:61", "10.80.3.21")
printer = capture.host("3c:2a:f4:0a:00:62", "10.80.3.41")
recorder = capture.host("00:40:8c:0a:00:63", "10.80.3.10")
laptop = capture.host("d4:be:d9:0a:00:64", "10.80.3.60", ttl=128)

CAMERA = target("4d454930-0200-1000-8001-4419b60a0061", "dn:NetworkVideoTransmitter", [
    "onvif://www.onvif.org/type/video_encoder", "onvif://www.onvif.org/Profile/Streaming", "onvif://www.onvif.org/hardware/DS-2CD2143G0-I",
    "onvif://www.onvif.org/name/Loading%20dock", "onvif://www.onvif.org/MAC/44:19:b6:0a:00:61", "onvif://www.onvif.org/location/hall%202"],
    "http://10.80.3.21/onvif/device_service http://[fe80::4619:b6ff:fe0a:61]/onvif/device_service")
PRINTER = target("e3248000-80ce-11db-8000-3c2af40a0062", "wsdp:Device wprt:PrintDeviceType", [], "http://10.80.3.41:5357/wsd")

capture.udp(camera, 3702, group, 3702, envelope("Hello", f"<wsd:Hello>{CAMERA}</wsd:Hello>"))
capture.udp(printer, 3702, group, 3702, envelope("Hello", f"<wsd:Hello>{PRINTER}</wsd:Hello>"))
for _ in range(3):
    capture.wait(10)
    capture.udp(recorder, 40370, group, 3702, envelope("Probe", "<wsd:Probe><wsd:Types>dn:NetworkVideoTransmitter</wsd:Types></wsd:Probe>"))
    # From a port of its own.
    capture.udp(camera, 3702, recorder, 40370, envelope("ProbeMatches", f"<wsd:ProbeMatches><wsd:ProbeMatch>{CAMERA}</wsd:ProbeMatch></wsd:ProbeMatches>"))
capture.udp(laptop, 50370, group, 3702, envelope("Probe", "<wsd:Probe><wsd:Types>wsdp:Device</wsd:Types></wsd:Probe>"))
capture.udp(printer, 50371, laptop, 50370, envelope("ProbeMatches", f"<wsd:ProbeMatches><wsd:ProbeMatch>{PRINTER}</wsd:ProbeMatch></wsd:ProbeMatches>"))

GET = (f'<soap:Envelope xmlns:soap="http://www.w3.org/2003/05/soap-envelope" xmlns:wsa="{ADDRESSING}"><soap:Header>'
       "<wsa:Action>http://schemas.xmlsoap.org/ws/2004/09/transfer/Get</wsa:Action></soap:Header><soap:Body/></soap:Envelope>").encode()
METADATA = (
    '<?xml version="1.0"?><soap:Envelope xmlns:soap="http://www.w3.org/2003/05/soap-envelope" xmlns:wsx="http://schemas.xmlsoap.org/ws/2004/09/mex" '
    'xmlns:wsdp="http://schemas.xmlsoap.org/ws/2006/02/devprof"><soap:Body><wsx:Metadata><wsx:MetadataSection><wsdp:ThisDevice>'
    "<wsdp:FriendlyName>Brother HL-L6400DW series</wsdp:FriendlyName><wsdp:FirmwareVersion>1.72</wsdp:FirmwareVersion>"
    "<wsdp:SerialNumber>E78098A6N000062</wsdp:SerialNumber></wsdp:ThisDevice></wsx:MetadataSection><wsx:MetadataSection><wsdp:ThisModel>"
    "<wsdp:Manufacturer>Brother</wsdp:Manufacturer><wsdp:ModelName>HL-L6400DW series</wsdp:ModelName></wsdp:ThisModel></wsx:MetadataSection>"
    "</wsx:Metadata></soap:Body></soap:Envelope>").encode()
with capture.tcp(laptop, 50372, printer, 5357) as talk:
    talk.client(http("POST /wsd HTTP/1.1\r\nHost: 10.80.3.41:5357\r\nUser-Agent: WSDAPI", GET))
    talk.server(http("HTTP/1.1 200 OK\r\nServer: debut/1.30", METADATA))
capture.udp(camera, 3702, group, 3702, envelope("Bye", f"<wsd:Bye>{CAMERA}</wsd:Bye>"))
capture.write()
