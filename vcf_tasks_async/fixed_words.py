"""The words that are SDDC Manager's own: what a snapshot of a real system may say in the clear.

Words of the product, of the field and of plain English, in lower case: what the texts of tasks, steps and
errors are made of. No word that names one site, customer or person alone. Data only; what is done with it is
`scrubbing`.
"""

from __future__ import annotations

from typing import Final

_WORDS: Final = """
a about above accept acceptance accepted access accessed accessibility accessible account accounts achieved
acknowledge acquire acquired acquiring across action actions activate activated activating activation active
activity actual ad add added adding addition additional address addresses adjust adjusted admin
administrator after again against age agent agents aggregate ago ahead alarm alarms alert alerts alias align
alignment all allocate allocated allocation allow allowed allows along already also altered alternate
alternative always ambiguous among amount an analysis analyze analyzer and announce another answer answered
any apart api apis appear appears append appliance appliances applicable application applications applied
apply applying approve approved arbitrary architecture archive are aren argument arguments aria around arp
array arrived as aside ask asked assert assessment asset assets assign assigned assigning assignment
assignments associate associated association at attach attached attaching attempt attempted attempts
attention attribute attributes audit augment auth authenticate authenticated authentication author authority
authorization authorize authorized auto automatic automatically automation availability available avoid
await awaiting away back backed backend background backing backup backups bad balance balancing bandwidth
bare base based baseline baselines basic batch be bearer because become been before began begin beginning
begins begun behaviour behind being belongs below between beyond bgp binaries binary bind binding bios blank
block blocked blocking blocks bmc board body boot both bound bounds bracket bridge brief bring bringup
broadcom broken brought browser bucket buffer build building builds bulk bundle bundles busy but by bytes ca
cache cached caching calculate call called caller calls can cancel canceled cancellable cancelled cancelling
candidate cannot capabilities capability capacity careful carried carry case cases catalog catch category
cause caused causes ceip cell center central centre cert certain certificate certificates certificatespec
cfg chain change changed changes changing channel character chart check checked checking checklist checks
checksum child children choose cidr cim ciphers circumstances class classification clean cleaned cleaning
cleanup clear cleared clearing cli client clients clock clone cloning close closed closing cloud cluster
clustering clusters cn cns code codes cold collect collected collecting collection column com combination
combined coming command commands comment commission commissioned commissioning commit committed common
communicate communication community compare compared comparison compatibility compatible compile complain
complete completed completes completing completion compliance compliant component components compose
composite compress compute computed concern concurrent condition conditions config configs configuration
configurations configure configured configures configuring confirm conflict conflicts connect connected
connecting connection connections connectivity connector consist consistency consistent console constraint
consult consume contact contain contained container containers containing contains content contention
contents context continue continued continuing contract control controlled controller controllers convert
converted coordinator copied copy copying core cores correct corrected correctly correlate correlating
corrupt corrupted cost could couldn count counter course covered covers cpu cpus crash crashed create
created creates creating creation credential credentials critical cryptography csr current currently custom
customer customization cut cycle cyclic d daemon daily damaged dashboard data database databases datacenter
datacenters datastore datastores date datetime day days db dc dcui deactivate deactivated dead deadline deal
decide decided declared decode decoded decommission decommissioned decommissioning decrypt deep default
defaults defer deferred define defined definition degraded delay delegate delete deleted deleting deletion
delivered delivery demand denial denied deny depend dependencies dependency dependent deploy deployed
deploying deployment deployments depot deprecated depth derived describe describes description descriptor
descriptors design desired despite destination detach detached detail detailed detailing details detect
detected detection determine deviation device devices dhcp dhcpv6 diagnostic dialog did didn differ
difference different digest digit dimension direct direction directories directory disable disabled
disabling disallowed discard disconnect disconnected discover discovered discovering discovery disk disks
display distance distinct distributed distribution division dns do document documentation does doesn domain
domainmanager domains don done double down download downloaded downloading downloads downtime dpu draft
drain draining drift drive driver drivers drop dropped drs dry due dump duplicate duplicated duration during
dvs dynamic each earlier early ecmp ecosystem edge edgecluster edges edit edited edition effect effective
efficient eight either elapsed election element elements eligibility eligible eliminate else email embedded
emergency emit emptied empty enable enabled enables enabling encode encoded encountered encrypt encrypted
encryption end ended ending endpoint endpoints ends enforce engine enough ensure ensuring enter entered
entering entire entities entity entries entry enum enumerate environment environments equal erase error
errors escalate escape essential establish established establishing estimate esx esxcli esxi etc evacuate
evacuation evaluate evaluation evc even event events every evict evo exact exactly example exceeded exceeds
except exception exceptions excerpt excess exchange exclude excluded exclusive execute executed executes
executing execution executor exhausted exist existing exists exit exited exiting expand expanded expanding
expansion expect expected experience experimental expert expiration expire expired expires expiry explain
explicit export exported exporting expose extend extended extension extensions extent external extra extract
extracted extracting extreme facility fact factory fail failed failing failover fails failure failures false
family far fast fatal fault faults fc fcoe fd feature features fetch fetched fetches fetching few fewer
fiber field fields file files filesystem fill filled filter filtered filters final finalize finalized
finalizing finally find finding finds fingerprint fingerprints finish finished finishing fips firewall
firewalls firmware first fit five fix fixed flag flags flat fleet flow flush focus folder folders follow
followed following follows footprint for forbidden force forced foreign forest forget form format formatted
forward found foundation four fqdn fqdns fraction frame free freeze frequency fresh from front frozen ft ftp
full fully function further future gap gateway gateways gather gathered gathering gave gb gcm general
generate generated generates generating generation generic get gets getting ghz gib give given gives global
go goal goes going gone good got gpu gracefully granted graph greater green greenfield group groups guard
guest gui guide ha had half halt halted hand handle handler handling hang happened happens hard hardware has
hash hasn have haven having hba hbas hcia hcl hcx head header headers health healthy heap heartbeat heavy
held help hence here hidden high higher hint histories history hit hms hold holds home host hostname
hostnames hosts hot hour hours how hpe html http https human hung hybrid hypervisor i iaas id idempotent
identifier identifiers identify identity idle ids if ignore ignored ignoring ikev2 ilo image images
immediate immediately immutable impact implement implicit import important imported importing imports
improper improvement in inability inactive inbound incident include included includes including incoming
incompatible incomplete inconsistent incorrect increase increased index indicates individual influence info
inform information infrastructure ingest inherit initial initialise initialization initialize initialized
initializing initiate initiated inner input inputs insert inside insight inspect inspected install
installation installations installed installer installing instance instances instead instruct instructions
insufficient integer integrate integration integrity intended intent interaction interactive interest
interface interfaces interfere interim intermediate internal internet interrupted interval into introduce
intrusion invalid inventories inventory invocation invoke invoked involve io iops ip ipam ipmi ips ipv4 ipv6
iqn irrelevant irreversible is iscsi isn iso isolated isolation issue issued issuer issues issuing it item
items iteration its itself java job jobs join joined joining journal jre jsch json judge just jvm jwt kb
kbps keep keeping kept kernel key keys keystore keytab kib kind kinds kmip kms kmx know known kubernetes lab
label labels lack lacp lag lagroup language lapse large last late latency later latest launch layer layers
layout lbs lcm lcmservice ldap ldaps lead leader leaf lease least leave leaves left legacy length less let
level levels libraries library licence license licensed licenses licensing lies lifecycle lifetime light
like likely limit limits line lines link linked links linux list listed listen listener lists literal little
live ll lldp load loaded loading local locale localhost localizable localize localized locate located
location locations lock lockdown locked locks log logged logging logical login logins logout logs long
longer look lookup loop lost low lower lun luns mac machine machines made mail main maintain maintenance
major make makes making malformed manage managed management manager managers mandatory manifest manifests
manual manually map mapped mapping mappings marked marker master match matched matches matching mature max
maximum maxmimum may mb mbps mean means measure media medium meet member members membership memory mention
merge merged message messages met metadata metering method metric mgmt mib microseconds middle migrate
migrated migrating migration milliseconds min mind minimum minor minute minutes mirror mismatch mismatched
missing mistake mitigation mixed mode model modes modified modify modifying module modules modulo moment
monitor monitored monitoring month months more most mount mounted mounting move moved moves moving ms mss
mtu multi multiple must mutual my name named names namespace namespaces naming narrow nas nat native near
nearly necessary need needed needle needs negative neither nested net netapp netmask netpool network
networking networks never new newer newest newly next nfs nfs3 nfs41 nfsmount nic nics night nioc nis no
node nodes non none nor normal not note noted nothing notice notification notifications notify notready now
nsx nsxt ntp null number numbers nvds nvme object objects observability obsolete obtain obtained occur
occurred occurs odd oem of off offer offline offset often ok old older oldest omit on onboard once one ones
ongoing online only onto oob open openapi opened opening opensearch operating operation operational
operations operator optimize option optional options or orchestrate orchestration orchestrator order ordered
ordinal org organisation organization origin original orphaned os ospf other others otherwise our out outage
outbound outcome outdated outer output outside ova over overall overlap overlapping overlay override ovf
owing own owned owner owners ownership pack package packages packet page pages paging pair panel paper
parallel parallelism parameter parameters parent parse parsed parsing part partial partially participating
partition partitioned partitions partner pass passed passes passing passphrase password passwords past patch
patched patches patching path paths pattern pause paused pausing payload peer peers pem pending per percent
percentage perform performance performed performing performs period permission permissions permit permitted
persist persistence persistent personality pfx phase phases physical pick picked piece pin ping pinned
pinning pkcs pki pks place placed placement plain plan planned planning platform platforms play please
plugin plugins pnic pod pods point pointer policies policy poll polling pool pools port portgroup portgroups
ports position positive possible possibly post postcheck postconfiguration posted potential power powered
practice preboot precheck prechecks precise precondition prefer preferred prefix preparation prepare
prepared prepares preparing prerequisite prerequisites present preserve pressure prevent prevented previous
previously primary principal print prior priority private privilege privileges problem problems procedure
proceed proceeding process processed processes processing produce product profile profiles program progress
prohibited promote prompt proof propagate proper properties property proposal proposed protect protected
protection protocol protocols prove proven provide provided provider providers provides provision
provisional provisioned provisioning proxies proxy psc ptr public publish published pull pulled purge purged
purpose push put pvlan pxe qualified quality queries query queue queued quick quickly quiesce quiet quit
quite quorum quota raid ran random range ranges rank rare rarely rate rather ratio raw rdm rdma re reach
reachability reachable reached reaction read readable reader readiness reading reads ready real reason
reasons reassign rebalance rebalancing reboot rebooted rebooting rebuild recall receive received recent
recently recognised recommend recommended recompute reconcile reconfigure reconfigured reconfiguring
reconnect reconnected record records recover recovered recovering recovery recreate recurring red redeploy
redirect reduce reduced redundancy redundant refer reference referenced references refine refresh refreshed
refreshing refuse refused regard regardless regenerate regenerated regenerating region regions register
registered registering registers registration registry regular reinstall reject rejected related relation
relative release released releases releasing relevant reliability reliable reload relocate rely remain
remaining remains remap remediate remediated remediating remediation remediations remedy remember remote
removable removal remove removed removes removing rename renamed renaming render renew renewal repair
repaired repeat repeatedly replace replaced replacement replaces replacing replica replicas replicate
replicated replication reply report reported reporting repositories repository represent represents request
requested requester requests require required requirement requirements requires rescan reservation
reservations reserve reserved reset resets resetting reside resilience resize resolution resolve resolved
resolver resolving resource resources respond responded responding response responses rest restapi restart
restarted restarting restore restored restoring restrict restricted restriction result results resume
resumed resuming resync retain retention retired retried retries retrieval retrieve retrieved retrieves
retrieving retry retryable retrying return returned returning returns reuse reverse revert reverted review
revision revoke revoked rewrite rewritten right rights risk roce role roles roll rollback rolled rolling
root rotate rotated rotating rotation rough round route routed router routers routes routing row rpc rsa
rule rules run running runs runtime s safe same sample san sanitize sanity sans sas sata saturated save
saved saving says scale scan scanned scanning schedule scheduled scheduler scheduling schema scope scp
script scripts sddc sddcid sddclcm sddcmanager sddcs sddm sdk seal search second secondary seconds secret
section secure secured security sed see seed seek seems seen segment segments select selected selection self
send sends sense sensitive sensor sent separate sequence sequential serial series serious serve server
servers serves service services serving session sessions set sets setting settings setup severe severity
sftp sha shall share shared shell short shorter shortly should shouldn show shown shows shrink shut shutdown
shutting side sign signature signed signing similar simple simulated since single sioc site sites six size
sized sizes sizing skip skipped skipping sleep slice slot slow small smart smb smbios sms smtp snap snapshot
snapshots snmp so software solution solutions solve some sometimes soon sort sorted sos source sp space span
spare spbm spec specific specification specifications specified specify specs speed spent split spnego
spread spss ssd ssds ssh ssl sso ssp stability stable stack stage staged stages staging stale stand standard
standby start started starting starts startup state stateful stateless states static station status statuses
stay stayed stays stem step steps still stop stopped stopping stops storage store stored stores storing stp
strategy stream stretch stretched strict string strip strong structure stuck style sub subject submit
submitted subnet subnets subordinate subscribe subscription subsequent substantial substitute subtask
subtasks succeed succeeded succeeds success successful successfully such sufficient suffix suggest suggested
suggestion suitable suite sum summary super supervisor supplement supplied supply support supported supports
suppressed sure surrounding survive suspend suspended suspending sustain swap switch switches switchover
symbol symlink symptom sync synced synchronise synchronization synchronize synchronized synchronizing syntax
synthetic syslog system systems t ta table tag tags tail taint tainted take taken takes taking tanzu target
targets task tasks tb tcp tcpip team teaming teardown technical telemetry template templates temporal
temporarily temporary tenant tend tep term terminate terminated terminating terms test tested testing text
texts than that the their them then there these they thing think third this those though thousand thread
three threshold through throughput throw thumbprint thumbprints tib ticket tier tight time timed timeout
timeouts timer times timestamp timestamps timezone tiny title tkg tls tls12 to today together token tokens
told tolerance tolerate tomorrow too tool tools top topology total touch toward tpm trace track tracked
tracking traffic trail train transaction transfer transferred transferring transform transient transit
transition transitioned transitioning translate transport tree trial tries trigger triggered triggering trip
true truncated trunk trust trusted truststore try trying ttl tuned tuning tunnel turn twice two type types
typical udp uefi ues ui ulp unable unassign unassigned unauthenticated unauthorized unavailable unblock
unchanged uncheck unclear undefined undeploy under underlay underlying undo undone unexpected unexpectedly
unhealthy uniform uninstall uninstalled unique unit units unknown unless unlikely unlimited unlock unlocked
unmanaged unmap unmount unmounted unnecessary unpack unplanned unprepare unreachable unregister unregistered
unregistering unresolved unsafe unset unsigned unspecified unstable unsupported untagged until untrusted
unused up update updated updatemgr updater updates updating upgradable upgrade upgraded upgrades upgrading
uplink uplinks upload uploaded uploading upon upper uptime urgent uri url urls usable usage usb use used
user username usernames users uses using utc utilisation utility utilization uuid vacate valid validate
validated validates validating validation validations validator value values vami vapi vapp variable variant
various vary vasa vault vcenter vcenters vcf vcfms vcha vcpu vcs vcsa vdc vdisk vdpc vds vdswitch ve vendor
vendors verb verbose verification verified verifies verify verifying version versions very vgpu vi via
viable vib vibs vidm view views vim violation vip virtual virtualization visibility visible vital vlan vlans
vlcm vm vmc vmdk vmfs vmk vmkernel vmknic vmnic vmotion vms vmsp vmware vmx vmxnet vnic volatile volume
volumes vpc vpn vpxd vrealize vrf vrli vrni vrops vrslcm vsan vsm vsphere vspp vss vtep vtn vum vvol vvols
vxlan vxrail wait waited waiting waits want wanted warehouse warm warn warning warnings was wasn watch
watchdog watched way wcp we weak web week weekly weeks weight well went were weren what when where whether
which while who whole whose why wide width wildcard will window windows wipe wiped wiping wish with within
without witness wld won word words work worked worker workers workflow workflows working workload workloads
works would wouldn wrap write writes writing written wrong wsa wsfc www x509 xml xvm yellow yes yet you your
zero zombie zone zones
"""
FIXED_WORDS: Final = frozenset(_WORDS.split())
