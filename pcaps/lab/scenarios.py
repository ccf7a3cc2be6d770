"""What the lab's devices run, and what is recorded.

SERVICES   name: (device, command): a device's server, runs until the recording ends
SCENARIOS  name: services started before the steps (before, underway: even before the recording); steps (device, command[, seconds]) one after another, or a timeline
           with start-up; own: services of this scenario alone; outputs (file, tshark filter that cuts it or None for the whole, filter that proves it)
"""
import it
import ot_iot
import two_cells

PY = "@PY@ @DEVICES@/"
WEB = "lighttpd -D -f @CONF@/lighttpd-"
NGINX = "nginx -c @CONF@/nginx-"
LLDPD = "lldpd -d -I eth0 -O @CONF@/lldp-"
SSHD = "/usr/sbin/sshd -D -e -f /dev/null -o UsePAM=no -h @CERTS@/ssh-{0}-rsa -h @CERTS@/ssh-{0}-ecdsa -h @CERTS@/ssh-{0}-ed25519"
SNMPD = "env SNMP_PERSISTENT_DIR=@OUT@/snmp-{0} snmpd -f -Lo -C -c @CONF@/snmpd-{0}.conf -p /run/snmpd.pid"
UDHCPC = "udhcpc -f -i eth0 -t 4 -s @DEVICES@/dhcp-script.sh "
SSH = "ssh -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o ConnectTimeout=5 "
SMB = "mkdir -p @OUT@/samba-{0}; nmbd -F --no-process-group -s @CONF@/smb-{0}.conf & exec smbd -F --no-process-group -s @CONF@/smb-{0}.conf"


def bash(command):
    return f"bash -c '{command}'"


SERVICES = {
    # infrastructure
    "gw-radvd": ("gw", "radvd -n -m stderr -C @CONF@/radvd.conf -p /run/radvd.pid"),
    "gw-lldp": ("gw", LLDPD + "gw.conf"),
    "sw-lldp": ("sw", LLDPD + "sw.conf -ccccc -l"),
    "sw-snmp": ("sw", SNMPD.format("sw")),
    "sw-ssh": ("sw", SSHD.format("sw") + " -o VersionAddendum=none"),
    "srv-dnsmasq": ("srv", "dnsmasq -k -C @CONF@/dnsmasq.conf --log-facility=@OUT@/dnsmasq.log"),
    "srv-web": ("srv", NGINX + "srv.conf"),
    "srv-ssh": ("srv", SSHD.format("srv")),
    "srv-snmp": ("srv", SNMPD.format("srv")),
    "srv-smb": ("srv", bash(SMB.format("srv"))),
    # controllers
    "plc-mb": ("plc-mb", PY + "modbus_device.py m340"),
    "plc-s7": ("plc-s7", PY + "s7_device.py"),
    "plc-s7-lldp": ("plc-s7", LLDPD + "plc-s7.conf"),
    "plc-s7-dcp": ("plc-s7", PY + "dcp_device.py s7-300 plc-mixer 10.77.0.12 10.77.0.1"),
    "plc-ab": ("plc-ab", "@VENV@/enip_server --no-config -a 0.0.0.0:44818 SPEED=INT[10] RECIPE=DINT[4]"),
    "pnio-dcp": ("pnio", PY + "dcp_device.py et200sp et200sp-press 10.77.0.19 10.77.0.1"),
    "wago-web": ("wago", NGINX + "wago.conf"),
    "nport-modbus": ("nport", PY + "modbus_device.py mgate"),
    "nport-web": ("nport", NGINX + "nport.conf"),
    "nport-snmp": ("nport", SNMPD.format("nport")),
    "remote-modbus": ("remote", PY + "modbus_device.py pfc200"),
    "remote-ssh": ("remote", "dropbear -F -E -r @CERTS@/dropbear-remote -p 22 -P /run/dropbear.pid"),
    # office
    "eng-dhcp": ("eng", "dhclient -4 -d -sf @DEVICES@/dhcp-script.sh -cf @CONF@/dhclient.conf -lf @OUT@/eng.leases -pf /run/dhclient.pid eth0"),
    "cam-dhcp": ("cam", UDHCPC + "-x hostname:ipcam-gate"),
    "cam-web": ("cam", WEB + "cam.conf"),
    "cam-ssh": ("cam", "dropbear -F -E -r @CERTS@/dropbear-cam -p 22 -P /run/dropbear.pid"),
    "cam-ssdp": ("cam", PY + "ssdp_device.py camera 10.77.0.22"),
    "printer-dhcp": ("printer", UDHCPC + "-x hostname:BRN001BA90A0023 -V \"Mfg=Brother;Typ=Printer;Mod=HL-L6400DW series;Ser=U64240D0N123456\""),
    "printer-mdns": ("printer", PY + "zeroconf_device.py printer 10.77.0.23"),
    "printer-web": ("printer", WEB + "printer.conf"),
    "printer-snmp": ("printer", SNMPD.format("printer")),
    "printer-llmnr": ("printer", "llmnrd -i eth0 -H BRN001BA90A0023"),
    "phone-dhcp": ("phone", UDHCPC + "-x hostname:SIP-T46U -V yealink"),
    "phone-lldp": ("phone", LLDPD + "phone.conf -M 3"),
    "cast-dhcp": ("cast", UDHCPC + "-x hostname:Chromecast-Lobby -V dhcpcd-6.8.2:Linux-3.8.13+:armv7l:Marvell"),
    "cast-mdns": ("cast", PY + "zeroconf_device.py cast 10.77.0.26"),
    "cast-web": ("cast", NGINX + "cast.conf"),
    "cast-ssdp": ("cast", PY + "ssdp_device.py cast 10.77.0.26"),
    "nas-dhcp": ("nas", UDHCPC + "-x hostname:DS920-office -V \"synology_apollolake_ds920+\""),
    "nas-avahi": ("nas", "avahi-daemon -f @CONF@/avahi-nas.conf --no-chroot --no-drop-root"),
    "nas-web": ("nas", NGINX + "nas.conf"),
    "nas-ssh": ("nas", SSHD.format("nas")),
    "nas-smb": ("nas", bash(SMB.format("nas"))),
    "nas-ssdp": ("nas", PY + "ssdp_device.py nas 10.77.0.28"),
    "iot-dhcp": ("iot", UDHCPC + "-x hostname:shelly-em3-24ac40a0021 -V shelly"),
    "iot-mdns": ("iot", PY + "zeroconf_device.py meter 10.77.0.21"),
    "laptop-dhcp": ("laptop", "dhclient -4 -d -sf @DEVICES@/dhcp-script.sh -cf @CONF@/dhclient.conf -lf @OUT@/laptop.leases -pf /run/dhclient.pid eth0"),
    "laptop-avahi": ("laptop", "avahi-daemon -f @CONF@/avahi-laptop.conf --no-chroot --no-drop-root"),
    "laptop-llmnr": ("laptop", "llmnrd -i eth0 -H LT-MILLER"),
}

