//! What can be said: every field and kind of statement, one row each.
//!
//! The numbers stand in databases: a number is never used again and never changes its meaning. Names are those of fingerprint rules and
//! of evidence in documents.

macro_rules! table {
    ($(#[$meta:meta])* $name:ident: $repr:ty { $($(#[$doc:meta])* $variant:ident = $code:literal, $text:literal;)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[repr($repr)]
        pub enum $name { $($(#[$doc])* $variant = $code,)* }

        impl $name {
            /// Every row.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name in rules and documents.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// The number in canonical bytes.
            #[must_use]
            pub const fn code(self) -> $repr {
                self as $repr
            }

            /// The row with this number.
            #[must_use]
            pub const fn from_code(code: $repr) -> Option<Self> {
                match code { $($code => Some(Self::$variant),)* _ => None }
            }

            /// The row with this name.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($text => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

table! {
    /// What one value is.
    Field: u16 {
        /// The maker's name as text.
        VendorName = 10, "vendor-name";
        /// The product's name as text.
        ProductName = 11, "product-name";
        /// A product code (number or text).
        ProductCode = 12, "product-code";
        /// A model's name as text.
        ModelName = 13, "model-name";
        /// An order, part or catalogue number.
        OrderNumber = 14, "order-number";
        /// The hardware's serial number.
        SerialNumber = 15, "serial-number";
        /// Firmware version.
        FirmwareVersion = 16, "firmware-version";
        /// Hardware version.
        HardwareVersion = 17, "hardware-version";
        /// Software version.
        SoftwareVersion = 18, "software-version";
        /// A device type as text.
        DeviceType = 19, "device-type";
        /// An operator's asset identifier (LLDP-MED).
        AssetId = 20, "asset-id";
        /// Where the device says it stands.
        Location = 21, "location";
        /// Whom the device names as its contact.
        Contact = 22, "contact";
        /// A free description.
        Description = 23, "description";
        /// The user application's or project's name.
        ApplicationName = 24, "application-name";
        /// A vendor's or device's URL.
        Url = 25, "url";
        /// A UUID of the device.
        Uuid = 26, "uuid";
        /// PROFINET NameOfStation.
        StationName = 27, "station-name";
        /// PROFINET DeviceVendorValue.
        StationType = 28, "station-type";
        /// A host's name.
        Hostname = 29, "hostname";
        /// A DNS or Windows domain, or a workgroup: never a hostname.
        DomainName = 30, "domain-name";
        /// SNMP sysName or LLDP system name.
        SystemName = 31, "system-name";
        /// SNMP sysDescr.
        SystemDescription = 32, "system-description";
        /// SNMP sysObjectID, dotted.
        SystemObjectId = 33, "system-object-id";
        /// LLDP system description.
        LldpSystemDescription = 34, "lldp-system-description";
        /// CDP platform.
        CdpPlatform = 35, "cdp-platform";
        /// CDP software version.
        CdpSoftware = 36, "cdp-software";
        /// A fully qualified domain name.
        FullyQualifiedName = 37, "fully-qualified-name";
        /// A DNS-SD or other service instance's name.
        InstanceName = 38, "instance-name";
        /// A name for people (UPnP friendlyName).
        FriendlyName = 39, "friendly-name";
        /// A plant identification (S7 plant id).
        PlantName = 40, "plant-name";
        /// A module's name (S7).
        ModuleName = 41, "module-name";
        /// A module's type (S7 component identification).
        ModuleType = 42, "module-type";
        /// Serial number of a memory card.
        MemoryCardSerial = 43, "memory-card-serial";
        /// A manufacturer's name in a certificate, MED TLV or identification record.
        Manufacturer = 44, "manufacturer";
        /// ODVA vendor id.
        CipVendorId = 60, "cip-vendor-id";
        /// CIP device profile number.
        CipDeviceType = 61, "cip-device-type";
        /// CIP product code.
        CipProductCode = 62, "cip-product-code";
        /// CIP identity status word.
        CipStatus = 63, "cip-status";
        /// CIP identity state.
        CipState = 64, "cip-state";
        /// PROFINET vendor id.
        ProfinetVendorId = 65, "profinet-vendor-id";
        /// PROFINET device id.
        ProfinetDeviceId = 66, "profinet-device-id";
        /// PROFINET device role bits.
        ProfinetRole = 67, "profinet-role";
        /// ASHRAE vendor id.
        BacnetVendorId = 68, "bacnet-vendor-id";
        /// BACnet device object instance.
        BacnetInstance = 69, "bacnet-instance";
        /// IANA private enterprise number.
        EnterpriseNumber = 70, "enterprise-number";
        /// EtherCAT vendor id.
        EtherCatVendorId = 71, "ethercat-vendor-id";
        /// SNMP engine id (RFC 3411).
        EngineId = 80, "engine-id";
        /// SNMP engine boots.
        EngineBoots = 81, "engine-boots";
        /// SNMP engine time.
        EngineTime = 82, "engine-time";
        /// What protection a message had, as the protocol words it.
        SecurityLevel = 83, "security-level";
        /// The security model's number.
        SecurityModel = 84, "security-model";
        /// The protocol's version.
        ProtocolVersion = 85, "protocol-version";
        /// An authentication method, as the protocol words it.
        AuthenticationMethod = 86, "authentication-method";
        /// An encryption method, as the protocol words it.
        EncryptionMethod = 87, "encryption-method";
        /// A protection level or access right.
        Protection = 88, "protection";
        /// Run, stop, key switch.
        OperatingMode = 89, "operating-mode";
        /// What a captured secret was used for; the secret itself never leaves the engine.
        SecretUse = 90, "secret-use";
        /// Length class of a captured secret.
        SecretLengthClass = 91, "secret-length-class";
        /// A keyed tag of a captured secret: equal where the secrets are.
        SecretTag = 92, "secret-tag";
        /// Length of an authentication parameter.
        AuthParameterLength = 93, "auth-parameter-length";
        /// A keyed tag of a captured user name and secret together: equal where both are.
        LoginTag = 94, "login-tag";
        /// A MAC address that the PDU names.
        MacAddress = 100, "mac-address";
        /// An IPv4 address that the PDU names.
        Ipv4Address = 101, "ipv4-address";
        /// An IPv6 address that the PDU names.
        Ipv6Address = 102, "ipv6-address";
        /// A subnet mask or prefix length.
        Netmask = 103, "netmask";
        /// A router that the PDU names.
        Gateway = 104, "gateway";
        /// IPv4 TTL or IPv6 hop limit of a packet.
        TimeToLive = 105, "time-to-live";
        /// IEEE 802.1Q VLAN id.
        VlanId = 106, "vlan-id";
        /// VXLAN or GENEVE network identifier.
        Vni = 107, "vni";
        /// A management address.
        ManagementAddress = 108, "management-address";
        /// A DNS server that the PDU names.
        DnsServer = 109, "dns-server";
        /// A DHCP server identifier.
        ServerId = 110, "server-id";
        /// Lease time in seconds.
        LeaseTime = 111, "lease-time";
        /// DHCP relay agent's address.
        RelayAddress = 112, "relay-address";
        /// DHCP option 82 circuit id.
        CircuitId = 113, "circuit-id";
        /// DHCP option 82 remote id.
        RemoteId = 114, "remote-id";
        /// Length of an on-link prefix.
        PrefixLength = 115, "prefix-length";
        /// Flags as the protocol words them.
        Flags = 116, "flags";
        /// A message type's number.
        MessageType = 117, "message-type";
        /// A port that the PDU names.
        Port = 118, "port";
        /// LLDP chassis id.
        ChassisId = 120, "chassis-id";
        /// LLDP or CDP port id.
        PortId = 121, "port-id";
        /// LLDP port description.
        PortDescription = 122, "port-description";
        /// LLDP or CDP capabilities in force, as bits.
        Capabilities = 123, "capabilities";
        /// CDP device id.
        DeviceId = 124, "device-id";
        /// CDP native VLAN or LLDP port VLAN.
        NativeVlan = 125, "native-vlan";
        /// STP root bridge id.
        RootBridge = 126, "root-bridge";
        /// STP bridge id.
        BridgeId = 127, "bridge-id";
        /// A MAC address of a neighbour.
        NeighborMac = 128, "neighbor-mac";
        /// DHCP option 60.
        DhcpVendorClass = 130, "dhcp-vendor-class";
        /// DHCP option 55: numbers in the client's order, comma separated.
        DhcpParameterList = 131, "dhcp-parameter-list";
        /// DHCP option 61.
        DhcpClientId = 132, "dhcp-client-id";
        /// The options a client sent, in order.
        DhcpOptions = 133, "dhcp-options";
        /// DHCPv6 DUID.
        Duid = 134, "duid";
        /// DHCP option 77.
        DhcpUserClass = 135, "dhcp-user-class";
        /// DHCPv6 option 16.
        Dhcpv6VendorClass = 136, "dhcpv6-vendor-class";
        /// DHCP option 57.
        DhcpMaxSize = 137, "dhcp-max-size";
        /// The name of a DNS record.
        DnsName = 140, "dns-name";
        /// A name that is asked for.
        DnsQuery = 141, "dns-query";
        /// A DNS type's number.
        DnsType = 142, "dns-type";
        /// The name a record points to.
        DnsTarget = 143, "dns-target";
        /// A DNS-SD service type.
        MdnsService = 144, "mdns-service";
        /// A DNS-SD instance name.
        MdnsInstance = 145, "mdns-instance";
        /// One key=value of a TXT record.
        MdnsTxt = 146, "mdns-txt";
        /// The sixteenth byte of a NetBIOS name.
        NetbiosSuffix = 147, "netbios-suffix";
        /// SSDP SERVER header.
        SsdpServer = 150, "ssdp-server";
        /// SSDP NT or ST header.
        SsdpSearchTarget = 151, "ssdp-search-target";
        /// SSDP USN header.
        SsdpUsn = 152, "ssdp-usn";
        /// SSDP LOCATION header.
        SsdpLocation = 153, "ssdp-location";
        /// UPnP deviceType.
        UpnpDeviceType = 154, "upnp-device-type";
        /// HTTP Server header.
        HttpServer = 160, "http-server";
        /// HTTP User-Agent header.
        HttpUserAgent = 161, "http-user-agent";
        /// Realm of WWW-Authenticate.
        HttpRealm = 162, "http-realm";
        /// Title of an HTML page.
        HttpTitle = 163, "http-title";
        /// HTTP Host header.
        HttpHost = 164, "http-host";
        /// HTTP X-Powered-By header.
        HttpPoweredBy = 165, "http-powered-by";
        /// Authentication scheme of WWW-Authenticate or Authorization.
        HttpScheme = 166, "http-scheme";
        /// HTTP status code.
        HttpStatus = 167, "http-status";
        /// SSH identification string (RFC 4253 section 4.2).
        SshBanner = 170, "ssh-banner";
        /// SHA-256 of an SSH host key blob.
        SshHostKey = 171, "ssh-host-key";
        /// SSH host key algorithm.
        SshHostKeyType = 172, "ssh-host-key-type";
        /// HASSH of a client's or server's KEXINIT.
        Hassh = 173, "hassh";
        /// A name-list of SSH KEXINIT.
        SshAlgorithms = 174, "ssh-algorithms";
        /// Size of a public key in bits.
        KeyBits = 175, "key-bits";
        /// TLS version, as on the wire.
        TlsVersion = 180, "tls-version";
        /// The selected cipher suite's number.
        TlsCipherSuite = 181, "tls-cipher-suite";
        /// TLS SNI.
        TlsServerName = 182, "tls-server-name";
        /// TLS ALPN.
        TlsAlpn = 183, "tls-alpn";
        /// JA3 of a ClientHello.
        Ja3 = 184, "ja3";
        /// JA4 of a ClientHello.
        Ja4 = 185, "ja4";
        /// SHA-256 of a certificate.
        CertificateSha256 = 186, "certificate-sha256";
        /// A certificate's subject (RFC 4514 text).
        CertificateSubject = 187, "tls-certificate-subject";
        /// A certificate's issuer (RFC 4514 text).
        CertificateIssuer = 188, "tls-certificate-issuer";
        /// A certificate's serial number.
        CertificateSerial = 189, "certificate-serial";
        /// Begin of a certificate's validity.
        NotBefore = 190, "not-before";
        /// End of a certificate's validity.
        NotAfter = 191, "not-after";
        /// One subject alternative name (dns:, ip:, uri:, email:, other:).
        SubjectAltName = 192, "subject-alt-name";
        /// A public key's algorithm.
        KeyAlgorithm = 193, "key-algorithm";
        /// A signature's algorithm.
        SignatureAlgorithm = 194, "signature-algorithm";
        /// SHA-256 of a certificate's SubjectPublicKeyInfo.
        SpkiSha256 = 195, "spki-sha256";
        /// 1 if subject and issuer are equal.
        SelfSigned = 196, "self-signed";
        /// server or client.
        CertificateRole = 197, "certificate-role";
        /// 0 is the leaf.
        ChainPosition = 198, "chain-position";
        /// The subject's CN.
        CertificateCommonName = 199, "certificate-common-name";
        /// The subject's O.
        CertificateOrganization = 200, "certificate-organization";
        /// Authority key identifier.
        IssuerSpkiKeyId = 201, "authority-key-id";
        /// Subject key identifier.
        SubjectKeyId = 202, "subject-key-id";
        /// Basic constraints: CA.
        IsCa = 203, "is-ca";
        /// 1 if the server asked for a client certificate.
        TlsClientAuth = 204, "tls-client-auth";
        /// The public key of a certificate: SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7) in DER.
        PublicKey = 205, "public-key";
        /// Digest of what was signed, under the digest that the scheme names.
        SignedDigest = 206, "signed-digest";
        /// What was signed, where the scheme takes no digest of it (RFC 8032).
        SignedBytes = 207, "signed-bytes";
        /// A signature.
        Signature = 208, "signature";
        /// How it was signed: number of a TLS SignatureScheme (RFC 8446 section 4.2.3); none for RSA over MD5 and SHA-1 together (RFC 4346).
        SignatureScheme = 209, "signature-scheme";
        /// Modbus unit identifier.
        UnitId = 210, "unit-id";
        /// A function code.
        FunctionCode = 211, "function-code";
        /// An object identifier's number.
        ObjectId = 212, "object-id";
        /// Modbus device identification conformity level.
        ConformityLevel = 213, "conformity-level";
        /// Modbus run indicator status.
        RunIndicator = 214, "run-indicator";
        /// A rack number.
        Rack = 215, "rack";
        /// A slot number.
        Slot = 216, "slot";
        /// A transport selector.
        Tsap = 217, "tsap";
        /// S7 system status list id.
        SzlId = 218, "szl-id";
        /// A copyright or manufacturer entry.
        Copyright = 219, "copyright";
        /// A user's name (personal data).
        UserName = 230, "user-name";
        /// A client's own name for itself.
        ClientName = 231, "client-name";
        /// A service's name.
        ServiceName = 232, "service-name";
        /// A service's type.
        ServiceType = 233, "service-type";
        /// A greeting line.
        Banner = 234, "banner";
        /// An operating system as text.
        OperatingSystem = 235, "operating-system";
        /// When the device started.
        BootTime = 236, "boot-time";
        /// How long the device is up, in hundredths of a second.
        Uptime = 237, "uptime";
        /// A role as the protocol words it.
        Role = 238, "role";
        /// A SYN's stack signature.
        TcpSignature = 239, "tcp-signature";
        /// A workgroup.
        Workgroup = 240, "workgroup";
        /// Power over Ethernet class or watts.
        PowerClass = 241, "power-class";
        /// A network interface's name.
        InterfaceName = 242, "interface-name";
        /// A network boot client's processor architecture (RFC 4578 section 2.1).
        ClientArchitecture = 300, "client-architecture";
        /// A network boot client's interface type and version (RFC 4578 section 2.2).
        ClientInterface = 301, "client-interface";
        /// The maker's OUI as text (TR-069 gateways).
        VendorOui = 302, "vendor-oui";
        /// The MAC address within a DUID: of a card that the host had when it made the DUID.
        DuidMac = 303, "duid-mac";
        /// LLDP-MED device class: 1 to 3 endpoints, 4 network connectivity.
        MedDeviceClass = 304, "med-device-class";
        /// An on-link prefix's address.
        Prefix = 305, "prefix";
        /// PROFINET alias: port and station of the neighbour.
        StationAlias = 306, "station-alias";
        /// State of a port, as the protocol encodes it.
        PortStatus = 307, "port-status";
        /// A processor's name (DNS HINFO).
        Cpu = 330, "cpu";
        /// A certificate's version: 1 or 3.
        CertificateVersion = 360, "certificate-version";
        /// The subject's serialNumber attribute: a device's own in an IEEE 802.1AR identity.
        SubjectSerialNumber = 361, "subject-serial-number";
        /// The parameters of a public key's algorithm: a curve, dotted.
        KeyParameters = 362, "key-parameters";
        /// What a certificate's key may be used for: extended key usages, dotted, comma separated.
        KeyPurposes = 363, "key-purposes";
        /// S7 protection level that the mode selector sets (SZL 0x0232, sch_schal).
        ProtectionSelector = 390, "protection-selector";
        /// S7 protection level that the project sets (SZL 0x0232, sch_par).
        ProtectionParameter = 391, "protection-parameter";
        /// Position of a mode selector or key switch.
        ModeSelector = 392, "mode-selector";
        /// CIP Security profiles that a device supports, as bits.
        CipSecurityProfiles = 393, "cip-security-profiles";
        /// CIP Security object's state.
        CipSecurityState = 394, "cip-security-state";
        /// EtherNet/IP Security object's state.
        EnipSecurityState = 395, "enip-security-state";
        /// Profile number of identification and maintenance data.
        ProfileId = 396, "profile-id";
        /// Profile-specific type of identification and maintenance data.
        ProfileType = 397, "profile-type";
        /// PROFINET alias name.
        AliasName = 398, "alias-name";
        /// Version that a host names in browser announcements, major and minor: Samba names one of Windows.
        BrowserVersion = 331, "browser-version";
        /// Services of a browser announcement as bits (MS-BRWS section 2.2.1, ServerType).
        BrowserServerType = 332, "browser-server-type";
        /// Major, minor and build number in an NTLM message: of Windows as a rule; Samba says 6.1.0.
        NtlmVersion = 364, "ntlm-version";

        // Power systems: 400 to 449.
        /// IEC 60870-5 common address of ASDU: a station.
        CommonAddress = 400, "common-address";
        /// IEC 60870-5 originator address of a controlling station.
        OriginatorAddress = 401, "originator-address";
        /// DNP3 data link address of its sender.
        LinkAddress = 402, "link-address";
        /// DNP3 subset and conformance (group 0 variation 249).
        ConformanceSubset = 403, "conformance-subset";
        /// DNP3 internal indications of an outstation, as bits.
        InternalIndications = 404, "internal-indications";
        /// Reference of a GOOSE control block.
        GooseControlBlock = 405, "goose-control-block";
        /// Reference of an IEC 61850 data set.
        DataSet = 406, "data-set";
        /// Identifier of a GOOSE stream.
        GooseId = 407, "goose-id";
        /// Configuration revision of an IEC 61850 control block, or of a logical device.
        ConfigurationRevision = 408, "configuration-revision";
        /// Identifier of a stream of sampled values.
        SvId = 409, "sv-id";
        /// IEC 61850 APPID.
        AppId = 410, "app-id";
        /// 1 if an IEC 61850 message says that it is simulated or a test.
        Simulation = 411, "simulation";
        /// An MMS domain. Of IEC 61850 a logical device: the IED's name with the logical device's behind it, nothing between; of ICCP a
        /// bilateral table.
        MmsDomain = 412, "mms-domain";
        /// An application process title (ISO 7498-3), dotted.
        ApTitle = 413, "ap-title";
        /// ICCP bilateral table identifier.
        BilateralTableId = 414, "bilateral-table-id";
        /// IEEE C37.118 data stream's IDCODE.
        PmuIdCode = 415, "pmu-idcode";
        /// IEEE 1588 clock identity of its sender.
        ClockIdentity = 416, "clock-identity";
        /// IEEE 1588 identity of the grandmaster that a clock follows.
        GrandmasterIdentity = 417, "grandmaster-identity";
        /// IEEE 1588 clock class.
        ClockClass = 418, "clock-class";
        /// IEEE 1588 clock accuracy.
        ClockAccuracy = 419, "clock-accuracy";
        /// IEEE 1588 grandmaster priority 1.
        Priority1 = 420, "priority-1";
        /// IEEE 1588 grandmaster priority 2.
        Priority2 = 421, "priority-2";
        /// IEEE 1588 domain number.
        ClockDomain = 422, "clock-domain";
        /// IEEE 1588 source of a grandmaster's time.
        TimeSource = 423, "time-source";
        /// IEEE C37.238 grandmaster identifier.
        GrandmasterId = 424, "grandmaster-id";
        /// IEEE 1588 profile that a clock names, or whose TLV it sends.
        ClockProfile = 425, "clock-profile";
        /// DLMS/COSEM system title.
        SystemTitle = 426, "system-title";
        /// Three letters of a maker of meters, as the DLMS User Association registers them (FLAG).
        FlagId = 427, "flag-id";
        /// COSEM logical device name (0.0.42.0.0.255).
        CosemDeviceName = 428, "cosem-device-name";
        /// Conformance blocks that an ICCP server supports (IEC 60870-6-503).
        ConformanceBlocks = 429, "conformance-blocks";

        // Factories: 450 to 499, and 500 to 549 for fieldbuses and programming.
        /// A PROFINET station's name that a host asks for.
        StationAskedFor = 500, "station-asked-for";
        /// PROFINET module ident number: which module, as its vendor numbers them.
        ModuleIdent = 501, "module-ident";
        /// An operator's designation of what a device does in the plant (I&M1 function, HART tag).
        Tag = 502, "tag";
        /// When a device was installed, as its operator wrote it (I&M2).
        InstallationDate = 503, "installation-date";
        /// An AMS net id: six numbers that name a TwinCAT system.
        AmsNetId = 504, "ams-net-id";
        /// A node's number on its fieldbus (POWERLINK).
        NodeId = 505, "node-id";
        /// CANopen vendor number, which POWERLINK uses as well.
        CanopenVendorId = 506, "canopen-vendor-id";
        /// HART manufacturer identification code.
        HartManufacturerId = 507, "hart-manufacturer-id";
        /// HART expanded device type.
        HartDeviceType = 508, "hart-device-type";
        /// HART device profile.
        HartProfile = 509, "hart-profile";
        /// A device type's number (CANopen object 0x1000, CODESYS target type).
        DeviceTypeNumber = 510, "device-type-number";
        /// A CODESYS target's number.
        TargetId = 511, "target-id";
        /// A runtime system's version.
        RuntimeVersion = 512, "runtime-version";
        /// A bootstrap loader's version.
        BootLoaderVersion = 513, "boot-loader-version";
        /// A name for people of a controller's program or project.
        ProjectName = 514, "project-name";
        /// An operating system's family and version, as a Windows system gives it: `nt` or `ce`, major, minor, build.
        OsVersion = 515, "os-version";
        /// Model number of an NPort serial device server, four hexadecimal digits.
        NportModel = 516, "nport-model";
        /// Type of a Lantronix device server, two characters.
        LantronixType = 517, "lantronix-type";
        /// Product code of a CANopen or EtherCAT identity object, in hexadecimal digits.
        IdentityProductCode = 518, "identity-product-code";
        /// HART long address: device type and device id, five bytes.
        HartAddress = 519, "hart-address";
        /// Revision number of a CANopen or EtherCAT identity object, in hexadecimal digits.
        RevisionNumber = 520, "revision-number";
        /// HART tag of eight characters, beside which a long one may be set.
        ShortTag = 521, "short-tag";
        /// Number of a module's type in a Tricon chassis.
        TriconModule = 522, "tricon-module";
        /// Version of a Tricon, 0.0 for all before 10.
        TriconVersion = 523, "tricon-version";
        /// A node's, station's or unit's number on its network, as the protocol counts (FINS, ROC Plus, Genisys).
        NodeAddress = 450, "node-address";
        /// A network's or group's number (FINS, ROC Plus).
        NetworkNumber = 451, "network-number";
        /// A model's number in a list of its maker (MELSEC, CC-Link, SNP, ROC).
        ModelCode = 452, "model-code";
        /// CC-Link Partner Association vendor code.
        CclinkVendorCode = 453, "cclink-vendor-code";
        /// A version that a maker counts for the whole of a device (CC-Link).
        EquipmentVersion = 454, "equipment-version";
        /// Model of a memory card.
        MemoryCardModel = 455, "memory-card-model";
        /// Version of the project that a controller runs.
        ProjectVersion = 456, "project-version";
        /// Privilege level of a connection, as the protocol counts.
        PrivilegeLevel = 457, "privilege-level";
        /// Who produces exchanged data, as an address in the data (EGD).
        ProducerId = 458, "producer-id";
        /// Number of a set of exchanged data (EGD).
        ExchangeId = 459, "exchange-id";

        // Buildings: 550 to 599.
        /// An OPC UA application's URI: unique for one installation.
        ApplicationUri = 550, "application-uri";
        /// An OPC UA product's URI.
        ProductUri = 551, "product-uri";
        /// The name of the software that a device runs, as a product.
        SoftwareProduct = 552, "software-product";
        /// Who made the software that a device runs: not always who built the device.
        SoftwareManufacturer = 553, "software-manufacturer";
        /// The build of that software.
        BuildNumber = 554, "build-number";
        /// The result of a service that was asked for, as the protocol encodes it.
        ServiceResult = 555, "service-result";
        /// A BACnet network's number.
        BacnetNetwork = 556, "bacnet-network";
        /// The name of a BACnet device object: unique in its internetwork.
        ObjectName = 557, "object-name";
        /// KNX individual address: area, line, device.
        IndividualAddress = 558, "individual-address";
        /// A project's or installation's number.
        ProjectId = 559, "project-id";
        /// KNX manufacturer code.
        KnxManufacturer = 560, "knx-manufacturer";
        /// A host's identifier that licences of its software are bound to.
        HostId = 561, "host-id";
        /// The brand under which a product is sold.
        BrandId = 562, "brand-id";
        /// The virtual machine that runs the software.
        RuntimeName = 563, "runtime-name";
        /// Its version.
        VmVersion = 564, "vm-version";
        /// An operating system's version.
        OsRelease = 565, "os-release";
        /// A LON Neuron identifier.
        NeuronId = 566, "neuron-id";
        /// EUI-64 of a LoRaWAN gateway.
        GatewayEui = 567, "gateway-eui";
        /// A vehicle identification number (ISO 3779).
        Vin = 568, "vin";
        /// A logical address of a control unit (ISO 13400-2).
        LogicalAddress = 569, "logical-address";
        /// Entity identification of a vehicle's gateway (ISO 13400-2).
        EntityId = 570, "entity-id";
        /// Group identification of a vehicle's gateways (ISO 13400-2).
        GroupId = 571, "group-id";
        /// A SOME/IP service's number.
        SomeIpService = 572, "someip-service";
        /// A SOME/IP service instance's number.
        SomeIpInstance = 573, "someip-instance";
        /// Virtual address of a BACnet/SC node.
        BacnetVmac = 574, "bacnet-vmac";

        // Things, medicine, charging: 600 to 649.
        /// MQTT client identifier.
        MqttClientId = 600, "mqtt-client-id";
        /// The first levels of an MQTT topic that a client publishes to.
        MqttTopic = 601, "mqtt-topic";
        /// The first levels of an MQTT topic filter that a client subscribes to.
        MqttTopicFilter = 602, "mqtt-topic-filter";
        /// Seconds within which a client must be heard.
        KeepAlive = 603, "keep-alive";
        /// Sparkplug group identifier.
        SparkplugGroup = 604, "sparkplug-group";
        /// Sparkplug edge node identifier.
        SparkplugEdgeNode = 605, "sparkplug-edge-node";
        /// Sparkplug device identifier.
        SparkplugDevice = 606, "sparkplug-device";
        /// LwM2M endpoint client name.
        Lwm2mEndpoint = 607, "lwm2m-endpoint";
        /// Path of a CoAP resource.
        CoapResource = 608, "coap-resource";
        /// Resource type of a link (RFC 6690 section 3.1).
        ResourceType = 609, "resource-type";
        /// A WS-Discovery type, without its prefix.
        WsdType = 610, "wsd-type";
        /// A WS-Discovery scope.
        WsdScope = 611, "wsd-scope";
        /// AMQP 1.0 container id.
        AmqpContainerId = 613, "amqp-container-id";
        /// The platform that a program names as its own: a language or runtime, with its version.
        Platform = 614, "platform";
        /// An AMQP virtual host.
        VirtualHost = 615, "virtual-host";
        /// DICOM application entity title.
        DicomAeTitle = 616, "dicom-ae-title";
        /// DICOM implementation class UID.
        DicomImplementationUid = 617, "dicom-implementation-uid";
        /// DICOM implementation version name.
        DicomImplementationVersion = 618, "dicom-implementation-version";
        /// DICOM SOP class UID that a presentation context proposes.
        DicomSopClass = 619, "dicom-sop-class";
        /// HL7 facility: MSH-4 of the sender, MSH-6 of the receiver.
        Hl7Facility = 620, "hl7-facility";
        /// An equipment instance that a message names (HL7 OBX-18, PRT-10).
        EquipmentId = 621, "equipment-id";
        /// OCPP identity of a charge point.
        ChargePointId = 622, "charge-point-id";
        /// ICCID of a SIM card.
        Iccid = 623, "iccid";
        /// IEEE 1284 device id of a printer.
        Ieee1284DeviceId = 624, "ieee1284-device-id";
        /// A maker's identifier of a hardware design.
        HardwareId = 625, "hardware-id";
        /// LIFX vendor number.
        LifxVendorId = 626, "lifx-vendor-id";
        /// LIFX product number.
        LifxProductId = 627, "lifx-product-id";
        /// The identifier by which a thing is known to its maker's cloud.
        ThingId = 628, "thing-id";
        // Hosts and services: 650 to 699.
        /// SMB ServerGuid: some servers keep it, some make it from their name.
        SmbServerGuid = 650, "smb-server-guid";
        /// SMB ClientGuid: one for each start of the client.
        SmbClientGuid = 651, "smb-client-guid";
        /// SMB NativeOS: what a side says of its system, true or not.
        NativeOs = 652, "native-os";
        /// SMB NativeLanMan: what a side says of its file service.
        NativeLanMan = 653, "native-lan-man";
        /// Greeting of an FTP server.
        FtpBanner = 654, "ftp-banner";
        /// An FTP server's answer to SYST.
        FtpSystem = 655, "ftp-system";
        /// SIP User-Agent header.
        SipUserAgent = 656, "sip-user-agent";
        /// SIP Server header.
        SipServer = 657, "sip-server";

        // Infrastructure: 700 to 749.
        /// NTP stratum of a server: 1 has a clock of its own.
        NtpStratum = 700, "ntp-stratum";
        /// NTP reference identifier: letters of a clock at stratum 1, else the server that is followed or a hash of it.
        NtpReference = 701, "ntp-reference";
        /// HOSTNAME of a syslog message: its first sender's, where no relay passed it on.
        SyslogHostname = 702, "syslog-hostname";
        /// APP-NAME or tag of a syslog message.
        SyslogAppName = 703, "syslog-app-name";
        /// IPMI product id: a maker's number of a board.
        IpmiProductId = 704, "ipmi-product-id";
        /// SNMP trap or notification, dotted.
        TrapOid = 706, "trap-oid";
        /// Enterprise of an SNMPv1 trap, dotted: of its agent as a rule, of a standard's trap that of the standard.
        TrapEnterprise = 707, "trap-enterprise";
        /// A router's identifier in its routing protocol, written as an IPv4 address.
        RouterId = 708, "router-id";
        /// An area of a routing protocol.
        AreaId = 709, "area-id";
        /// Number of an autonomous system.
        AutonomousSystem = 710, "autonomous-system";
        /// An address that a group of routers shares.
        VirtualAddress = 711, "virtual-address";
        /// Number of a group of routers that share an address.
        RedundancyGroup = 712, "redundancy-group";
        /// A router's priority in such a group.
        RedundancyPriority = 713, "redundancy-priority";
        /// IS-IS system id.
        IsisSystemId = 714, "isis-system-id";
        /// A multicast group that a host is a member of.
        MulticastGroup = 715, "multicast-group";
        /// An identifier that a licence is bound to (MNDP).
        SoftwareId = 716, "software-id";
        /// Observation domain, source id or sub-agent of a flow exporter.
        ObservationDomain = 717, "observation-domain";
        /// An IKE vendor id payload.
        IkeVendorId = 718, "ike-vendor-id";
        /// A Diffie-Hellman group, as the protocol numbers it.
        DhGroup = 719, "dh-group";
        /// An integrity or hash method, as the protocol words it.
        IntegrityMethod = 720, "integrity-method";
        /// Name of a wireless network.
        Ssid = 721, "ssid";
        /// A pseudo-random function, as the protocol words it.
        PseudoRandomFunction = 722, "prf";
        /// A remote access tool or tunnel that a message is of.
        RemoteAccess = 723, "remote-access";
        /// How long a device is up, in seconds.
        UptimeSeconds = 725, "uptime-seconds";
        /// A SYN+ACK's stack signature, which depends on the SYN that it answers.
        TcpSignatureAnswer = 726, "tcp-signature-answer";
        /// An operation by its protocol's name.
        Operation = 750, "operation";
        /// What became of a log-in, or of a protection that was asked for: `offered`, `attempted`, `accepted`, `refused`, `required`.
        Outcome = 660, "outcome";
        /// Kerberos encryption type of a ticket (RFC 3961 section 8).
        TicketEncryption = 661, "ticket-encryption";
        /// Kerberos encryption type of a session's answer.
        SessionEncryption = 662, "session-encryption";
        /// A naming context of a directory, as a distinguished name.
        NamingContext = 663, "naming-context";
        /// Functional level of a domain controller (MS-ADTS section 3.1.1.3.2.25).
        FunctionalLevel = 664, "functional-level";
        /// Greeting of a mail server.
        MailBanner = 665, "mail-banner";
        /// A name by which a host greets a mail server (RFC 5321 section 4.1.1.1).
        MailClient = 666, "mail-client";
        /// Greeting or prompt of a terminal server, before anybody logs in.
        TelnetBanner = 667, "telnet-banner";
        /// Type of a terminal (RFC 1091).
        TerminalType = 668, "terminal-type";
        /// Name of a file that is fetched or left.
        FileName = 669, "file-name";
        /// RFB security type.
        RfbSecurityType = 670, "rfb-security-type";
        /// RDP security protocols: bits in a request, a number in an answer (MS-RDPBCGR section 2.2.1.1.1).
        RdpProtocol = 671, "rdp-protocol";
        /// RDP encryption method of a session without TLS (MS-RDPBCGR section 2.2.1.4.3).
        RdpEncryptionMethod = 672, "rdp-encryption-method";
        /// RDP encryption level of such a session.
        RdpEncryptionLevel = 673, "rdp-encryption-level";
        /// RADIUS NAS-Identifier.
        NasIdentifier = 674, "nas-identifier";
        /// Station that a network access server was called at: its own MAC address, often with an SSID (RADIUS Called-Station-Id).
        CalledStation = 675, "called-station";
        /// RADIUS Service-Type.
        ServiceTypeNumber = 676, "service-type-number";
        /// EAP method type (RFC 3748 section 5).
        EapType = 677, "eap-type";
        /// RTSP Server header.
        RtspServer = 678, "rtsp-server";
        /// RTSP User-Agent header.
        RtspUserAgent = 679, "rtsp-user-agent";
        /// Name of a session that a stream's description gives (RFC 8866 section 5.3).
        SessionName = 680, "session-name";
        /// The group of a TLS key exchange (RFC 8422 section 5.1.1, RFC 8446 section 4.2.7).
        TlsGroup = 681, "tls-group";
        /// Length in bits of the prime of a Diffie-Hellman key exchange.
        DhPrimeBits = 682, "dh-prime-bits";
        /// 1 if a TLS session was resumed.
        TlsResumption = 683, "tls-resumption";
        /// Identity of a pre-shared key.
        PskIdentity = 684, "psk-identity";
        /// SSH key exchange method that both sides agree on (RFC 4253 section 7.1).
        SshKeyExchange = 685, "ssh-key-exchange";
        /// SSH host key algorithm that both sides agree on.
        SshHostKeyAlgorithm = 686, "ssh-host-key-algorithm";
        /// SSH cipher that both sides agree on, of one direction.
        SshCipher = 687, "ssh-cipher";
        /// SSH message authentication code that both sides agree on, of one direction.
        SshMac = 688, "ssh-mac";
        /// QUIC version.
        QuicVersion = 689, "quic-version";
        /// Version, or number of the build, of a client's program.
        ClientBuild = 690, "client-build";
        /// Name of the desktop that a server shows.
        DesktopName = 691, "desktop-name";
        /// How many groups of a TLS client's offer withstand quantum computers.
        QuantumSafeGroups = 692, "quantum-safe-groups";
        /// A machine's account in Kerberos (RFC 4120 section 6.2, MS-KILE section 3.1.5.6): `HOST$`.
        KerberosPrincipal = 693, "kerberos-principal";
    }
}

table! {
    /// What sort of statement an observation is.
    Kind: u8 {
        /// What a device says of what it is.
        Identity = 1, "identity";
        /// Which addresses belong together.
        Binding = 2, "binding";
        /// A name for an address or device.
        Name = 3, "name";
        /// A service that is offered.
        Service = 4, "service";
        /// What a client shows of its software.
        Client = 5, "client";
        /// How a conversation is protected or authenticated.
        Security = 6, "security";
        /// What one device says of another on its link.
        Neighbor = 7, "neighbor";
        /// An address given to a client.
        Lease = 8, "lease";
        /// Somebody asked for this.
        Request = 9, "request";
        /// Where a device was seen.
        Presence = 10, "presence";
        /// A certificate that was presented.
        Certificate = 11, "certificate";
        /// A public key or engine identifier that was presented.
        Key = 12, "key";
        /// A secret was shown; only its use, length class and tags.
        Credential = 13, "credential";
        /// Bridges, roots and routes.
        Topology = 14, "topology";
        /// An operating state.
        State = 15, "state";
        /// A router announced itself.
        Router = 16, "router";
        /// A part or nested device.
        Part = 17, "part";
        /// How a TCP/IP stack behaves.
        Stack = 18, "stack";
        /// Something that may change a device was asked of it.
        Operation = 19, "operation";
        /// What somebody signed to prove that it holds a key, and the signature; nobody has verified it yet.
        Proof = 20, "proof";
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_name_is_unique_and_leads_back() {
        assert_eq!(Field::ALL.iter().map(|f| f.name()).collect::<BTreeSet<_>>().len(), Field::ALL.len());
        for &field in Field::ALL {
            assert_eq!(Field::from_name(field.name()), Some(field));
            assert_eq!(Field::from_code(field.code()), Some(field));
        }
        for &kind in Kind::ALL {
            assert_eq!(Kind::from_name(kind.name()), Some(kind));
            assert_eq!(Kind::from_code(kind.code()), Some(kind));
        }
    }
}
