"""Scenarios of the office, of servers and of networks' own protocols, on the plant plants/plant-and-office.tsv. The form is scenarios.py's."""
PY = "@PY@ @DEVICES@/"
SH = "@DEVICES@/"
PG = "/usr/lib/postgresql/15/bin/"
KRB = "export KRB5_CONFIG=@CONF@/krb5.conf KRB5_KDC_PROFILE=@CONF@/kdc.conf KRB5CCNAME=FILE:/run/cache; "


def bash(command):
    return f"bash -c '{command}'"


SERVICES = {
    "frr-gw": ("gw", SH + "routing_daemons.sh @CONF@/frr-gw.conf ospfd isisd ripd eigrpd bgpd bfdd pimd"),
    "frr-wago": ("wago", SH + "routing_daemons.sh @CONF@/frr-wago.conf ospfd isisd ripd eigrpd bgpd bfdd pimd"),
    "vrrp-gw": ("gw", "keepalived -n -l -P -f @CONF@/keepalived-gw.conf -p /run/keepalived.pid -r /run/vrrp.pid"),
    "vrrp-wago": ("wago", "keepalived -n -l -P -f @CONF@/keepalived-wago.conf -p /run/keepalived.pid -r /run/vrrp.pid"),
    "smtp": ("srv", PY + "mail_server.py 25 @CERTS@/historian"),
    "submission": ("srv", PY + "mail_server.py 587 @CERTS@/historian"),
    "imap-pop": ("srv", bash("mkdir -p /run/mail; chmod 777 /run/mail; exec dovecot -F -c @CONF@/dovecot.conf")),
    "ldap": ("srv", bash("mkdir -p @OUT@/ldap; slapadd -f @CONF@/slapd.conf -l @CONF@/plant.ldif; exec slapd -d 0 -f @CONF@/slapd.conf -h ldap://0.0.0.0")),
    "kdc": ("srv", bash(KRB + "mkdir -p @OUT@/kdc; kdb5_util create -s -P LABSECRET-kdc; kadmin.local -q \"addprinc +requires_preauth -pw LABSECRET-krb miller\"; "
                        "kadmin.local -q \"addprinc -randkey host/historian.plant.example\"; exec krb5kdc -n")),
    "mysql": ("srv", bash("mariadb-install-db --datadir=@OUT@/mysql --user=mysql --auth-root-authentication-method=normal; "
                          "exec mariadbd --no-defaults --datadir=@OUT@/mysql --user=mysql --socket=/run/mysqld.sock --pid-file=/run/mysqld.pid --bind-address=0.0.0.0 --init-file=@CONF@/mysql.sql")),
    "pgsql": ("srv", bash(f"mkdir -p @OUT@/pg /run/pg; chown postgres @OUT@/pg /run/pg; runuser -u postgres -- {PG}initdb -D @OUT@/pg -U postgres; "
                          f"runuser -u postgres -- {PG}postgres --single -D @OUT@/pg postgres <@CONF@/roles.sql; cp @CONF@/pg_hba.conf @OUT@/pg/; "
                          f"exec runuser -u postgres -- {PG}postgres -D @OUT@/pg -h 0.0.0.0 -k /run/pg")),
    "redis": ("srv", "redis-server --bind 0.0.0.0 --port 6379 --save \"\" --requirepass LABSECRET-redis --protected-mode no"),
    "redis-open": ("nas", "redis-server --bind 0.0.0.0 --port 6379 --save \"\" --protected-mode no"),
    "memcache": ("srv", "memcached -u nobody -l 0.0.0.0 -p 11211"),
    "tftp": ("srv", bash("mkdir -p @OUT@/tftp; head -c 6000 /dev/zero >@OUT@/tftp/c2960-lanbasek9-mz.152-7.E3.bin; echo \"<device/>\" >@OUT@/tftp/SEP805EC00A0027.cnf.xml; "
                         "chmod -R a+rwX @OUT@/tftp; exec in.tftpd -L -s -c -u root -a 0.0.0.0:69 @OUT@/tftp")),
    "vnc": ("hmi", bash("mkdir -p /run/vnc; echo LABSECRE | tigervncpasswd -f >/run/vnc/pw; exec Xtigervnc :1 -rfbport 5900 -SecurityTypes VncAuth -PasswordFile /run/vnc/pw "
                        "-desktop \"SCADA-HMI01 panel\" -geometry 320x240 -depth 16")),
    "vnc-open": ("omron", "Xtigervnc :2 -rfbport 5901 -SecurityTypes None -desktop \"NA5-12W101B\" -geometry 320x240 -depth 16"),
    "rdp": ("hmi", bash("cp -r /etc/xrdp /run/xrdp-etc; mkdir -p /run/xrdp; exec xrdp --nodaemon --config /run/xrdp-etc/xrdp.ini")),
    "openvpn": ("srv", "openvpn --config @CONF@/openvpn-server.conf --proto udp --port 1194"),
    "openvpn-tcp": ("nas", "openvpn --config @CONF@/openvpn-server.conf --proto tcp-server --port 1195"),
    "wg-gw": ("gw", SH + "wireguard_peer.sh @OUT@ gw laptop 10.67.0.1"),
    "wg-laptop": ("laptop", SH + "wireguard_peer.sh @OUT@ laptop gw 10.67.0.2 10.77.0.1:51820"),
    "ipsec-wago": ("wago", bash("mount --bind @CONF@/ipsec-wago.conf /etc/ipsec.conf; mount --bind @CONF@/ipsec.secrets /etc/ipsec.secrets; "
                                "mount --bind @CONF@/strongswan.conf /etc/strongswan.conf; exec /usr/lib/ipsec/starter --nofork")),
    "ipsec-gw": ("gw", bash("sleep 2; mount --bind @CONF@/ipsec-gw.conf /etc/ipsec.conf; mount --bind @CONF@/ipsec.secrets /etc/ipsec.secrets; "
                            "mount --bind @CONF@/strongswan.conf /etc/strongswan.conf; exec /usr/lib/ipsec/starter --nofork")),
    "netflow-5": ("gw", "pmacctd -f @CONF@/pmacct-netflow5.conf"),
    "netflow-9": ("hmi", "pmacctd -f @CONF@/pmacct-netflow9.conf"),
    "pmacct": ("sw", "pmacctd -f @CONF@/pmacct-sflow.conf"),
    "rtsp": ("cam", "/usr/bin/python3 @DEVICES@/rtsp_server.py 554 admin LABSECRET-rtsp"),
    "rtsp-open": ("iot", "/usr/bin/python3 @DEVICES@/rtsp_server.py 8554"),
    "quic": ("srv", PY + "quic_server.py 443 @CERTS@/historian"),
    "dtls": ("srv", "openssl s_server -dtls1_2 -accept 4433 -cert @CERTS@/historian.crt -key @CERTS@/historian.key -quiet"),
}