# the same servers on ports that are not theirs
SERVICES |= {
    "modbus-10502": ("plc-mb", PY + "modbus_device.py m340 10502"),
    "s7-10102": ("plc-s7", PY + "s7_device.py 10102"),
    "enip-52222": ("plc-ab", "@VENV@/enip_server --no-config -a 0.0.0.0:52222 SPEED=INT[10] RECIPE=DINT[4]"),
    "ssh-22022": ("srv", SSHD.format("srv") + " -p 22022"),
    "web-elsewhere": ("cam", NGINX + "elsewhere.conf"),
    # and servers on ports that belong to somebody else: web on omron, TLS on pnio, SSH on melsec, Modbus on rtu104
    "stranger-web": ("omron", NGINX + "stranger.conf"),
    "stranger-tls": ("pnio", NGINX + "stranger-tls.conf"),
    "stranger-ssh": ("melsec", SSHD.format("nas") + " -p 502 -p 80 -p 443 -p 102 -p 53 -p 44818"),
    "stranger-modbus": ("rtu104", bash("@PY@ @DEVICES@/modbus_device.py m340 443 & @PY@ @DEVICES@/modbus_device.py m340 80 & "
                                       "exec @PY@ @DEVICES@/modbus_device.py m340 102")),
    "stranger-dns": ("ied", "dnsmasq -k -p 161 --no-resolv --no-hosts --user=root -C /dev/null --host-record=plc1.plant.example,10.77.0.11"),
    "stranger-snmp": ("dnp3", "env SNMP_PERSISTENT_DIR=@OUT@/snmp-stranger snmpd -f -Lo -C -c @CONF@/snmpd-printer.conf -p /run/snmpd.pid udp:53"),
    "stranger-chatter": ("iot", bash("for p in 502 22 80 443 102 44818 53; do (while :; do printf \"READY v1\\r\\n\" | nc -N -l -p $p; done) & done; "
                                     "for p in 161 53 44818; do (while :; do printf \"pong 7\\r\\n\" | nc -u -W 1 -l -p $p; done) & done; wait")),
}

SERVICES |= {
    "opcua": ("wago", PY + "opcua_device.py wago 10.77.0.14 @CERTS@"),
    "bacnet": ("bacnet", PY + "bacnet_device.py delta 10.77.0.15/24"),
    "iec104": ("rtu104", PY + "iec104_device.py"),
    "mms": ("ied", PY + "mms_device.py"),
    "dnp3": ("dnp3", PY + "dnp3_device.py"),
    "fins": ("omron", PY + "fins_device.py"),
    "slmp": ("melsec", PY + "slmp_device.py"),
    "knx": ("iot", "knxd -e 1.1.250 -E 1.1.251:8 -n SchulteKNX -D -T -R -S --layer2=dummy:"),
    "coap": ("iot", PY + "coap_device.py"),
    "mqtt": ("srv", bash("touch @CONF@/mosquitto-users; mosquitto_passwd -b @CONF@/mosquitto-users meter01 LABSECRET-mqtt; "
                         "exec mosquitto -c @CONF@/mosquitto.conf")),
    "ntp": ("srv", "chronyd -d -x -u root -f @CONF@/chrony.conf"),
    "syslog": ("srv", "rsyslogd -n -f @CONF@/rsyslog.conf -i /run/rsyslogd.pid"),
    "radius": ("srv", bash("rm -rf @CONF@/raddb; cp -a /etc/freeradius/3.0 @CONF@/raddb; cp @CONF@/radius-clients.conf @CONF@/raddb/clients.conf; "
                           "cp @CONF@/radius-users @CONF@/raddb/mods-config/files/authorize; "
                           "cp @CERTS@/historian.key @CERTS@/historian-chain.crt @CERTS@/root.crt @CONF@/raddb/certs; "
                           "sed -i -e \"s|private_key_file = .*|private_key_file = @CONF@/raddb/certs/historian.key|\" "
                           "-e \"s|certificate_file = /etc.*|certificate_file = @CONF@/raddb/certs/historian-chain.crt|\" "
                           "-e \"s|ca_file = .*|ca_file = @CONF@/raddb/certs/root.crt|\" @CONF@/raddb/mods-available/eap; "
                           "chmod -R a+rX @CONF@/raddb; "
                           "mkdir -p /run/freeradius; chmod 777 /run/freeradius; exec freeradius -f -X -d @CONF@/raddb")),
    "eapol-md5": ("switch", "hostapd @CONF@/hostapd-md5.conf"),
    "eapol-tls": ("switch", "hostapd @CONF@/hostapd-tls.conf"),
    "ftp": ("srv", bash("chmod 555 @OUT@/ftp; exec /usr/sbin/vsftpd @CONF@/vsftpd.conf")),
    "telnet": ("melsec", PY + "telnet_listener.py"),
    "sip": ("phone", "sipp -sn uas -i 10.77.0.27 -p 5060 -nostdin"),
    "ipmi": ("srv", "ipmi_sim -n -c @CONF@/ipmi-lan.conf -f @CONF@/ipmi.emu -s @OUT@/ipmi"),
}

