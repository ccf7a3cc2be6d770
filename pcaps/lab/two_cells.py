"""The plant of plants/two-cells.tsv: two filling lines of one maker with the same addresses, the plant network, the office.

SERVICES and TIMELINE have the form of scenarios.py's. Line a is in VLAN 10, line b in VLAN 20; plant 30, office 40.
"""
PY = "@PY@ @DEVICES@/"
SH = "@DEVICES@/"
UDHCPC = "udhcpc -f -i eth0 -t 4 -s @DEVICES@/dhcp-script.sh "
DHCLIENT = "dhclient -4 -d -sf @DEVICES@/dhcp-script.sh -cf @CONF@/dhclient.conf -lf @OUT@/{0}.leases -pf /run/dhclient.pid eth0"
SSHD = "/usr/sbin/sshd -D -e -f /dev/null -o UsePAM=no -h @CERTS@/ssh-{0}-rsa -h @CERTS@/ssh-{0}-ecdsa -h @CERTS@/ssh-{0}-ed25519"
SMB = "mkdir -p @OUT@/samba-{0}; nmbd -F --no-process-group -s @CONF@/smb-{0}.conf & exec smbd -F --no-process-group -s @CONF@/smb-{0}.conf"
SSH = "ssh -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o ConnectTimeout=5 "
CURL = "curl -sk -m 6 -o /dev/null "
SYSTEM = " ".join(f"1.3.6.1.2.1.1.{n}.0" for n in (1, 2, 3, 5, 6))
SNMPGET = f"snmpget -v2c -c public -r 1 -t 2 {{}} {SYSTEM}; "
PUBLISH = "mosquitto_pub -h 10.90.30.20 -i {0} -u meter01 -P LABSECRET-mqtt -t {1} -m {2}; "


def bash(command):
    return f"bash -c '{command}'"


def snmp(device, descr, oid, name, place, community="public"):
    return device, f'{SH}snmp_agent.sh @OUT@/snmp-{device} {community} "{descr}" .1.3.6.1.4.1.{oid} {name} "{place}"'


def lldp(device, name, descr, capabilities, cards="eth0", model="-", more=""):
    return device, f'{SH}lldp_agent.sh {name} "{descr}" {capabilities} {cards} "{model}" {more}'


def web(device, server, title, realm="", certificate=""):
    return device, f'{SH}web_appliance.sh "{server}" "{title}" "{realm}" {certificate and "@CERTS@/" + certificate}'


