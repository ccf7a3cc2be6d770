"""ONVIF: a recorder asks two cameras what they are, turns one, and shows its password to the other.

ONVIF Core Specification sections 5.9 and 8.1, PTZ Service Specification; OASIS WSS UsernameToken Profile 1.0.
"""
from wire import Capture

WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss"


def envelope(body, header=""):
    return (
        '<?xml version="1.0" encoding="UTF-8"?><SOAP-ENV:Envelope xmlns:SOAP-ENV="http://www.w3.org/2003/05/soap-envelope" '
        'xmlns:tds="http://www.onvif.org/ver10/device/wsdl" xmlns:trt="http://www.onvif.org/ver10/media/wsdl" xmlns:tptz="http://www.onvif.org/ver20/ptz/wsdl" '
        f'xmlns:wsse="{WSSE}-wssecurity-secext-1.0.xsd"><SOAP-ENV:Header>{header}</SOAP-ENV:Header><SOAP-ENV:Body>{body}</SOAP-ENV:Body></SOAP-ENV:Envelope>'
    ).encode()


def token(kind, password):
    return (f'<wsse:Security><wsse:UsernameToken><wsse:Username>operator</wsse:Username><wsse:Password Type="{WSSE}-username-token-profile-1.0#{kind}">'
            f"{password}</wsse:Password><wsse:Nonce>bm9uY2U=</wsse:Nonce></wsse:UsernameToken></wsse:Security>")


def post(host, body):
    return (f"POST /onvif/device_service HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/soap+xml; charset=utf-8\r\n"
            f"Content-Length: {len(body)}\r\n\r\n").encode() + body


def ok(body):
    return f"HTTP/1.1 200 OK\r\nServer: gSOAP/2.8\r\nContent-Type: application/soap+xml; charset=utf-8\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def information(maker, model, firmware, serial, hardware):
    return envelope(
        f"<tds:GetDeviceInformationResponse><tds:Manufacturer>{maker}</tds:Manufacturer><tds:Model>{model}</tds:Model><tds:FirmwareVersion>{firmware}"
        f"</tds:FirmwareVersion><tds:SerialNumber>{serial}</tds:SerialNumber><tds:HardwareId>{hardware}</tds:HardwareId></tds:GetDeviceInformationResponse>")


capture = Capture("onvif/device-information-and-move.pcap")
recorder = capture.host("00:40:8c:0a:00:71", "10.80.4.10")
dome = capture.host("44:19:b6:0a:00:72", "10.80.4.21")
old = capture.host("3c:ef:8c:0a:00:73", "10.80.4.22")

with capture.tcp(recorder, 50411, dome, 80) as talk:
    digest = token("PasswordDigest", "tuOSpGlFlIXsozq4HFNeeGeFLEI=")
    talk.client(post("10.80.4.21", envelope("<tds:GetDeviceInformation/>", digest)))
    talk.server(ok(information("HIKVISION", "DS-2DE4425IW-DE", "V5.6.11 build 190416", "DS-2DE4425IW-DE20190807CCWRD6-0072", "88")))
    for _ in range(8):
        talk.client(post("10.80.4.21", envelope("<tds:GetSystemDateAndTime/>")))
        talk.server(ok(envelope("<tds:GetSystemDateAndTimeResponse/>")))
    talk.client(post("10.80.4.21", envelope("<tptz:ContinuousMove><tptz:ProfileToken>Profile_1</tptz:ProfileToken></tptz:ContinuousMove>", digest)))
    talk.server(ok(envelope("<tptz:ContinuousMoveResponse/>")))

# A password in the clear, an unusual port, and a body that ends with the connection.
with capture.tcp(recorder, 50412, old, 8899) as talk:
    talk.client(post("10.80.4.22", envelope("<tds:GetDeviceInformation/>", token("PasswordText", "LABSECRET-onvif"))))
    answer = information("Dahua", "IPC-HFW1230S", "2.800.0000000.25.R", "5J0A12PAG00073", "1.00")
    talk.server(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: application/soap+xml\r\n\r\n" + answer[:300])
    talk.server(answer[300:])

with capture.tcp(recorder, 50413, dome, 80, opened=False) as talk:
    talk.client(post("10.80.4.21", envelope("<tds:SystemReboot/>", token("PasswordDigest", "q8p0mZ1nq4HFNeeGeFLEI4=="))))
    talk.server(ok(envelope("<tds:SystemRebootResponse><tds:Message>Rebooting</tds:Message></tds:SystemRebootResponse>")))
capture.write()
