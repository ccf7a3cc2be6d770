# What a sensor may do at the vault: nothing but renew and give up its own token, and have its own certificate signed.
#
# A sensor parses hostile bytes. It hands its proposals, signed with its own key, to the registrar, and never speaks to the vault about a
# device. Who steals its credential gets 403 for everything else: no record, no entity, no alias, no certificate of a device.

# The sensor's own identity, of a PKI mount apart from the devices' one. The role fixes the names; leave this path out where sensors
# are given their certificates otherwise.
path "pki-sensors/sign/sensor" {
  capabilities        = ["update"]
  required_parameters = ["csr"]
  allowed_parameters = {
    "csr"         = []
    "common_name" = []
    "ttl"         = []
    "format"      = []
  }
}

# Before it starts, it is told what it may do.
path "sys/capabilities-self" {
  capabilities = ["update"]
}
path "auth/token/lookup-self" {
  capabilities = ["read"]
}
path "auth/token/renew-self" {
  capabilities = ["update"]
}
path "auth/token/revoke-self" {
  capabilities = ["update"]
}