def line(l, n):
    """One filling line: both are the same, but for serial numbers and names."""
    return {
        f"{l}-rtr-nat": (f"{l}-rtr", "nft -f @CONF@/nat-line.nft"),
        f"{l}-rtr-lldp": lldp(f"{l}-rtr", f"edr-line{n}", "Moxa EDR-G903 Secure Router V5.7 build 21090914", "router,bridge", "eth0,eth1"),
        f"{l}-rtr-ssh": (f"{l}-rtr", f"dropbear -F -E -R -r /run/hostkey -p 22 -P /run/dropbear.pid"),
        f"{l}-sw-lldp": lldp(f"{l}-sw", f"rsp-line{n}", "Hirschmann Rail Switch Power Enhanced - SW: HiOS-3S-09.0.00", "bridge"),
        f"{l}-sw-snmp": snmp(f"{l}-sw", "Hirschmann Rail Switch Power", "248.11.2.1.3", f"rsp-line{n}", f"Line {n}, cabinet A"),
        f"{l}-plc": (f"{l}-plc", PY + f"s7_device.py 102 plc-filler{n} \"S C-X4U42130{n}0{n}9\""),
        f"{l}-plc-dcp": (f"{l}-plc", PY + f"dcp_device.py s7-300 plc-filler{n} 192.168.1.10 192.168.1.1"),
        f"{l}-plc-lldp": lldp(f"{l}-plc", f"plc-filler{n}", f"Siemens, SIMATIC S7, CPU315-2 PN/DP, 6ES7 315-2EH14-0AB0, HW: 6, FW: V3.2.6, S C-X4U42130{n}0{n}9", "station"),
        f"{l}-hmi-web": web(f"{l}-hmi", "EasyWeb/2.1", "cMT3092X"),
        f"{l}-io1": (f"{l}-io1", PY + f"dcp_device.py et200sp et200-filler{n} 192.168.1.12 192.168.1.1"),
        f"{l}-io2": (f"{l}-io2", PY + "modbus_device.py wago352"),
        f"{l}-drv1": (f"{l}-drv1", PY + "modbus_device.py atv320"),
        f"{l}-drv2": (f"{l}-drv2", PY + "modbus_device.py atv320"),
        f"{l}-mgate": (f"{l}-mgate", PY + "modbus_device.py mgate3"),
        f"{l}-plc2": (f"{l}-plc2", PY + f"enip_device.py compactlogix 0x60{n}1a2b{n}"),
        f"{l}-valve": (f"{l}-valve", PY + f"enip_device.py festo-cpx 0x004{n}77{n}1"),
        f"{l}-vision": (f"{l}-vision", PY + f"enip_device.py in-sight 0x0c2{n}90{n}7"),
        f"{l}-iol-web": web(f"{l}-iol", "ifm", "AL1350 IO-Link Master"),
        f"{l}-ipc": (f"{l}-ipc", PY + "opcua_device.py beckhoff 192.168.1.21"),
        f"{l}-print-web": web(f"{l}-print", "ZBR/1.1", f"ZTC ZT411-300dpi ZPL - 18J2{n}4105"),
        f"{l}-print-snmp": snmp(f"{l}-print", "Zebra Technologies ZTC ZT411-300dpi ZPL V92.21.26Z", "10642.1.1", f"ZTC-LINE{n}", f"Line {n}"),
        f"{l}-ups-snmp": snmp(f"{l}-ups", f"APC Web/SNMP Management Card (MB:v4.1.0 PF:v6.8.2 PN:apc_hw05_aos_682.bin AF1:v6.8.2 MN:AP9630 HR:08 SN: ZA18{n}7012{n}4)",
                              "318.1.3.27", f"ups-line{n}", f"Line {n}, cabinet B"),
    }


