#!/bin/bash
# A device's web page: web_appliance.sh SERVER TITLE [REALM [CERTIFICATE]]. Stack: lighttpd. With a realm, /config asks for a password.
set -eu
mkdir -p /run/web
printf '<!DOCTYPE html><html><head><title>%s</title></head><body><h1>%s</h1></body></html>\n' "$2" "$2" >/run/web/index.html
cat >/run/lighttpd.conf <<C
server.modules = ("mod_auth", "mod_authn_file", "mod_openssl")
server.document-root = "/run/web"
server.port = 80
server.tag = "$1"
index-file.names = ("index.html")
mimetype.assign = (".html" => "text/html")
C
if [ -n "${3:-}" ]; then
    echo "admin:LABSECRET-httpbasic" >/run/users
    cat >>/run/lighttpd.conf <<C
auth.backend = "plain"
auth.backend.plain.userfile = "/run/users"
auth.require = ("/config" => ("method" => "basic", "realm" => "$3", "require" => "valid-user"))
C
fi
if [ -n "${4:-}" ]; then
    printf '$SERVER["socket"] == ":443" { ssl.engine = "enable"\nssl.pemfile = "%s.crt"\nssl.privkey = "%s.key" }\n' "$4" "$4" >>/run/lighttpd.conf
fi
exec lighttpd -D -f /run/lighttpd.conf