MAIL = "swaks --to miller@plant.example --from camera@plant.example --server 10.77.0.20 --helo ipcam-gate --header \"Subject: motion on channel 1\" "

SCENARIOS = {
    "routing": {
        "services": ["frr-gw", "frr-wago"], "settle": 30, "steps": [],
        "outputs": [("ospf/frr-simple-password.pcap", "ospf", "ospf.auth.type == 1"), ("isis/frr-clear-password.pcap", "isis", "isis.lsp.lsp_id"),
                    ("rip/frr-text-password.pcap", "rip", "rip.version == 2"), ("eigrp/frr-hello-and-update.pcap", "eigrp", "eigrp"),
                    ("bgp/frr-open-and-update.pcap", "tcp.port == 179", "bgp.type == 2"), ("bfd/frr-sessions.pcap", "bfd", "bfd"),
                    ("pim/frr-hellos.pcap", "pim || igmp", "pim")],
    },
    "vrrp": {
        "services": ["vrrp-gw", "vrrp-wago"], "settle": 8, "steps": [],
        "outputs": [("vrrp/keepalived-2-with-password-and-3.pcap", "vrrp || arp", "vrrp.version == 3")],
    },
    "mail": {
        "services": ["smtp", "submission", "imap-pop"], "settle": 4,
        "steps": [("cam", MAIL + "--body alarm; " + MAIL + "--auth PLAIN --auth-user camera --auth-password LABSECRET-mail --body alarm; "
                          + MAIL + "--port 587 --tls --auth LOGIN --auth-user camera --auth-password LABSECRET-mail; true", 30),
                  ("laptop", "curl -s --max-time 5 imap://10.77.0.20/INBOX -u miller:LABSECRET-mail; curl -s --max-time 5 pop3://10.77.0.20/ -u miller:LABSECRET-mail; "
                             "curl -sk --max-time 5 --ssl-reqd imap://10.77.0.20/INBOX -u miller:LABSECRET-mail; curl -sk --max-time 5 imaps://10.77.0.20/ -u miller:LABSECRET-mail; true")],
        "outputs": [("smtp/aiosmtpd-and-swaks.pcap", "tcp.port in {25, 587}", "smtp"), ("imap/dovecot-log-in-and-starttls.pcap", "tcp.port in {143, 993}", "imap"),
                    ("pop/dovecot-log-in.pcap", "tcp.port == 110", "pop")],
    },
    "ldap": {
        "services": ["ldap"], "settle": 5,
        "steps": [("laptop", "ldapsearch -x -H ldap://10.77.0.20 -s base -b \"\" +; ldapsearch -x -H ldap://10.77.0.20 -D cn=admin,dc=plant,dc=example -w LABSECRET-ldap -b dc=plant,dc=example; "
                             "ldapsearch -x -H ldap://10.77.0.20 -D uid=miller,dc=plant,dc=example -w wrong -b dc=plant,dc=example; true")],
        "outputs": [("ldap/slapd-root-and-simple-bind.pcap", "tcp.port == 389", "ldap")],
    },
    "kerberos": {
        "services": ["kdc"], "settle": 8,
        "steps": [("laptop", KRB + "echo LABSECRET-krb | kinit miller; kvno host/historian.plant.example; echo wrong | kinit nobody; true")],
        "outputs": [("kerberos/mit-log-in-and-ticket.pcap", "kerberos || udp.port == 88 || tcp.port == 88", "kerberos.msg_type == 13")],
    },
    "databases": {
        "services": ["mysql", "pgsql", "redis", "redis-open", "memcache"], "settle": 25,
        "steps": [("hmi", "mysql --skip-ssl -h 10.77.0.20 -u mes -pLABSECRET-mysql -e \"SELECT VERSION(); CREATE TABLE IF NOT EXISTS mes.orders (id INT); SELECT * FROM mes.orders\"; "
                          "mysql --skip-ssl -h 10.77.0.20 -u root -e \"SELECT 1\"; true"),
                  ("hmi", "PGSSLMODE=disable PGPASSWORD=LABSECRET-pgsql psql -h 10.77.0.20 -U scada -d postgres -c \"SELECT version()\"; "
                          "PGSSLMODE=disable PGPASSWORD=LABSECRET-pgsql psql -h 10.77.0.20 -U report -d postgres -c \"SELECT 1\"; PGPASSWORD=wrong psql -h 10.77.0.20 -U report -d postgres -c \"SELECT 1\"; true"),
                  ("hmi", "redis-cli -h 10.77.0.20 --no-auth-warning -a LABSECRET-redis HELLO 3; redis-cli -h 10.77.0.20 PING; redis-cli -h 10.77.0.28 SET line3 running; redis-cli -h 10.77.0.28 CONFIG GET dir; true"),
                  ("hmi", "printf \"version\\r\\nset line3 0 0 7\\r\\nrunning\\r\\nget line3\\r\\nstats\\r\\nquit\\r\\n\" | nc -w 2 10.77.0.20 11211; true")],
        "outputs": [("mysql/mariadb-log-in-and-query.pcap", "tcp.port == 3306", "mysql"), ("pgsql/clear-and-scram.pcap", "tcp.port == 5432", "pgsql"),
                    ("resp/redis-with-and-without-password.pcap", "tcp.port == 6379", "tcp.payload contains \"7.0.15\""),
                    ("memcache/version-and-items.pcap", "tcp.port == 11211", "tcp.payload contains \"VERSION\"")],
    },
    "tftp": {
        "services": ["tftp"], "settle": 2,
        "steps": [("sw", "cd /run; tftp 10.77.0.20 -m binary -c get c2960-lanbasek9-mz.152-7.E3.bin; true"), ("phone", "cd /run; tftp 10.77.0.20 -c get SEP805EC00A0027.cnf.xml; tftp 10.77.0.20 -c get missing.cfg; true"),
                  ("nport", "cd /run; echo config >mgate.cfg; tftp 10.77.0.20 -m binary -c put mgate.cfg; true")],
        "outputs": [("tftp/firmware-and-configurations.pcap", "tftp || udp", "tftp.opcode == 1")],
    },
    "screens": {
        "services": ["vnc", "vnc-open", "rdp"], "settle": 5,
        "steps": [("eng", PY + "vnc_station.py 10.77.0.5 5900 LABSECRE; " + PY + "vnc_station.py 10.77.0.24 5901; true"),
                  ("eng", "for s in rdp tls; do timeout 6 xvfb-run -a xfreerdp /v:10.77.0.5 /u:miller /p:LABSECRET-rdp /cert:ignore /sec:$s /log-level:ERROR; done; true", 30)],
        "outputs": [("vnc/tigervnc-password-and-none.pcap", "tcp.port in {5900, 5901}", "vnc"), ("rdp/xrdp-standard-and-tls.pcap", "tcp.port == 3389", "tcp.payload contains 03:00")],
    },
    "tunnels": {
        "services": ["openvpn", "openvpn-tcp", "wg-gw", "wg-laptop", "ipsec-wago", "ipsec-gw"], "settle": 6,
        "steps": [("hmi", "mkdir -p /dev/net; timeout 8 openvpn --config @CONF@/openvpn-client.conf --remote 10.77.0.20 1194 udp; true"),
                  ("hmi", "timeout 8 openvpn --config @CONF@/openvpn-client.conf --remote 10.77.0.28 1195 tcp-client; true")],
        "outputs": [("openvpn/udp-and-tcp.pcap", "udp.port == 1194 || tcp.port == 1195", "openvpn"), ("wg/handshake-and-keepalives.pcap", "udp.port == 51820", "wg"),
                    ("isakmp/strongswan-2-and-1-aggressive.pcap", "udp.port in {500, 4500} || esp", "isakmp.exchangetype == 4")],
    },
    "flows": {
        "services": ["netflow-5", "netflow-9", "pmacct"], "settle": 3,
        "steps": [("laptop", "for n in 1 2 3 4; do ping -c 2 -i 0.3 10.77.0.1; ping -c 2 -i 0.3 10.77.0.5; ping -c 2 -i 0.3 10.77.0.2; sleep 2; done; true", 40), ("laptop", "sleep 8")],
        "outputs": [("cflow/pmacct-5-9-and-ipfix.pcap", "udp.port in {2055, 2056, 4739}", "udp"), ("sflow/pmacct.pcap", "udp.port == 6343", "sflow")],
    },
    "rtsp": {
        "services": ["rtsp", "rtsp-open"], "settle": 4,
        "steps": [("hmi", "timeout 6 ffprobe -v error -rtsp_transport tcp rtsp://admin:LABSECRET-rtsp@10.77.0.22/Streaming/Channels/101; "
                          "timeout 6 ffprobe -v error -rtsp_transport tcp rtsp://10.77.0.21:8554/Streaming/Channels/101; true", 20)],
        "outputs": [("rtsp/gstreamer-basic-and-open.pcap", "tcp.port in {554, 8554}", "rtsp.method == \"DESCRIBE\"")],
    },
    "quic": {
        "services": ["quic", "dtls"], "settle": 3,
        "steps": [("laptop", PY + "quic_client.py 10.77.0.20 443 historian.plant.example"), ("iot", "echo hello | timeout 3 openssl s_client -dtls1_2 -connect 10.77.0.20:4433; true")],
        "outputs": [("quic/aioquic-http3.pcap", "udp.port == 443", "quic"), ("dtls/openssl-1.2.pcap", "udp.port == 4433", "dtls")],
    },
}