SERVICES = line("a", 1) | line("b", 2) | {
    "a-melsec": ("a-melsec", PY + "slmp_device.py"),
    "b-omron": ("b-omron", PY + "fins_device.py"),
    # the plant
    "core-relay": ("core", "dnsmasq -k -C @CONF@/dnsmasq-relay.conf -x /run/dnsmasq.pid"),
    "core-lldp": lldp("core", "core-rtr.plant.example", "Cisco IOS Software, ISR Software (ARMV8EL_LINUX_IOSD-UNIVERSALK9_IAS-M), Version 16.9.4", "router", "eth0,eth1", "cisco ISR4331/K9"),
    "core-ssh": ("core", SSHD.format("sw") + " -o VersionAddendum=none"),
    "sw-plant-lldp": lldp("sw-plant", "sw-plant.plant.example", "Cisco IOS Software, IE-3000 Software (IES-LANBASEK9-M), Version 15.2(7)E3", "bridge", "eth0", "cisco IE-3000-8TC", "-ccccc -l"),
    "sw-plant-snmp": snmp("sw-plant", "Cisco IOS Software, IE-3000 Software (IES-LANBASEK9-M), Version 15.2(7)E3, RELEASE SOFTWARE (fc2)", "9.1.958", "sw-plant.plant.example", "Hall 1, main cabinet"),
    "ap-lldp": lldp("ap", "ap-hall", "UAP-AC-Pro, 6.5.62.14788", "bridge,wlan"),
    "ap-ssh": ("ap", "dropbear -F -E -R -r /run/hostkey -p 22 -P /run/dropbear.pid"),
    "hist-mqtt": ("hist", bash("touch @CONF@/mosquitto-users; mosquitto_passwd -b @CONF@/mosquitto-users meter01 LABSECRET-mqtt; exec mosquitto -c @CONF@/mosquitto.conf")),
    "hist-syslog": ("hist", "rsyslogd -n -f @CONF@/rsyslog.conf -i /run/rsyslogd.pid"),
    "hist-snmp": snmp("hist", "Linux HISTORIAN1 6.1.0-28-amd64 #1 SMP PREEMPT_DYNAMIC Debian 6.1.119-1 (2024-11-22) x86_64", "8072.3.2.10", "HISTORIAN1", "Server room, rack 2"),
    "hist-ssh": ("hist", SSHD.format("srv")),
    "hist-web": ("hist", "nginx -c @CONF@/nginx-srv.conf"),
    "clock": ("clock", "chronyd -d -x -u root -f @CONF@/chrony.conf"),
    "clock-web": web("clock", "lighttpd", "Meinberg LANTIME M300 - lantime-1"),
    "ahu": ("ahu", PY + "bacnet_device.py delta 10.90.30.31/24"),
    "chiller": ("chiller", PY + "bacnet_device.py honeywell 10.90.30.32/24"),
    "knx": ("knx", "knxd -e 1.1.250 -E 1.1.251:8 -n KNX-IP-Hall -D -T -R -S --layer2=dummy:"),
    "rtu104": ("rtu104", PY + "iec104_device.py"),
    "dnp3": ("dnp3", PY + "dnp3_device.py"),
    "ied": ("ied", PY + "mms_device.py"),
    "ied-goose": ("ied", bash("while :; do @PY@ @DEVICES@/goose_publisher.py 30; sleep 8; done")),
    "pm1": ("pm1", PY + "modbus_device.py pm5320"),
    "pm2": ("pm2", PY + "modbus_device.py pm5320"),
    "pm3": ("pm3", PY + "modbus_device.py pm5320"),
    "solar": ("solar", PY + "modbus_device.py sma"),
    "opc": ("opc", PY + "opcua_device.py br 10.90.30.45"),
    "cam-gate-web": web("cam-gate", "Apache", "AXIS M2026-LE Mk II Network Camera", "AXIS_ACCC8EC00046"),
    "m340": ("m340", PY + "modbus_device.py m340"),
    # the office
    "dc-dnsmasq": ("dc", "dnsmasq -k -C @CONF@/dnsmasq-dc.conf --log-facility=@OUT@/dnsmasq-dc.log"),
    "dc-smb": ("dc", bash(SMB.format("dc"))),
    "sw-off-lldp": lldp("sw-off", "sw-office", "Aruba JL253A 2930F-24G-4SFP+ Switch, revision WC.16.10.0012, ROM WC.16.01.0006", "bridge"),
    "sw-off-snmp": snmp("sw-off", "Aruba JL253A 2930F-24G-4SFP+ Switch, revision WC.16.10.0012, ROM WC.16.01.0006 (/ws/swbuildm/rel_ajanta_qaoff/code/build/lvm)", "11.2.3.7.11.181.9", "sw-office", "Office, 1st floor"),
    "nas-dhcp": ("nas", UDHCPC + "-x hostname:DS920-office -V \"synology_apollolake_ds920+\""),
    "nas-avahi": ("nas", "avahi-daemon -f @CONF@/avahi-nas.conf --no-chroot --no-drop-root"),
    "nas-smb": ("nas", bash(SMB.format("nas"))),
    "nas-web": web("nas", "nginx", "DS920-office - Synology DiskStation", "", "nas"),
    "print1-dhcp": ("print1", UDHCPC + "-x hostname:BRN001BA9D00051 -V \"Mfg=Brother;Typ=Printer;Mod=HL-L6400DW series;Ser=U64240D0N123451\""),
    "print1-web": web("print1", "debut/1.30", "Brother HL-L6400DW series"),
    "print1-snmp": snmp("print1", "Brother NC-8900w, Firmware Ver.1.55  (20.10.09),MID 8CE-J18,FID 2", "2435.2.3.9.1", "BRN001BA9D00051", "Office 2.04"),
    "print2-dhcp": ("print2", UDHCPC + "-x hostname:HP3C5282D00152 -V \"Hewlett-Packard JetDirect\""),
    "print2-web": web("print2", "HP HTTP Server; HP LaserJet Pro M404dn - W1A53A; Serial Number: PHBBL1{}52; Built: Tue Mar 10, 2020".replace("{}", "0"), "HP LaserJet Pro M404dn"),
    "phone1-dhcp": ("phone1", UDHCPC + "-x hostname:SIP-T46U-1 -V yealink"),
    "phone1-lldp": lldp("phone1", "SIP-T46U-1", "Yealink SIP-T46U, firmware 108.86.0.20", "telephone,bridge", "eth0",
                          "Yealink,SIP-T46U,108.86.0.20,3146019090000061", "-M 3"),
    "phone2-dhcp": ("phone2", UDHCPC + "-x hostname:SIP-T46U-2 -V yealink"),
    "phone2-lldp": lldp("phone2", "SIP-T46U-2", "Yealink SIP-T46U, firmware 108.86.0.20", "telephone,bridge", "eth0",
                          "Yealink,SIP-T46U,108.86.0.20,3146019090000062", "-M 3"),
    "phone2-sip": ("phone2", "sipp -sn uas -p 5060 -nostdin"),
    "cast-dhcp": ("cast", UDHCPC + "-x hostname:Chromecast-Lobby -V dhcpcd-6.8.2:Linux-3.8.13+:armv7l:Marvell"),
    "cast-mdns": ("cast", PY + "zeroconf_device.py cast 10.90.40.26"),
    "cast-web": ("cast", "nginx -c @CONF@/nginx-cast.conf"),
    "cast-ssdp": ("cast", PY + "ssdp_device.py cast 10.90.40.26"),
    "cam-lobby-dhcp": ("cam-lobby", UDHCPC + "-x hostname:ipcam-lobby"),
    "cam-lobby-web": ("cam-lobby", "lighttpd -D -f @CONF@/lighttpd-cam.conf"),
    "cam-lobby-ssdp": ("cam-lobby", PY + "ssdp_device.py camera 10.90.40.22"),
    "iot-dhcp": ("iot", UDHCPC + "-x hostname:shelly-em3-24ac40d0029 -V shelly"),
    "lap1-dhcp": ("lap1", DHCLIENT.format("lap1")),
    "lap1-avahi": ("lap1", "avahi-daemon -f @CONF@/avahi-laptop.conf --no-chroot --no-drop-root"),
    "lap2-dhcp": ("lap2", UDHCPC + "-x hostname:LT-WEBER -V \"MSFT 5.0\""),
    "lap2-llmnr": ("lap2", "llmnrd -i eth0 -H LT-WEBER"),
    "lap3-dhcp": ("lap3", UDHCPC + "-x hostname:LT-HUBER -V \"MSFT 5.0\""),
    "scan-dhcp": ("scan", UDHCPC + "-x hostname:MC9300-0081 -V android-dhcp-10"),
    "scan-dhcp-hall": ("scan", UDHCPC + "-x hostname:MC9300-0081 -V android-dhcp-10"),
    "rogue-dhcp": ("rogue", UDHCPC + "-x hostname:raspberrypi"),
    "cloud-web": web("cloud", "nginx", "Cloud portal"),
}

