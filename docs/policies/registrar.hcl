# What the registrar may do at the vault, and no more. Mounts: devices (KV version 2), pki-devices (PKI).
#
# It may make a device known, have a CSR signed under a role, and read what was issued. It may not have a key made (issue), revoke,
# disable, attach a policy, move an alias, or look at anything else. Give its role `token_no_default_policy=true`: the policy "default"
# opens paths that it has no use for.

# One record a device. The first write is made with check-and-set 0, so that nothing of another's is overwritten.
path "devices/data/inventory/*" {
  capabilities = ["create", "update", "read"]
}
# What the wire shows of a device, and proposals to take an identity back, stand beside the records.
path "devices/data/posture/*" {
  capabilities = ["create", "update", "read"]
}
path "devices/data/deactivation/*" {
  capabilities = ["create", "update", "read"]
}

# An entity a device. The names begin with "dev-", and metadata is all that may be given: a stolen credential can make an entity that
# may do nothing. With "policies", "id" or "disabled" in the request it is refused.
path "identity/entity/name/dev-*" {
  capabilities       = ["create", "update", "read"]
  allowed_parameters = { "metadata" = [] }
}
# No path identity/entity-alias: the vault does not tell making an alias from moving one, and an alias that is moved onto an entity with
# rights, with a certificate signed below, logs in with them. People link the alias (docs/enrollment.md shows the call).

# A CSR that a device or an operator supplied. The role fixes names, key usage and lifetime; what else could be asked for is refused.
path "pki-devices/sign/*" {
  capabilities        = ["update"]
  required_parameters = ["csr"]
  allowed_parameters = {
    "csr"         = []
    "common_name" = []
    "alt_names"   = []
    "ip_sans"     = []
    "uri_sans"    = []
    "ttl"         = []
    "format"      = []
  }
}
# What was issued and revoked, and whether a role issues without keeping a copy. A certificate itself (pki-devices/cert/SERIAL) and the
# revocation list are for everybody to read, and need no path here.
path "pki-devices/certs" {
  capabilities = ["list"]
}
path "pki-devices/certs/revoked" {
  capabilities = ["list"]
}
path "pki-devices/roles" {
  capabilities = ["list"]
}
path "pki-devices/roles/*" {
  capabilities = ["read"]
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