for more in (ot_iot.SERVICES, it.SERVICES):
    # Of two services of one name the first would be lost without a word.
    assert not SERVICES.keys() & more.keys(), f"services that stand twice: {SERVICES.keys() & more.keys()}"
    SERVICES |= more

CURL = "curl -sk -m 6 -o /dev/null "
V2C = "snmpget -v2c -c {} -r 1 -t 2 {} 1.3.6.1.2.1.1.1.0 1.3.6.1.2.1.1.2.0 1.3.6.1.2.1.1.3.0 1.3.6.1.2.1.1.5.0 1.3.6.1.2.1.1.6.0"
V1 = V2C.replace("-v2c", "-v1")
V3 = ("snmpget -v3 -u labuser3 -l authPriv -a SHA -A LABSECRET-authpass -x AES -X LABSECRET-privpass -r 1 -t 2 {} "
      "1.3.6.1.2.1.1.1.0 1.3.6.1.2.1.1.5.0")
DHCP6 = ("timeout 8 dhclient -6 -1 -d -D LL -sf @DEVICES@/dhcp-script.sh -cf @CONF@/dhclient.conf "
         "-lf @OUT@/{0}.leases6 -pf /run/dhclient6.pid eth0")

PLANT_AND_OFFICE = [
    # the network itself comes up
    (0.0, "power", "gw"), (0.2, "service", "gw-lldp", "gw-radvd"),
    (0.5, "power", "srv"), (2.5, "service", "srv-dnsmasq", "srv-web", "srv-ssh", "srv-snmp", "srv-smb", "ntp", "mqtt"),
    (1.0, "power", "sw"), (1.2, "service", "sw-lldp", "sw-snmp", "sw-ssh"),
    # the plant starts
    (3.0, "power", "plc-mb"), (3.2, "service", "plc-mb"),
    (3.5, "power", "plc-s7"), (3.7, "service", "plc-s7", "plc-s7-dcp", "plc-s7-lldp"),
    (4.0, "power", "plc-ab"), (4.2, "service", "plc-ab"),
    (4.5, "power", "pnio"), (4.7, "service", "pnio-dcp"),
    (5.0, "power", "wago"), (5.2, "service", "wago-web"),
    (5.5, "power", "nport"), (5.7, "service", "nport-modbus", "nport-web", "nport-snmp"),
    (5.8, "power", "remote"), (6.0, "service", "remote-modbus", "remote-ssh"),
    (7.0, "power", "hmi"),
    # the office arrives
    (8.0, "power", "eng"), (8.5, "service", "eng-dhcp"),
    (9.0, "power", "cam"), (9.5, "service", "cam-dhcp", "cam-web", "cam-ssh"), (13.5, "service", "cam-ssdp"),
    (10.0, "power", "printer"), (10.6, "service", "printer-dhcp", "printer-web", "printer-snmp"),
    (14.5, "service", "printer-mdns", "printer-llmnr"),
    (11.0, "power", "phone"), (11.3, "service", "phone-lldp", "phone-dhcp"),
    (12.0, "power", "cast"), (12.4, "service", "cast-dhcp", "cast-web"), (16.5, "service", "cast-mdns", "cast-ssdp"),
    (13.0, "power", "nas"), (13.6, "service", "nas-dhcp", "nas-web", "nas-ssh"), (17.5, "service", "nas-avahi", "nas-smb", "nas-ssdp"),
    (15.0, "power", "iot"), (15.4, "service", "iot-dhcp"), (19.5, "service", "iot-mdns"),
    (22.0, "power", "laptop"), (22.6, "service", "laptop-dhcp"), (26.0, "service", "laptop-llmnr", "laptop-avahi"),
    # production: the HMI polls all day, an operator changes set points now and then
    (11.0, "hmi", PY + "modbus_master.py 10.77.0.11 identify poll=120,0.2 write poll=180,0.2 write poll=60,0.2", 120),
    (12.5, "hmi", PY + "modbus_master.py 10.77.0.29 identify=1 identify=2 identify=3 identify=4 identify=5 poll=60,1,1,2,3,4,5 write=3", 120),
    (14.0, "hmi", PY + "modbus_master.py 10.78.0.30 identify poll=70,1", 120),
    (15.0, "hmi", PY + "enip_station.py 10.77.0.13 50 1", 120),
    (16.5, "hmi", PY + "s7_station.py 10.77.0.12 60 1", 120),
    (26.0, "hmi", "ntpdig -t 2 10.77.0.20; true"), (27.0, "cam", "ntpdig -t 2 10.77.0.20; true"),
    (30.0, "iot", "for n in 1 2 3 4 5 6; do mosquitto_pub -h 10.77.0.20 -i shelly-em3-24ac40a0021 -u meter01 -P LABSECRET-mqtt "
                  "-t shellies/em3-a0021/power -m 183$n.2; sleep 5; done", 60),
    # engineering
    (20.0, "eng", PY + "dcp_station.py 10.77.0.6", 20),
    (24.0, "eng", PY + "s7_station.py s7-315-mixer.plant.example 4", 20),
    (28.0, "eng", "@VENV@/enip_client -u --broadcast -a 10.77.0.255 --list-identity; @VENV@/enip_client -u -a 10.77.0.13 --list-identity; "
                  "@VENV@/enip_client -a 10.77.0.13 --list-identity --list-services --list-interfaces", 20),
    (34.0, "eng", V2C.format("public", "sw-cell3.plant.example") + "; " + V3.format("10.77.0.2") + "; " + V3.format("10.77.0.20") + "; "
                  + V2C.format("LABSECRET-community", "10.77.0.29"), 20),
    (38.0, "eng", SSH + "admin@sw-cell3.plant.example true; " + SSH + "root@historian.plant.example true; " + SSH + "root@10.78.0.30 true; true", 20),
    (42.0, "eng", CURL + "--tls-max 1.2 --ciphers DEFAULT@SECLEVEL=0 https://mgate-line4.plant.example/; " + CURL + "--tls-max 1.2 https://10.77.0.23/; "
                  + CURL + "-u admin:LABSECRET-httpbasic http://10.77.0.22/ISAPI/System/deviceInfo", 20),
    # the HMI reports to the historian and to the edge gateway
    (32.0, "hmi", CURL + "--cacert @CERTS@/root.crt https://historian.plant.example/; "
                  + CURL + "-6 http://historian.plant.example/; "
                  + CURL + "--cert @CERTS@/hmi-chain.crt --key @CERTS@/hmi.key https://pfc200-edge.plant.example/", 20),
    (52.0, "hmi", CURL + "--cert @CERTS@/hmi-chain.crt --key @CERTS@/hmi.key https://pfc200-edge.plant.example/; nbtscan -r 10.77.0.20-28", 20),
    # an office day
    (30.0, "laptop", DHCP6.format("laptop") + "; true", 20),
    (40.0, "laptop", PY + "ssdp_search.py 10.77.0.40", 20),
    (41.0, "laptop", PY + "zeroconf_browse.py 10.77.0.40", 20),
    (47.0, "laptop", "llmnr-query -c 2 -I eth0 -T A BRN001BA90A0023; llmnr-query -c 2 -I eth0 -T AAAA BRN001BA90A0023; llmnr-query -c 1 -I eth0 NOSUCHHOST; true", 20),
    (51.0, "laptop", CURL + "http://brn001ba90a0023.plant.example/; " + V1.format("public", "10.77.0.23") + "; "
                     + CURL + "http://ds920-office.plant.example:5000/; " + CURL + "-u admin:LABSECRET-httpbasic http://10.77.0.28:5000/admin; "
                     + CURL + "--tlsv1.3 https://ds920-office.plant.example:5001/", 20),
    (56.0, "laptop", CURL + "http://10.77.0.26:8008/setup/eureka_info; " + CURL + "--tlsv1.3 https://10.77.0.26:8009/; "
                     + CURL + "--tls-max 1.2 https://10.77.0.22/; " + CURL + "http://10.77.0.22/ISAPI/System/deviceInfo; " + CURL + "http://www.plant.example/", 20),
    (61.0, "laptop", "dig +short -x 10.77.0.12; dig +short -x 10.77.0.23; dig +short -x 10.78.0.30; dig +short AAAA historian.plant.example; "
                     "dig +short no-such-host.plant.example; dig +short TXT version.bind CH; ping -c 2 10.77.0.28; ping -c 2 fd00:77::20; true", 20),
    (65.0, "laptop", SSH + "admin@ds920-office.plant.example true; " + SSH + "root@10.77.0.22 true; "
                     "smbclient -N -L //10.77.0.28 -s @CONF@/smb-nas.conf -m SMB3; true", 20),
    (72.0, "laptop", "nbtscan 10.77.0.20-28; true", 20),
    (88.0, "end"),
]