# servers that listen on all addresses have booted before the recording begins; it sees their cards come up
BOOTED = [f"{l}-{name}" for l in "ab" for name in ("rtr-nat", "plc", "io2", "drv1", "drv2", "mgate", "plc2", "valve", "vision", "hmi-web",
                                                   "iol-web", "print-web", "print-snmp", "ups-snmp", "rtr-ssh")]
BOOTED += ["a-melsec", "b-omron", "core-ssh", "ap-ssh", "hist-mqtt", "hist-syslog", "hist-snmp", "hist-ssh", "hist-web", "clock", "clock-web", "rtu104",
           "dnp3", "ied", "pm1", "pm2", "pm3", "solar", "cam-gate-web", "m340", "nas-web", "print1-web", "print1-snmp", "print2-web", "cast-web",
           "cam-lobby-web", "cloud-web"]


def boot(l, second):
    order = ("rtr", "sw", "plc", "hmi", "io1", "io2", "drv1", "drv2", "mgate", "plc2", "valve", "vision", "iol", "ipc", "print", "ups")
    last = {"a": "a-melsec", "b": "b-omron"}[l]
    powers = [(second + n * 0.25, "power", f"{l}-{name}") for n, name in enumerate(order)] + [(second + 4, "power", last)]
    services = ("rtr-lldp", "sw-lldp", "sw-snmp", "plc-dcp", "plc-lldp", "io1", "ipc")
    return powers + [(second + 3 + n * 0.5, "service", f"{l}-{name}") for n, name in enumerate(services)]


