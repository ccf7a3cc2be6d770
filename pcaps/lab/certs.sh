#!/bin/bash
# certs.sh DIR: keys and certificates of the lab's devices, made anew if DIR has none. Private keys stay in DIR.
set -eu
mkdir -p "$1/ca"; cd "$1"
[ -e done ] && exit 0
subject() { openssl req -new -nodes -newkey "${3:-rsa:2048}" -keyout $1.key -out $1.csr -subj "$2" 2>/dev/null; }
selfsigned() { # name subject days [extension]
    openssl req -x509 -nodes -newkey rsa:2048 -keyout $1.key -out $1.crt -days $3 -subj "$2" ${4:+-addext "$4"} 2>/dev/null
}
signed() { # name issuer days extensions…
    printf '%s\n' "${@:4}" >ext.tmp
    openssl x509 -req -in $1.csr -CA $2.crt -CAkey $2.key -CAcreateserial -days $3 -sha256 -extfile ext.tmp -out $1.crt 2>/dev/null
}

# a plant's own PKI: root, intermediate, leaves
openssl req -x509 -nodes -newkey rsa:2048 -keyout root.key -out root.crt -days 7300 -sha256 \
    -subj "/C=DE/O=Example Plant GmbH/CN=Example Plant Root CA G1" -addext "keyUsage=critical,keyCertSign,cRLSign" 2>/dev/null
subject issuing "/C=DE/O=Example Plant GmbH/OU=OT Security/CN=Example Plant Issuing CA 2"
signed issuing root 3650 "basicConstraints=critical,CA:TRUE,pathlen:0" "keyUsage=critical,keyCertSign,cRLSign"
subject historian "/C=DE/O=Example Plant GmbH/OU=MES/CN=historian.plant.example"
signed historian issuing 825 "subjectAltName=DNS:historian.plant.example,DNS:HISTORIAN1,IP:10.77.0.20" "extendedKeyUsage=serverAuth"
cat historian.crt issuing.crt >historian-chain.crt
subject wago "/C=DE/O=WAGO GmbH & Co. KG/OU=PFC200/CN=750-8212/serialNumber=0030DE0A0014" ec:<(openssl ecparam -name prime256v1)
signed wago issuing 3650 "subjectAltName=DNS:pfc200-edge.plant.example,IP:10.77.0.14" "extendedKeyUsage=serverAuth"
cat wago.crt issuing.crt >wago-chain.crt
subject hmi "/C=DE/O=Example Plant GmbH/OU=SCADA/CN=SCADA-HMI01"
signed hmi issuing 825 "subjectAltName=DNS:scada-hmi01.plant.example" "extendedKeyUsage=clientAuth"
cat hmi.crt issuing.crt >hmi-chain.crt

# what appliances come with
selfsigned camera "/C=CN/O=Hangzhou Hikvision/CN=DS-2CD2143G0-I" 3650 "subjectAltName=IP:10.77.0.22"
selfsigned cast "/C=US/ST=California/O=Google Inc/OU=Cast/CN=54600900-0a00-4026-9f2e-chromecast" 7300
selfsigned nas "/C=TW/L=Taipei/O=Synology Inc./CN=synology" 7300 "subjectAltName=DNS:DS920-office"
openssl req -x509 -nodes -newkey rsa:1024 -sha1 -keyout nport.key -out nport.crt -days 7300 -subj "/C=TW/O=Moxa Inc./CN=MGate MB3480" 2>/dev/null

# a printer's certificate that ran out years ago
subject printer "/O=Brother/OU=BR-Net/CN=BRN001BA90A0023"
: >ca/index.txt; echo 1000 >ca/serial
cat >ca/expired.cnf <<'C'
[ca]
default_ca = d
[d]
dir = ca
database = ca/index.txt
serial = ca/serial
new_certs_dir = ca
default_md = sha256
policy = p
[p]
organizationName = optional
organizationalUnitName = optional
commonName = supplied
C
openssl ca -config ca/expired.cnf -batch -selfsign -keyfile printer.key -in printer.csr -out printer.crt \
    -startdate 20200101000000Z -enddate 20210101000000Z -notext 2>/dev/null

# OPC UA applications carry their URI in the certificate; asyncua wants DER and a key that ends in .pem
selfsigned opcua "/O=WAGO/CN=PFC200 OPC UA" 3650 "subjectAltName=URI:urn:wago:pfc200:opcua,IP:10.77.0.14"
selfsigned opcua-client "/O=Example Plant GmbH/CN=HMI OPC UA client" 365 "subjectAltName=URI:urn:example:hmi,IP:10.77.0.5"
for c in opcua opcua-client; do openssl x509 -in $c.crt -outform der -out $c.der; cp $c.key $c.pem; done

# SSH host keys, one set per device
for d in sw srv nas; do for t in rsa ecdsa ed25519; do ssh-keygen -q -t $t -N '' -C $d -f ssh-$d-$t; done; done
for d in cam remote; do dropbearkey -t rsa -s 2048 -f dropbear-$d >/dev/null 2>&1; done
rm -f ext.tmp; touch done
