"""Scenarios of protocols of plants, buildings, hospitals and things, on the plant plants/plant-and-office.tsv. The form is scenarios.py's."""
PY = "@PY@ @DEVICES@/"


def bash(command):
    return f"bash -c '{command}'"


SERVICES = {
    "ptp-grandmaster": ("rtu104", "ptp4l -f @CONF@/ptp4l.conf -i eth0 -m"),
    "ptp-relay": ("ied", "ptp4l -f @CONF@/ptp4l-slave.conf -i eth0 -m"),
    "dicom": ("srv", PY + "dicom_device.py 11112 PACS01"),
    "dicom-elsewhere": ("nas", PY + "dicom_device.py 4242 ORTHANC"),
    "hl7": ("srv", PY + "hl7_device.py 2575"),
    "hl7-elsewhere": ("srv", PY + "hl7_device.py 6661"),
    "ocpp": ("srv", PY + "ocpp_device.py 8180"),
    "ipp": ("printer", bash("mkdir /run/dbus; dbus-daemon --system --nopidfile --nosyslog; avahi-daemon -D -f @CONF@/avahi-printer.conf --no-chroot --no-drop-root; "
                           "exec ippeveprinter -M Brother -m HL-L6400DW -p 631 -s 30,20 -l \"Office 2.04\" -f application/pdf,image/pwg-raster \"Brother HL-L6400DW series\"")),
    "stun": ("srv", "turnserver -c @CONF@/turnserver.conf"),
    "amqp": ("srv", bash("mkdir -p @OUT@/rabbit; export HOME=@OUT@/rabbit RABBITMQ_NODENAME=rabbit@localhost RABBITMQ_MNESIA_BASE=@OUT@/rabbit RABBITMQ_LOG_BASE=@OUT@/rabbit "
                         "RABBITMQ_ENABLED_PLUGINS_FILE=@OUT@/rabbit/plugins RABBITMQ_PID_FILE=@OUT@/rabbit/pid ERL_EPMD_ADDRESS=127.0.0.1; "
                         "exec /usr/lib/rabbitmq/bin/rabbitmq-server")),
    "amqp-1.0": ("wago", PY + "amqp_peers.py serve"),
    "synphasor": ("dnp3", PY + "synphasor_device.py 10.77.0.18"),
    "doip": ("iot", PY + "doip_device.py @OUT@/doip"),
    "someip": ("iot", PY + "someip_device.py 10.77.0.21 offer /run"),
    "wsdd-nas": ("nas", "wsdd -4 -i eth0 -n DS920-OFFICE -w WORKGROUP -vv"),
    "wsdd-laptop": ("laptop", "wsdd -4 -i eth0 -n LT-MILLER -w WORKGROUP -D -vv"),
    "s7plus": ("plc-s7", PY + "s7plus_device.py 102"),
    "s7plus-tls": ("melsec", PY + "s7plus_device.py 102 @CERTS@/historian"),
    "semtech": ("srv", PY + "semtech_server.py"),
    "ads": ("wago", PY + "ads_device.py 10.77.0.14.1.1"),
    "mqtt-sparkplug": ("srv", bash("touch @CONF@/mosquitto-users; mosquitto_passwd -b @CONF@/mosquitto-users epic7 LABSECRET-spark; exec mosquitto -c @CONF@/mosquitto.conf")),
}