def production(l, n, second):
    """What a line does all day: panel and controller poll, sensors publish, the controllers ask the plant's clock."""
    return [
        (second, f"{l}-hmi", PY + "s7_station.py 192.168.1.10 110 1", 150),
        (second + 1, f"{l}-hmi", PY + "enip_station.py 192.168.1.17 100 1", 150),
        (second + 2, f"{l}-plc", PY + "modbus_master.py 192.168.1.14 poll=200,0.5", 150),
        (second + 2.5, f"{l}-plc", PY + "modbus_master.py 192.168.1.15 poll=200,0.5", 150),
        (second + 3, f"{l}-plc", PY + "modbus_master.py 192.168.1.16 poll=100,1,1,2,3 write=2", 150),
        (second + 4, f"{l}-plc2", PY + "enip_station.py 192.168.1.18 60 1.5", 150),
        (second + 5, f"{l}-plc2", PY + "enip_station.py 192.168.1.19 60 1.5", 150),
        (second + 6, f"{l}-hmi", PY + "opcua_station.py 192.168.1.21", 120),
        (second + 8, f"{l}-iol", "for n in 1 2 3 4 5 6 7 8; do " + PUBLISH.format(f"al1350-line{n}", f"line{n}/iolink/port1", "2$n.4") + "sleep 10; done", 130),
        (second + 12, f"{l}-ipc", "ntpdig -t 2 10.90.30.24; " + CURL + "http://203.0.113.10/; true"),
        (second + 14, f"{l}-plc2", "ntpdig -t 2 10.90.30.24; true"),
        (second + 20, f"{l}-sw", f"logger -n 10.90.30.20 -P 514 -d --rfc3164 -t rsp \"Hirschmann RSP20 rsp-line{n} link up port 1/3\""),
        # an alarm: the UPS runs on battery, and says so to the plant
        (second + 62, f"{l}-ups", "snmptrap -v2c -c public 10.90.30.22 \"\" 1.3.6.1.4.1.318.0.5 1.3.6.1.4.1.318.2.3.3.0 s \"UPS: On battery power in response to an input power problem.\"; "
                      f"logger -n 10.90.30.20 -P 514 -d --rfc3164 -t ups-line{n} \"UPS: On battery power.\""),
    ]


