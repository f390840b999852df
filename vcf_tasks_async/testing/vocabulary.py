"""The words of SDDC Manager: what its tasks are called, what they consist of, and why they fail.

Data only. Names and types follow what was seen on real systems; the texts are our own.
"""

from typing import NamedTuple

__all__ = [
    "ACCOUNTS",
    "CREDENTIAL_KINDS",
    "FAILURES",
    "INSTALLER_KINDS",
    "KINDS",
    "OBJECTS",
    "SHORT_NAMES",
    "VERBS",
    "Failure",
    "Kind",
]


class Kind(NamedTuple):
    """One kind of task: its type, its name (with {host} and {domain} filled in), what it works on."""

    type: str
    name: str
    resource: str
    weight: int = 1


class Failure(NamedTuple):
    """One way to fail: what the composite error says, what the nested one says, why, and the remedy."""

    code: str
    message: str
    nested_code: str
    nested_message: str
    cause_type: str
    cause: str
    remediation: str


KINDS = (
    Kind("DOMAIN_CREATION", "Vi workload Domain Creation", "DOMAIN", 2),
    Kind("HOST_COMMISSION", "Commissioning host(s) {host} to VMware Cloud Foundation", "ESXI", 4),
    Kind("HOST_DECOMMISSION", "Decommissioning host(s) {host} from VMware Cloud Foundation", "ESXI", 2),
    Kind("CLUSTER_EXPANSION", "Adding host(s) to cluster in workload domain {domain}", "CLUSTER", 2),
    Kind("UPGRADE", "Upgrade of vCenter in workload domain {domain}", "VCENTER", 3),
    Kind("UPGRADE", "Upgrade of NSX in workload domain {domain}", "NSXT_MANAGER", 2),
    Kind("UPGRADE", "Upgrade of ESX hosts in workload domain {domain}", "ESXI", 3),
    Kind("SDDCMANAGER_BACKUP", "SDDC Manager Backup", "SDDC_MANAGER", 5),
    Kind("VLCM_TRANSITION", "Transition of cluster to vSphere Lifecycle Manager images", "CLUSTER", 1),
    Kind("DOMAIN_VLCM_TRANSITION", "Transition of workload domain {domain} to image management", "DOMAIN", 1),
    Kind("DNS_CONFIGURATION", "Configure DNS servers on VCF system", "SDDC_MANAGER", 1),
    Kind("NTP_CONFIGURATION", "Configure NTP servers on VCF system", "SDDC_MANAGER", 1),
    Kind("CERTIFICATE_REPLACEMENT", "Replacement of certificates in workload domain {domain}", "VCENTER", 2),
    Kind("BUNDLE_DOWNLOAD", "Download of bundle for workload domain {domain}", "SDDC_MANAGER", 4),
)

INSTALLER_KINDS = (
    Kind("SDDC_DEPLOYMENT", "Deployment of VCF management domain {domain}", "SDDC_MANAGER", 2),
    Kind("SDDC_VALIDATION", "Validation of VCF deployment specification {domain}", "SDDC_MANAGER", 3),
    Kind("BUNDLE_DOWNLOAD", "Download of binaries for {domain}", "SDDC_MANAGER", 4),
    Kind("VCENTER_DEPLOYMENT", "Deployment of vCenter for {domain}", "VCENTER", 2),
)

#: Credential tasks: type, the name of the task, and the verb its subtasks begin with.
CREDENTIAL_KINDS = (
    ("ROTATE", "Credentials rotate operation", "Password rotate"),
    ("UPDATE", "Credentials update operation", "Password update"),
    ("REMEDIATE", "Credentials remediate operation", "Password remediate"),
    (
        "UPDATE_AUTO_ROTATE_POLICY",
        "Credentials update auto rotate policy operation",
        "Auto rotate policy update",
    ),
)

#: Whose passwords are managed: resource type, user, credential type.
ACCOUNTS = (
    ("ESXI", "root", "SSH"),
    ("VCENTER", "root", "SSH"),
    ("VCENTER", "administrator@vsphere.local", "SSO"),
    ("NSXT_MANAGER", "admin", "API"),
    ("NSXT_MANAGER", "audit", "AUDIT"),
    ("BACKUP", "backup", "FTP"),
)
#: How a resource type is abbreviated in host names.
SHORT_NAMES = {"ESXI": "esx", "VCENTER": "vc", "NSXT_MANAGER": "nsx", "SDDC_MANAGER": "vcf", "BACKUP": "vcf"}