SCENARIOS = {
    "ptp": {
        "services": ["ptp-grandmaster", "ptp-relay"], "settle": 12,
        "steps": [("hmi", "timeout 4 pmc -f @CONF@/ptp4l-slave.conf -i eth0 -b 1 -d 0 \"GET CLOCK_DESCRIPTION\" \"GET DEFAULT_DATA_SET\"; true")],
        "outputs": [("ptp/linuxptp-grandmaster-and-relay.pcap", "ptp", "ptp.v2.messagetype == 0xb")],
    },
    "dicom": {
        "services": ["dicom", "dicom-elsewhere"], "settle": 4,
        "steps": [("cast", PY + "dicom_station.py 10.77.0.20 11112 XRAY1 PACS01"),
                  ("eng", "echoscu -aet VIEWER2 -aec PACS01 10.77.0.20 11112; findscu -S -aet VIEWER2 -aec PACS01 -k QueryRetrieveLevel=STUDY -k PatientName 10.77.0.20 11112; "
                          "echoscu -aet VIEWER2 -aec ORTHANC 10.77.0.28 4242; true")],
        "decode": ["tcp.port==4242,dicom"],
        "outputs": [("dicom/pynetdicom-and-dcmtk.pcap", "tcp.port in {11112, 4242}", "dicom.assoc.item.type == 0x55")],
    },
    "hl7": {
        "services": ["hl7", "hl7-elsewhere"], "settle": 2,
        "steps": [("cast", PY + "hl7_station.py 10.77.0.20 2575"), ("cast", PY + "hl7_station.py 10.77.0.20 6661")],
        "outputs": [("hl7/monitors-over-mllp.pcap", "tcp.port in {2575, 6661}", "tcp.payload contains \"PIICiX\"")],
    },
    "ocpp": {
        "services": ["ocpp"], "settle": 3,
        "steps": [("iot", PY + "ocpp_station.py 10.77.0.20 8180 ALFEN-0042 ACE0154323 LABSECRET-ocpp")],
        "outputs": [("ocpp/boot-and-remote-start.pcap", "tcp.port == 8180", "tcp.payload contains \"ocpp1.6\"")],
    },
    "ipp": {
        "services": ["ipp"], "settle": 4,
        "steps": [("laptop", PY + "ipp_station.py 10.77.0.23")],
        "outputs": [("ipp/ippeveprinter-attributes-and-jobs.pcap", "tcp.port == 631", "ipp")],
    },
    "stun": {
        "services": ["stun"], "settle": 3,
        "steps": [("cam", "turnutils_stunclient 10.77.0.20; timeout 8 turnutils_uclient -u camera -w LABSECRET-turn -n 2 -m 1 -y 10.77.0.20; true")],
        "outputs": [("stun/coturn-binding-and-allocation.pcap", "udp.port == 3478", "stun.att.software")],
    },
    "amqp": {
        "services": ["amqp", "amqp-1.0"], "settle": 30,
        "steps": [("srv", "export HOME=@OUT@/rabbit ERL_EPMD_ADDRESS=127.0.0.1; for c in \"add_user mes LABSECRET-amqp\" \"set_permissions mes .* .* .*\"; do "
                          "timeout 40 /usr/lib/rabbitmq/bin/rabbitmqctl -n rabbit@localhost $c; done", 90),
                  ("hmi", PY + "amqp_station.py 10.77.0.20 mes LABSECRET-amqp", 30), ("hmi", "timeout 8 " + PY + "amqp_peers.py send 10.77.0.14; true")],
        "outputs": [("amqp/rabbitmq-and-proton.pcap", "tcp.port == 5672", "amqp.method.class == 10")],
    },
    "synphasor": {
        "services": ["synphasor"], "settle": 3, "steps": [("hmi", PY + "synphasor_station.py 10.77.0.18 30", 20)],
        "outputs": [("synphasor/pypmu-header-configuration-data.pcap", "tcp.port == 4712", "synphasor")],
    },
    "doip": {
        "services": ["doip"], "settle": 3, "steps": [("eng", PY + "doip_station.py 10.77.0.21", 30)],
        "outputs": [("doip/server-and-client.pcap", "doip || udp.port == 13400 || tcp.port == 13400", "doip")],
    },
    "someip": {
        "services": ["someip"], "settle": 4, "steps": [("wago", PY + "someip_device.py 10.77.0.14 use /run", 30)],
        "outputs": [("someipsd/someipy-offer-subscribe-call.pcap", "udp.port in {30490, 30509, 30510, 30511, 30512}", "udp.payload contains ff:ff:81:00")],
    },
    "wsdd": {
        "services": ["wsdd-nas", "wsdd-laptop"], "settle": 8, "steps": [],
        "outputs": [("wsdd/nas-and-laptop.pcap", "udp.port == 3702 || tcp.port == 5357", "udp.payload contains \"Probe\"")],
    },
    "s7plus": {
        "services": ["s7plus", "s7plus-tls"], "settle": 3,
        "steps": [("hmi", PY + "s7plus_station.py 10.77.0.12 102"), ("hmi", PY + "s7plus_station.py 10.77.0.25 102 tls")],
        "outputs": [("s7comm-plus/emulator-plain-and-tls.pcap", "tcp.port == 102", "tcp.payload contains 72:01")],
    },
    "semtech": {
        "services": ["semtech"], "settle": 2, "steps": [("iot", PY + "semtech_gateway.py 10.77.0.20 24e124fffef0a021", 30)],
        "outputs": [("semtech-udp/pamoja-gateway-and-server.pcap", "udp.port == 1700", "udp.payload contains \"rxpk\"")],
    },
    "ads": {
        "services": ["ads"], "settle": 4,
        "steps": [("hmi", PY + "ads_station.py 10.77.0.14 10.77.0.14.1.1 10.77.0.5.1.1")],
        "outputs": [("ads/runtime-and-client.pcap", "tcp.port == 48898 || udp.port == 48899", "ams")],
    },
    "sv": {
        "services": [], "settle": 0, "steps": [("ied", PY + "sv_publisher.py 4", 20)],
        "outputs": [("sv/libiec61850-merging-unit.pcap", "sv", "sv.svID")],
    },
    "sparkplug": {
        "services": ["mqtt-sparkplug"], "settle": 2, "steps": [("wago", PY + "sparkplug_node.py 10.77.0.20 epic7 LABSECRET-spark")],
        "outputs": [("mqtt/sparkplug-node-and-device.pcap", "tcp.port == 1883", "mqtt.topic contains \"spBv1.0\"")],
    },
}