TIMELINE = [
    # the network, the plant, its servers
    (0.0, "power", "core"), (0.1, "power", "cloud"), (0.3, "power", "sw-plant"), (0.5, "power", "sw-off"), (0.6, "power", "ap"), (0.8, "power", "clock"),
    (1.0, "power", "dc"), (1.2, "power", "hist"), (3.0, "service", "dc-dnsmasq", "core-relay", "core-lldp", "sw-plant-lldp", "sw-plant-snmp"),
    (3.5, "service", "ap-lldp", "sw-off-lldp", "sw-off-snmp"), (5.0, "service", "dc-smb"),
    *[(1.5 + n * 0.2, "power", name) for n, name in enumerate(
        ("scada1", "scada2", "eng", "ahu", "chiller", "knx", "rtu104", "dnp3", "ied", "pm1", "pm2", "pm3", "solar", "opc", "cam-gate", "m340"))],
    (6.0, "service", "ahu", "chiller", "knx"), (7.0, "service", "opc", "ied-goose"),
    *boot("a", 4), *boot("b", 12),
    # the office arrives
    *[(18 + n * 1.0, "power", name) for n, name in enumerate(
        ("nas", "print1", "print2", "phone1", "phone2", "cast", "cam-lobby", "iot", "lap1", "lap2", "lap3", "scan", "rogue"))],
    *[(18.4 + n * 1.0, "service", name + "-dhcp") for n, name in enumerate(
        ("nas", "print1", "print2", "phone1", "phone2", "cast", "cam-lobby", "iot", "lap1", "lap2", "lap3", "scan", "rogue"))],
    (21.6, "service", "phone1-lldp"), (22.6, "service", "phone2-lldp", "phone2-sip"), (28, "service", "cast-mdns", "cast-ssdp"), (29, "service", "cam-lobby-ssdp"),
    (30, "service", "nas-avahi", "nas-smb"), (34, "service", "lap1-avahi", "lap2-llmnr"),
    # production
    *production("a", 1, 16), *production("b", 2, 20),
    (24, "a-hmi", PY + "slmp_station.py 192.168.1.24 60 1.5", 120), (26, "b-hmi", PY + "fins_station.py 192.168.1.24 24 11 60 1.5", 120),
    (18, "scada1", PY + "s7_station.py 10.90.30.11 90 1.2", 150), (19, "scada1", PY + "s7_station.py 10.90.30.12 90 1.2", 150),
    (20, "scada1", PY + "modbus_master.py 10.90.30.11 poll=90,1.2 write", 150), (21, "scada1", PY + "modbus_master.py 10.90.30.12 poll=90,1.2", 150),
    (22, "scada1", PY + "modbus_master.py 10.90.30.47 identify poll=90,1.2 write", 150),
    *[(23 + n, "scada1", PY + f"modbus_master.py 10.90.30.{41 + n} poll=90,1.2", 150) for n in range(3)],
    (26, "scada1", PY + "modbus_master.py 10.90.30.44 identify=3 poll=60,1.5,3", 150),
    (24, "scada2", PY + "bacnet_station.py 10.90.30.22/24 40", 150), (32, "scada2", PY + "knx_station.py 10.90.30.22", 40),
    (28, "scada2", PY + "dnp3_station.py 10.90.30.35 80", 120), (30, "scada2", PY + "iec104_station.py 10.90.30.34 80", 120),
    (36, "scada2", PY + "mms_station.py 10.90.30.36", 30), (38, "scada2", PY + "opcua_station.py 10.90.30.45", 110),
    (27, "scada1", "ntpdig -t 2 10.90.30.24; true"), (28, "scada2", "ntpdig -t 2 10.90.30.24; true"),
    (40, "iot", "for n in 1 2 3 4 5; do " + PUBLISH.format("shelly-em3-24ac40d0029", "shellies/em3-d0029/power", "183$n.2") + "sleep 9; done", 80),
    # an engineering session, and a query for firmware
    (44, "eng", PY + "s7_station.py 10.90.30.11 4"), (50, "eng", PY + "s7_station.py 10.90.30.12 4"),
    (54, "eng", PY + "modbus_master.py 10.90.30.11 identify; " + PY + "modbus_master.py 10.90.30.12 identify; true", 30),
    (60, "eng", "".join(f"{PY}modbus_master.py 10.90.30.{n} identify; " for n in (41, 42, 43)) + "true", 30),
    (66, "eng", "".join(SNMPGET.format(f"10.90.30.{n}") for n in (2, 20)) + SNMPGET.format("10.90.40.2")
        + "snmpwalk -v2c -c public -r 1 -t 2 10.90.30.20 1.3.6.1.2.1.2.2.1; true", 30),
    (74, "eng", "".join(SSH + f"admin@10.90.30.{n} true; " for n in (1, 3, 11, 12, 20)) + "true", 40),
    (84, "eng", CURL + "http://10.90.30.24/; " + CURL + "http://10.90.30.46/; " + CURL + "-u admin:LABSECRET-httpbasic http://10.90.30.46/config; true"),
    *[(70 + 4 * n, f"{l}-hmi", SNMPGET.format("192.168.1.2") + SNMPGET.format("192.168.1.22") + SNMPGET.format("192.168.1.23")
       + CURL + "http://192.168.1.22/; " + CURL + "http://192.168.1.20/; " + CURL + "http://192.168.1.11/; true", 30) for n, l in enumerate("ab")],
    *[(78 + 4 * n, f"{l}-ipc", PY + "dcp_station.py 192.168.1.21; " + CURL + "http://192.168.1.11/; true", 30) for n, l in enumerate("ab")],
    *[(86 + 2 * n, f"{l}-hmi", "@VENV@/enip_client -u --broadcast -a 192.168.1.255 --list-identity; true", 20) for n, l in enumerate("ab")],
    *[(90 + 3 * n, f"{l}-hmi", PY + "modbus_master.py 192.168.1.13 identify; " + PY + "modbus_master.py 192.168.1.14 identify; "
       + PY + "modbus_master.py 192.168.1.15 identify; " + PY + "modbus_master.py 192.168.1.16 identify=1 identify=2 identify=3; true", 40)
      for n, l in enumerate("ab")],
    # an office day
    (40, "lap1", PY + "ssdp_search.py 10.90.40.71; " + PY + "zeroconf_browse.py 10.90.40.71; true", 30),
    (46, "lap2", CURL + "http://10.90.40.51/; snmpget -v1 -c public -r 1 -t 2 10.90.40.51 " + SYSTEM + "; " + CURL + "http://10.90.40.52/; true"),
    (50, "lap1", CURL + "http://203.0.113.10/; " + CURL + "http://10.90.40.20/; " + CURL + "http://10.90.40.26:8008/setup/eureka_info; true"),
    (54, "lap3", "smbclient -N -L //10.90.40.10 -s @CONF@/smb-dc.conf -m SMB3; smbclient -N -L //10.90.40.28 -s @CONF@/smb-nas.conf -m SMB3; "
                 + CURL + "--tlsv1.3 https://10.90.40.28/; true", 30),
    (58, "lap1", "dig +short scada1.plant.example; dig +short historian.plant.example; dig +short -x 10.90.40.51; " + CURL + "http://10.90.40.22/ISAPI/System/deviceInfo; true"),
    (62, "phone1", "sipp -sn uac 10.90.40.62:5060 -i 10.90.40.61 -p 5060 -m 1 -r 1 -nostdin -d 3000", 30),
    (66, "lap2", "nbtscan 10.90.40.10-29; llmnr-query -c 1 -I eth0 -T A LT-WEBER; true", 20),
    (70, "lap3", CURL + "http://historian.plant.example/; true"),
    # the scanner goes to the hall, where DHCP through the relay gives it another address
    (48, "scan", "ping -c 2 10.90.40.10; true"), (76, "move", "scan", "plant"), (77, "service", "scan-dhcp-hall"),
    (84, "scan", CURL + "http://10.90.30.20/; ping -c 2 10.90.30.20; true"),
    # somebody plugs a small computer into line a
    (52, "rogue", "ping -c 1 10.90.40.1; true"), (96, "move", "rogue", "cell-a"),
    (97, "rogue", "ip addr add 192.168.1.200/24 brd + dev eth0; for n in $(seq 1 30); do ping -c 1 -W 1 -i 0.2 192.168.1.$n & sleep 0.2; done; wait", 30),
    (106, "rogue", "for n in 10 13 17 21 22 24; do for p in 22 80 102 502 44818 4840 5007; do nc -z -w 1 192.168.1.$n $p; done; done; true", 40),
    (116, "rogue", PY + "modbus_master.py 192.168.1.13 identify write; " + PY + "s7_station.py 192.168.1.10 12; true", 30),
    (132, "end"),
]

SCENARIO = {
    "plant": "two-cells", "own": SERVICES, "dark": True, "before": BOOTED, "ready": 25, "settle": 0, "timeline": TIMELINE,
    "outputs": [("two-cells.pcap", None, "vlan.id == 20 && modbus.func_code == 43")],
}