#: Subtasks are a verb and an object: the identifier and the prose of each.
VERBS = (
    ("Validate", "Validate"),
    ("Acquire", "Acquire the lock for"),
    ("Gather", "Gather the input for"),
    ("Configure", "Configure"),
    ("Deploy", "Deploy"),
    ("Enable", "Enable"),
    ("Update", "Update the inventory of"),
    ("Verify", "Verify the health of"),
    ("Generate", "Generate the specification of"),
    ("Remove", "Remove stale entries of"),
)
OBJECTS = (
    ("HostVibs", "VIBs on the ESX hosts"),
    ("VcenterServices", "services of vCenter"),
    ("NsxManagerCluster", "the NSX Manager cluster and its virtual IP address"),
    ("DistributedSwitch", "the vSphere Distributed Switch and its port groups"),
    ("VsanDatastore", "the vSAN datastore and its storage policy"),
    ("TransportZone", "the overlay transport zone and the host TEP pool"),
    ("DnsAndNtp", "DNS and NTP settings"),
    ("ThumbprintsInTrustStore", "SSL and SSH thumbprints in the trust store"),
    ("ClusterImage", "the vSphere Lifecycle Manager image"),
    ("LicenseKeys", "license assignments"),
    ("ServiceAccounts", "service accounts between the components"),
    ("BackupLocation", "the backup location and its passphrase"),
    ("DomainInventory", "the workload domain in the inventory of SDDC Manager"),
    ("BundleManifest", "the bundle and its manifest"),
)

FAILURES = (
    Failure(
        "HOST_VALIDATION_FAILED",
        "Host validation failed",
        "HOST_SSH_CONNECTION_FAILED",
        "Failed to establish an SSH connection to host {fqdn}",
        "com.jcraft.jsch.JSchException",
        "Auth fail for user root on {fqdn}:22",
        "Make sure that SSH is enabled on {fqdn} and that the root password is right, then retry the task.",
    ),
    Failure(
        "DNS_VALIDATION_FAILED",
        "Validation of name resolution failed",
        "DNS_FORWARD_LOOKUP_FAILED",
        "Forward lookup of {fqdn} gave no address",
        "java.net.UnknownHostException",
        "{fqdn}: Name or service not known",
        "Create the A and PTR records of {fqdn} on the DNS servers, then retry the task.",
    ),
    Failure(
        "NTP_VALIDATION_FAILED",
        "Time synchronisation check failed",
        "NTP_DRIFT_TOO_HIGH",
        "The clock of {fqdn} is 412 seconds away from SDDC Manager",
        "com.vmware.evo.sddc.common.NtpException",
        "Offset 412.7 s is above the limit of 300 s",
        "Point {fqdn} at the same NTP servers as SDDC Manager and wait until it is in sync, then retry.",
    ),
    Failure(
        "VCENTER_OPERATION_FAILED",
        "Operation on vCenter failed",
        "VCENTER_SERVICE_UNAVAILABLE",
        "vCenter {fqdn} answered 503 Service Unavailable while a session was being created",
        "com.vmware.vapi.std.errors.ServiceUnavailable",
        "vpxd is not running",
        "Start the services of {fqdn} (service-control --start --all), then retry the task.",
    ),
    Failure(
        "NSXT_OPERATION_FAILED",
        "Operation on NSX Manager failed",
        "NSXT_CLUSTER_NOT_STABLE",
        "The NSX Manager cluster {fqdn} is DEGRADED: 2 of 3 nodes are up",
        "com.vmware.nsx.ClusterStatusException",
        "Group HTTPS has status DEGRADED",
        "Bring back the third node of {fqdn} until the cluster is STABLE, then retry the task.",
    ),
    Failure(
        "VSAN_CONFIGURATION_FAILED",
        "Configuration of vSAN failed",
        "VSAN_DISK_NOT_ELIGIBLE",
        "Host {fqdn} has no disk that is eligible for vSAN",
        "com.vmware.vim.vsan.VsanFault",
        "Disks hold partitions of an earlier installation",
        "Wipe the partitions of the capacity disks on {fqdn}, then retry the task.",
    ),
    Failure(
        "UPGRADE_PRECHECK_FAILED",
        "Precheck of the upgrade failed",
        "INSUFFICIENT_DISK_SPACE",
        "{fqdn} has 3.1 GB free on /storage/updatemgr, 20 GB are needed",
        "java.io.IOException",
        "No space left on device",
        "Free at least 20 GB on {fqdn}, run the precheck again, then retry the upgrade.",
    ),
    Failure(
        "CERTIFICATE_OPERATION_FAILED",
        "Replacement of the certificate failed",
        "CERTIFICATE_EXPIRED",
        "The certificate of {fqdn} expired 9 days ago",
        "java.security.cert.CertificateExpiredException",
        "NotAfter lies in the past",
        "Replace the certificate of {fqdn} by hand, import it into SDDC Manager, then retry the task.",
    ),
    Failure(
        "BACKUP_FAILED",
        "Backup of SDDC Manager failed",
        "SFTP_UPLOAD_FAILED",
        "The backup could not be uploaded to sftp://{fqdn}/backups: host key mismatch",
        "com.jcraft.jsch.JSchException",
        "HostKey has been changed",
        "Take over the new host key of {fqdn} in the backup settings, then start the backup again.",
    ),
    Failure(
        "LICENSE_ASSIGNMENT_FAILED",
        "Assignment of licenses failed",
        "LICENSE_CAPACITY_EXCEEDED",
        "License key of {fqdn} covers 64 cores, 96 are in use",
        "com.vmware.license.CapacityException",
        "32 cores are not covered",
        "Add a license with at least 32 cores for {fqdn}, then retry the task.",
    ),
)