SCENARIOS = {
    "two-cells": two_cells.SCENARIO,
    "plant-and-office": {
        "dark": True, "settle": 0, "timeline": PLANT_AND_OFFICE,
        "outputs": [
            ("plant-and-office.pcap", None, "modbus.func_code == 43"),
            ("arp/plant-start-up.pcap", "arp", "arp.isgratuitous == 1"),
            ("icmpv6/neighbours-and-router.pcap", "icmpv6", "icmpv6.type == 134 || icmpv6.type == 136"),
            ("lldp/switch-controller-phone.pcap", "lldp", "lldp.tlv.system.desc"),
            ("cdp/switch.pcap", "cdp", "cdp.platform"),
            ("stp/switch.pcap", "stp", "stp.root.hw"),
            ("dhcp/six-kinds-of-client.pcap", "dhcp", "dhcp.option.vendor_class_id"),
            ("dhcpv6/dhclient-and-dnsmasq.pcap", "dhcpv6", "dhcpv6.duid.bytes"),
            ("dns/a-aaaa-ptr.pcap", "dns && !mdns && !llmnr && !nbns", "dns.resp.type == 12"),
            ("mdns/printer-cast-meter-nas.pcap", "mdns", "dns.txt"),
            ("ssdp/notify-search-description.pcap", "ssdp || (ip.addr == 10.77.0.40 && (tcp.port in {8008, 5000} || (ip.addr == 10.77.0.22 && tcp.port == 80)))", "xml.tag"),
            ("llmnr/printer.pcap", "llmnr", "llmnr && dns.a"),
            ("nbns/historian-and-nas.pcap", "nbns", "nbns.flags.response == 1"),
        ],
    },

    # one protocol each
    "snmp": {
        "services": ["sw-snmp", "printer-snmp", "nport-snmp", "srv-snmp"], "settle": 3,
        "steps": [("eng", V1.format("public", "10.77.0.23")), ("eng", V2C.format("public", "10.77.0.2")),
                  ("eng", V2C.format("LABSECRET-community", "10.77.0.29")), ("eng", V3.format("10.77.0.2")), ("eng", V3.format("10.77.0.20")),
                  ("eng", "snmpwalk -v2c -c public 10.77.0.2 1.3.6.1.2.1.1"), ("eng", "snmpget -v2c -c wrong -r 0 -t 1 10.77.0.2 1.3.6.1.2.1.1.1.0; true")],
        "outputs": [("snmp/v1-v2c-v3.pcap", "snmp", "snmp.msgAuthoritativeEngineID")],
    },
    "ssh": {
        "services": ["sw-ssh", "srv-ssh", "cam-ssh", "remote-ssh"],
        "steps": [("eng", SSH + host + " true; true") for host in ("admin@10.77.0.2", "root@10.77.0.20", "root@10.77.0.22", "root@10.78.0.30")]
                 + [("eng", "ssh-keyscan -T 4 10.77.0.20")],
        "outputs": [("ssh/openssh-and-dropbear.pcap", "tcp.port == 22", "ssh.message_code == 31")],
    },
    "tls": {
        "services": ["srv-web", "wago-web", "nport-web", "nas-web", "cam-web", "printer-web"],
        "steps": [("hmi", CURL + "--cacert @CERTS@/root.crt --resolve historian.plant.example:443:10.77.0.20 https://historian.plant.example/"),
                  ("hmi", CURL + "--cert @CERTS@/hmi-chain.crt --key @CERTS@/hmi.key https://10.77.0.14/"),
                  ("eng", CURL + "--tlsv1.3 --resolve ds920-office.plant.example:5001:10.77.0.28 https://ds920-office.plant.example:5001/"),
                  ("eng", CURL + "--tls-max 1.2 https://10.77.0.22/"), ("eng", CURL + "--tls-max 1.2 https://10.77.0.23/"),
                  ("eng", "echo | openssl s_client -connect 10.77.0.29:443 -tls1 -cipher ALL:@SECLEVEL=0; true"),
                  ("eng", "echo | openssl s_client -connect 10.77.0.20:443 -tls1_1; true")],
        "outputs": [("tls/tls12-chain-of-two.pcap", "tcp.port == 443 && ip.addr == 10.77.0.20 && ip.addr == 10.77.0.5", "tls.handshake.certificate"),
                    ("tls/tls12-mutual.pcap", "tcp.port == 443 && ip.addr == 10.77.0.14", "tls.handshake.type == 13"),
                    ("tls/tls13.pcap", "tcp.port == 5001", "tls.handshake.extensions.supported_version == 0x0304 && tls.handshake.type == 2"),
                    ("tls/self-signed.pcap", "tcp.port == 443 && ip.addr == 10.77.0.22", "tls.handshake.certificate"),
                    ("tls/expired.pcap", "tcp.port == 443 && ip.addr == 10.77.0.23", "tls.handshake.certificate"),
                    ("tls/tls10-rsa1024-sha1.pcap", "tcp.port == 443 && ip.addr == 10.77.0.29", "tls.handshake.version == 0x0301 && tls.handshake.certificate"),
                    ("tls/refused-version.pcap", "tcp.port == 443 && ip.addr == 10.77.0.20 && ip.addr == 10.77.0.6", "tls.alert_message")],
    },
    "http": {
        "services": ["srv-web", "nas-web", "cam-web", "printer-web", "cast-web", "nport-web"],
        "steps": [("laptop", CURL + url) for url in (
            "http://10.77.0.20/", "http://10.77.0.28:5000/", "http://10.77.0.22/", "http://10.77.0.22/ISAPI/System/deviceInfo",
            "-u admin:LABSECRET-httpbasic http://10.77.0.22/ISAPI/System/deviceInfo", "http://10.77.0.23/", "http://10.77.0.29/",
            "http://10.77.0.28:5000/admin", "-u admin:LABSECRET-httpbasic http://10.77.0.28:5000/admin",
            "http://10.77.0.26:8008/setup/eureka_info", "-d username=operator -d password=LABSECRET-form http://10.77.0.20/login",
            "-b session=LABSECRET-cookie http://10.77.0.20/?token=LABSECRET-urltoken", "-I http://10.77.0.20/nowhere")],
        "outputs": [("http/servers-and-realms.pcap", "tcp.port in {80, 5000, 8008}", "http.www_authenticate contains \"realm\"")],
    },
    "modbus": {
        "services": ["plc-mb", "nport-modbus", "remote-modbus"],
        "steps": [("hmi", PY + "modbus_master.py 10.77.0.11 identify poll=20,0.05 write"),
                  ("hmi", PY + "modbus_master.py 10.77.0.29 identify=1 identify=2 identify=3 identify=4 identify=5 poll=25,0.05,1,2,3,4,5,9 write=3", 60),
                  ("hmi", PY + "modbus_master.py 10.78.0.30 identify poll=10,0.05"),
                  ("hmi", PY + "modbus_master.py 10.77.0.11 poll=300,0.02", 60)],
        "outputs": [("modbus/device-identification.pcap", "tcp.port == 502 && ip.addr == 10.77.0.11 && tcp.stream == 0", "modbus.object_str_value"),
                    ("modbus/gateway-five-units.pcap", "tcp.port == 502 && ip.addr == 10.77.0.29", "mbtcp.unit_id == 5 && modbus.func_code == 3"),
                    ("modbus/through-a-router.pcap", "tcp.port == 502 && ip.addr == 10.78.0.30", "modbus.object_str_value"),
                    ("modbus/three-hundred-polls.pcap", "tcp.port == 502 && tcp.stream == 3", "modbus.func_code == 3")],
    },
    "modbus-picked-up": {
        "before": ["plc-mb"], "underway": [("hmi", PY + "modbus_master.py 10.77.0.11 poll=70,0.1 identify set poll=5,0.1")], "settle": 8,
        "outputs": [("modbus/picked-up-in-the-middle.pcap", "tcp.port == 502", "modbus.func_code == 43 || modbus.func_code == 6")],
    },
    "s7comm": {
        "services": ["plc-s7"],
        "steps": [("eng", PY + "s7_station.py 10.77.0.12 12")],
        "outputs": [("s7comm/szl-and-data-blocks.pcap", "tcp.port == 102", "s7comm.data.userdata.szl_id == 0x001c")],
    },
    "enip": {
        "services": ["plc-ab"], "settle": 4,
        "steps": [("eng", "@VENV@/enip_client -u -a 10.77.0.13 --list-identity"),
                  ("eng", "@VENV@/enip_client -a 10.77.0.13 --list-identity --list-services --list-interfaces"),
                  ("eng", "@PY@ -c \"from pycomm3 import CIPDriver; print(CIPDriver.list_identity('10.77.0.13'))\""),
                  ("eng", PY + "enip_station.py 10.77.0.13 10 0.05")],
        "outputs": [("enip/list-identity-and-objects.pcap", "enip || tcp.port == 44818", "enip.lir.name")],
    },
    "pn_dcp": {
        "services": ["plc-s7-dcp", "pnio-dcp"],
        "steps": [("eng", PY + "dcp_station.py 10.77.0.6")],
        "outputs": [("pn_dcp/identify-all.pcap", "pn_dcp", "pn_dcp.suboption_device_nameofstation")],
    },
    "unusual-ports": {
        "services": ["modbus-10502", "s7-10102", "enip-52222", "ssh-22022", "web-elsewhere"], "settle": 4,
        "steps": [("hmi", PY + "modbus_master.py 10.77.0.11:10502 identify poll=12,0.05 write"),
                  ("hmi", PY + "s7_station.py 10.77.0.12:10102 6"), ("hmi", PY + "enip_station.py 10.77.0.13:52222 5"),
                  ("hmi", "@VENV@/enip_client -a 10.77.0.13:52222 --list-identity"),
                  ("eng", SSH + "-p 22022 root@10.77.0.20 true; true"), ("eng", CURL + "http://10.77.0.22:4711/ http://10.77.0.22:4711/private"),
                  ("eng", CURL + "--tls-max 1.2 https://10.77.0.22:4712/; " + CURL + "--tlsv1.3 https://10.77.0.22:4712/")],
        "decode": ["tcp.port==10502,mbtcp", "tcp.port==10102,tpkt", "tcp.port==52222,enip", "tcp.port==22022,ssh", "tcp.port==4711,http", "tcp.port==4712,tls"],
        "outputs": [("modbus/unusual-port.pcap", "tcp.port == 10502", "tcp.payload contains \"BMXP342020\""),
                    ("s7comm/unusual-port.pcap", "tcp.port == 10102", "s7comm.data.userdata.szl_id"),
                    ("enip/unusual-port.pcap", "tcp.port == 52222", "enip.lir.name"),
                    ("ssh/unusual-port.pcap", "tcp.port == 22022", "ssh.protocol"),
                    ("http/unusual-port.pcap", "tcp.port == 4711", "http.server"),
                    ("tls/unusual-port.pcap", "tcp.port == 4712", "tls.handshake.certificate")],
    },
    "strangers": {
        "services": ["stranger-web", "stranger-tls", "stranger-ssh", "stranger-modbus", "stranger-dns", "stranger-snmp", "stranger-chatter"], "settle": 4,
        "steps": [("eng", "; ".join(CURL + f"http://10.77.0.24:{p}/" for p in (502, 22, 102, 443, 44818, 53))),
                  ("eng", "; ".join(CURL + f"https://10.77.0.19:{p}/" for p in (502, 22, 80, 102, 44818, 53))),
                  ("eng", "; ".join(SSH + f"-p {p} admin@10.77.0.25 true" for p in (502, 80, 443, 102, 53, 44818)) + "; true"),
                  ("hmi", "; ".join(PY + f"modbus_master.py 10.77.0.16:{p} identify poll=4,0.05" for p in (443, 80, 102)), 30),
                  ("hmi", "for p in 502 22 80 443 102 44818 53; do printf 'HELLO line4\r\n' | nc -w 1 10.77.0.21 $p; done", 30),
                  ("hmi", "for p in 161 53 44818; do printf 'ping 7\r\n' | nc -u -w 1 10.77.0.21 $p; done; true", 30),
                  ("eng", "dig +time=1 +tries=1 -p 161 @10.77.0.17 plc1.plant.example; dig +time=1 +tries=1 -p 161 @10.77.0.17 -x 10.77.0.11; true"),
                  ("eng", V2C.format("public", "udp:10.77.0.18:53"))],
        "outputs": [(f"{name}/stranger-on-port.pcap", keep, proof) for name, keep, proof in (
            ("modbus", "tcp.port == 502", "tcp.payload contains \"SSH-2.0\""), ("tls", "tcp.port == 443", "tcp.payload contains \"HTTP/1.1\""),
            ("ssh", "tcp.port == 22", "tcp.payload contains \"HTTP/1.1\""), ("http", "tcp.port == 80", "tcp.payload contains \"SSH-2.0\""),
            ("s7comm", "tcp.port == 102", "tcp.payload contains \"HTTP/1.1\""), ("enip", "tcp.port == 44818 || udp.port == 44818", "tcp.payload contains \"READY\""),
            ("snmp", "udp.port == 161", "udp.payload contains \"plant\""), ("dns", "(tcp.port == 53 || udp.port == 53) && !icmp", "udp.payload contains \"public\""))],
    },

    # more of the plant
    "opcua": {
        "services": ["opcua"], "settle": 6, "steps": [("hmi", PY + "opcua_station.py 10.77.0.14 @CERTS@", 30)],
        "outputs": [("opcua/endpoints-build-info-secure.pcap", "tcp.port == 4840", "opcua.servicenodeid.numeric == 431")],
    },
    "bacnet": {
        "services": ["bacnet"], "settle": 4, "steps": [("hmi", PY + "bacnet_station.py 10.77.0.5/24", 30)],
        "outputs": [("bacnet/who-is-and-device-object.pcap", "udp.port == 47808", "bacapp.unconfirmed_service == 0")],
    },
    "dnp3": {
        "services": ["dnp3"], "settle": 3, "steps": [("hmi", PY + "dnp3_station.py 10.77.0.18", 20)],
        "outputs": [("dnp3/integrity-poll.pcap", "tcp.port == 20000", "dnp3.al.func == 129")],
    },
    "iec104": {
        "services": ["iec104"], "settle": 2, "steps": [("hmi", PY + "iec104_station.py 10.77.0.16", 20)],
        "outputs": [("iec60870_104/interrogation-and-command.pcap", "tcp.port == 2404", "iec60870_asdu.typeid == 100")],
    },
    "mms-goose": {
        "services": ["mms"], "settle": 6, "steps": [("hmi", PY + "mms_station.py 10.77.0.17"), ("ied", PY + "goose_publisher.py")],
        "outputs": [("mms/identify.pcap", "tcp.port == 102", "mms.vendorName"), ("goose/trip.pcap", "goose", "goose.gocbRef")],
    },
    "fins-slmp": {
        "services": ["fins", "slmp"], "settle": 2, "steps": [("hmi", PY + "fins_station.py 10.77.0.24 24 5"), ("hmi", PY + "slmp_station.py 10.77.0.25")],
        "decode": ["udp.port==9600,omron"],
        "outputs": [("omron-fins/controller-data.pcap", "udp.port == 9600", "udp.payload contains \"CJ2M-CPU33\""),
                    ("slmp/cpu-type.pcap", "tcp.port == 5007", "tcp.payload contains \"Q03UDECPU\"")],
    },
    "knx-coap": {
        "services": ["knx", "coap"], "settle": 4,
        "steps": [("hmi", PY + "knx_station.py 10.77.0.5"), ("hmi", "@VENV@/aiocoap-client coap://10.77.0.21/.well-known/core; @VENV@/aiocoap-client coap://10.77.0.21/dev/info")],
        "outputs": [("knxip/search-and-tunnel.pcap", "kip", "udp.payload contains \"SchulteKNX\""), ("coap/core-and-device-info.pcap", "coap", "coap.code == 69")],
    },
    # more of the office and of the network itself
    "mqtt": {
        "services": ["mqtt"], "settle": 2,
        "steps": [("iot", "mosquitto_sub -h 10.77.0.20 -i line3-display -u meter01 -P LABSECRET-mqtt -t \"shellies/#\" -C 2 -W 8 & sleep 1; "
                          "mosquitto_pub -h 10.77.0.20 -i shelly-em3-24ac40a0021 -u meter01 -P LABSECRET-mqtt -t shellies/em3-a0021/info -m \"{\\\"fw\\\":\\\"1.14.0\\\"}\" -r; "
                          "mosquitto_pub -V mqttv5 -h 10.77.0.20 -i shelly-em3-24ac40a0021 -u meter01 -P LABSECRET-mqtt -t shellies/em3-a0021/power -m 1834.2; "
                          "mosquitto_pub -h 10.77.0.20 -u meter01 -P wrong -t x -m y; wait")],
        "outputs": [("mqtt/connect-publish.pcap", "tcp.port == 1883", "mqtt.clientid")],
    },
    "ntp-syslog": {
        "services": ["ntp", "syslog"], "settle": 3,
        "steps": [("hmi", "ntpdig -t 2 10.77.0.20; true"), ("plc-mb", "ntpdig -t 2 10.77.0.20; true"),
                  ("plc-mb", "logger -n 10.77.0.20 -P 514 -d -t BMXP342020 \"PLC BMX P34 2020 firmware 2.70 boot\"; logger -n 10.77.0.20 -P 514 -d --rfc3164 -t BMXP342020 \"application started\""),
                  ("cam", "logger -n 10.77.0.20 -P 514 -d --rfc3164 -t hikvision \"DS-2CD2143G0-I V5.6.3 motion on channel 1\"")],
        "outputs": [("ntp/clients.pcap", "ntp", "ntp.flags.mode == 4"), ("syslog/controller-and-camera.pcap", "syslog", "syslog.msg")],
    },
    "radius": {
        "services": ["radius"], "settle": 5,
        "steps": [("sw", "echo \"User-Name=meter21,User-Password=LABSECRET-raduser,Calling-Station-Id=24-0A-C4-0A-00-21,Called-Station-Id=00-1B-0D-0A-00-02,"
                         "NAS-Identifier=sw-cell3,NAS-IP-Address=10.77.0.2,NAS-Port-Type=Ethernet,NAS-Port-Id=Fa1/3\" | radclient -t 2 -r 1 10.77.0.20:1812 auth LABSECRET-radius; "
                         "echo \"User-Name=meter21,User-Password=wrong,Calling-Station-Id=24-0A-C4-0A-00-21,NAS-Identifier=sw-cell3\" | radclient -t 3 -r 1 10.77.0.20:1812 auth LABSECRET-radius; "
                         "echo \"User-Name=meter21,Acct-Status-Type=Start,Acct-Session-Id=a1,Framed-IP-Address=10.77.0.21,Calling-Station-Id=24-0A-C4-0A-00-21,NAS-Identifier=sw-cell3\" | radclient -t 2 -r 1 10.77.0.20:1813 acct LABSECRET-radius; true")],
        "outputs": [("radius/access-and-accounting.pcap", "radius", "radius.Calling_Station_Id")],
    },
    "radius-eap": {
        "services": ["radius"], "settle": 5,
        "steps": [("hmi", "ping -c 1 10.77.0.20"),
                  ("sw", "eapol_test -c @CONF@/wpa-tls.conf -a 10.77.0.20 -s LABSECRET-radius -M 00:0c:29:0a:00:05 -N 32:s:sw-cell3 -t 8; true")],
        "outputs": [("radius/eap-tls.pcap", "ip || arp", "eap.type")],
    },
    "eapol": {
        "services": ["eapol-md5", "eapol-tls"], "settle": 2,
        "steps": [("iot", "timeout 6 wpa_supplicant -D wired -i eth0 -c @CONF@/wpa-md5.conf; true"), ("hmi", "timeout 6 wpa_supplicant -D wired -i eth0 -c @CONF@/wpa-tls.conf; true")],
        "outputs": [("eapol/md5-and-tls.pcap", "eapol", "eap.identity")],
    },
    "smb": {
        "services": ["srv-smb", "nas-smb"], "settle": 5,
        "steps": [("laptop", "smbclient -N -L //10.77.0.20 -s @CONF@/smb-srv.conf -m SMB3"), ("laptop", "smbclient -N -L //10.77.0.28 -s @CONF@/smb-nas.conf -m NT1"),
                  ("laptop", "smbclient -U miller%LABSECRET-smb //10.77.0.20/public -s @CONF@/smb-srv.conf -m SMB3 -c ls; true")],
        "outputs": [("smb/smb1-and-smb3.pcap", "tcp.port in {139, 445} || udp.port == 138", "ntlmssp.challenge.target_name")],
    },
    "ftp-telnet": {
        "services": ["ftp", "telnet"], "settle": 2,
        "steps": [("eng", "printf \"user anonymous x@example\\nsyst\\nquit\\n\" | ftp -inv 10.77.0.20"),
                  ("eng", "printf \"user admin LABSECRET-ftp\\nquit\\n\" | ftp -inv 10.77.0.20"),
                  ("eng", "(sleep 2; echo admin; sleep 2; echo LABSECRET-telnet; sleep 3) | telnet 10.77.0.25; true")],
        "outputs": [("ftp/banner-and-logins.pcap", "tcp.port == 21", "ftp.response.code == 220"), ("telnet/login.pcap", "tcp.port == 23", "telnet.data contains \"login\"")],
    },
    "sip": {
        "services": ["sip"], "settle": 2,
        "steps": [("srv", "sipp -sn uac 10.77.0.27:5060 -i 10.77.0.20 -p 5060 -m 2 -r 2 -nostdin -d 200")],
        "outputs": [("sip/two-calls.pcap", "sip", "sip.Method == \"INVITE\"")],
    },
    "ipmi": {
        "services": ["ipmi"], "settle": 3,
        "steps": [("hmi", "ipmitool -I lanplus -C 3 -H 10.77.0.20 -U labadmin -P LABSECRET-ipmi mc info; ipmitool -I lan -H 10.77.0.20 -U labadmin -P LABSECRET-ipmi mc info; true", 30)],
        "outputs": [("ipmi/device-id.pcap", "udp.port == 623", "rmcp")],
    },
}
SCENARIOS |= ot_iot.SCENARIOS | it.SCENARIOS
