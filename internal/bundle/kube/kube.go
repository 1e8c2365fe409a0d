// Package kube writes the Kubernetes manifest of a bundle: a Job that runs its
// image with as little as it needs, and a NetworkPolicy. A policy and the names
// of things come in, YAML goes out. What the cluster can enforce from outside is
// carried over from the policy; what it cannot, such as host names, the bundle
// itself enforces, and the manifest says so in annotations. Nothing is applied.
package kube

import (
	"fmt"
	"net/netip"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"x07/internal/bundle/oci"
	"x07/internal/policy"
	"x07/internal/sandbox"
)

// Options say what to write.
type Options struct {
	// Name is the bundle's name; object names are made from it.
	Name string
	// Executable is the file name of the executable in the image.
	Executable string
	// Image is the image reference.
	Image string
	// RuntimeClass is the RuntimeClass of the pod; "" is the cluster's default.
	RuntimeClass string
	// Policy is the bundle's policy; nil in run-os.
	Policy *policy.Policy
	// MemoryBytes is the program's heap, for bundles without a policy.
	MemoryBytes uint64
}

// runtimeBytes is what a bundle needs besides the program's memory.
const runtimeBytes = sandbox.RunnerMemBytes

// Encode returns the manifest.
func Encode(o Options) []byte {
	name := objectName(o.Name)
	var y yaml
	y.line(0, "apiVersion: batch/v1")
	y.line(0, "kind: Job")
	meta(&y, name, annotations(o))
	y.line(0, "spec:")
	y.line(1, "backoffLimit: 0")
	if p := o.Policy; p != nil {
		// limits.wall_ms, and time to pull and start.
		y.line(1, "activeDeadlineSeconds: %d", (p.Limits.WallMs+999)/1000+60)
	}
	y.line(1, "template:")
	y.line(2, "metadata:")
	y.line(3, "labels:")
	y.line(4, "app.kubernetes.io/name: %s", quote(name))
	y.line(2, "spec:")
	if o.RuntimeClass != "" {
		y.line(3, "runtimeClassName: %s", quote(o.RuntimeClass))
	}
	y.line(3, "restartPolicy: Never")
	y.line(3, "automountServiceAccountToken: false")
	y.line(3, "enableServiceLinks: false")
	y.line(3, "securityContext:")
	y.line(4, "runAsNonRoot: true")
	y.line(4, "runAsUser: 65534")
	y.line(4, "runAsGroup: 65534")
	y.line(4, "fsGroup: 65534")
	y.line(4, "seccompProfile:")
	y.line(5, "type: RuntimeDefault")
	y.line(3, "containers:")
	y.line(4, "- name: %s", quote(name))
	y.line(5, "image: %s", quote(o.Image))
	y.line(5, "command: [%s]", quote(oci.Command(o.Executable)))
	y.line(5, "workingDir: %s", oci.WorkDir)
	resources(&y, o)
	y.line(5, "securityContext:")
	y.line(6, "allowPrivilegeEscalation: false")
	y.line(6, "readOnlyRootFilesystem: true")
	y.line(6, "capabilities:")
	y.line(7, "drop: [\"ALL\"]")
	vols := volumes(o)
	y.line(5, "volumeMounts:")
	for _, v := range vols {
		y.line(6, "- name: %s", quote(v.name))
		y.line(7, "mountPath: %s", quote(v.path))
		if !v.writable {
			y.line(7, "readOnly: true")
		}
	}
	y.line(3, "volumes:")
	for _, v := range vols {
		y.line(4, "- name: %s", quote(v.name))
		if v.writable {
			y.line(5, "emptyDir: {}")
			continue
		}
		y.line(5, "persistentVolumeClaim:")
		y.line(6, "claimName: %s", quote(name+"-"+v.name))
		y.line(6, "readOnly: true")
	}
	y.line(0, "---")
	network(&y, name, o)
	return []byte(y.b.String())
}

func meta(y *yaml, name string, notes [][2]string) {
	y.line(0, "metadata:")
	y.line(1, "name: %s", quote(name))
	y.line(1, "labels:")
	y.line(2, "app.kubernetes.io/name: %s", quote(name))
	if len(notes) > 0 {
		y.line(1, "annotations:")
		for _, n := range notes {
			y.line(2, "%s: %s", n[0], quote(n[1]))
		}
	}
}

// annotations are the limits and rules that the bundle enforces itself.
func annotations(o Options) [][2]string {
	p := o.Policy
	if p == nil {
		return [][2]string{{"x07.dev/world", "run-os"}}
	}
	hosts := make([]string, 0, len(p.Net.AllowHosts))
	if p.Net.Enabled {
		for _, h := range p.Net.AllowHosts {
			host := strings.TrimSpace(h.Host)
			if strings.Contains(host, ":") {
				host = "[" + host + "]"
			}
			hosts = append(hosts, host+":"+joinPorts(h.Ports))
		}
	}
	l := p.Limits
	return [][2]string{
		{"x07.dev/world", "run-os-sandboxed"},
		{"x07.dev/policy-id", p.PolicyID},
		{"x07.dev/allow-hosts", strings.Join(hosts, " ")},
		{"x07.dev/limits", fmt.Sprintf("cpu_ms=%d wall_ms=%d mem_bytes=%d fds=%d procs=%d", l.CPUMs, l.WallMs, l.MemBytes, l.FDs, l.Procs)},
	}
}

func joinPorts(ports []uint16) string {
	words := make([]string, len(ports))
	for i, n := range ports {
		words[i] = strconv.Itoa(int(n))
	}
	return strings.Join(words, ",")
}

func resources(y *yaml, o Options) {
	mem := o.MemoryBytes + runtimeBytes
	if o.Policy != nil {
		mem = o.Policy.Limits.MemBytes + runtimeBytes
	}
	y.line(5, "resources:")
	y.line(6, "requests:")
	y.line(7, "cpu: 50m")
	y.line(7, "memory: %s", quote(strconv.FormatUint(min(mem, 64<<20), 10)))
	y.line(6, "limits:")
	y.line(7, "cpu: \"1\"")
	y.line(7, "memory: %s", quote(strconv.FormatUint(mem, 10)))
}

// volume is a directory that the program has besides the image.
type volume struct {
	name, path string
	writable   bool
}

// volumes are the policy's roots and a place for temporary files. A directory
// that is both read and written is one volume.
func volumes(o Options) []volume {
	vols := []volume{{"tmp", "/tmp", true}}
	if o.Policy == nil || !o.Policy.FS.Enabled {
		return vols
	}
	at := func(root string) string {
		if path.IsAbs(root) {
			return path.Clean(root)
		}
		return path.Join(oci.WorkDir, root)
	}
	add := func(root string, writable bool) {
		p := at(root)
		for i := range vols {
			if vols[i].path == p {
				return
			}
		}
		n := "root-" + strconv.Itoa(len(vols))
		vols = append(vols, volume{n, p, writable})
	}
	for _, r := range o.Policy.FS.WriteRoots {
		add(r, true)
	}
	for _, r := range o.Policy.FS.ReadRoots {
		add(r, false)
	}
	return vols
}

// network writes the NetworkPolicy: nothing in or out but what the policy
// lists. Names cannot be written down there, so a listed name opens its ports
// to public addresses, and the bundle holds the program to the name.
func network(y *yaml, name string, o Options) {
	y.line(0, "apiVersion: networking.k8s.io/v1")
	y.line(0, "kind: NetworkPolicy")
	meta(y, name, nil)
	y.line(0, "spec:")
	y.line(1, "podSelector:")
	y.line(2, "matchLabels:")
	y.line(3, "app.kubernetes.io/name: %s", quote(name))
	y.line(1, "policyTypes: [\"Ingress\", \"Egress\"]")
	if o.Policy == nil {
		// run-os restricts nothing: the cluster's own rules are what there is.
		y.line(1, "ingress: []")
		y.line(1, "egress:")
		y.line(2, "- {}")
		return
	}
	egress, ingress, dns := rules(o.Policy)
	var protocols []string
	if o.Policy.Net.AllowTCP {
		protocols = append(protocols, "TCP")
	}
	if o.Policy.Net.AllowUDP {
		protocols = append(protocols, "UDP")
	}
	writeRules(y, "ingress", ingress, protocols, false)
	writeRules(y, "egress", egress, protocols, dns)
}

// rule lets some ports pass, to or from networks; no network is every public one.
type rule struct {
	nets  []string
	ports []uint16
}

// private are the networks that names never lead to; see the gate.
var private = []string{"10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16"}

func rules(p *policy.Policy) (egress, ingress []rule, dns bool) {
	if !p.Net.Enabled || !p.Net.AllowTCP && !p.Net.AllowUDP {
		return nil, nil, false
	}
	for _, h := range p.Net.AllowHosts {
		host := strings.TrimSpace(h.Host)
		if pre, err := netip.ParsePrefix(host); err == nil {
			egress = append(egress, rule{[]string{pre.Masked().String()}, h.Ports})
			continue
		}
		if a, err := netip.ParseAddr(host); err == nil {
			if a.IsUnspecified() {
				ingress = append(ingress, rule{nil, h.Ports})
				continue
			}
			if a.IsLoopback() {
				continue // never leaves the pod
			}
			egress = append(egress, rule{[]string{netip.PrefixFrom(a, a.BitLen()).String()}, h.Ports})
			continue
		}
		if host == "localhost" {
			continue
		}
		egress = append(egress, rule{nil, h.Ports})
		dns = true
	}
	return egress, ingress, dns
}

func writeRules(y *yaml, key string, list []rule, protocols []string, dns bool) {
	if len(list) == 0 && !dns {
		y.line(1, "%s: []", key)
		return
	}
	y.line(1, "%s:", key)
	for _, r := range list {
		ports := slices.Compact(slices.Sorted(slices.Values(r.ports)))
		y.line(2, "- ports:")
		for _, n := range ports {
			for _, proto := range protocols {
				y.line(4, "- {protocol: %s, port: %d}", proto, n)
			}
		}
		if key == "ingress" {
			continue
		}
		y.line(3, "to:")
		for _, n := range r.nets {
			y.line(4, "- ipBlock: {cidr: %s}", quote(n))
		}
		if r.nets == nil {
			y.line(4, "- ipBlock:")
			y.line(6, "cidr: 0.0.0.0/0")
			y.line(6, "except: [%s]", `"`+strings.Join(private, `", "`)+`"`)
			y.line(4, "- ipBlock: {cidr: \"2000::/3\"}")
		}
	}
	if dns {
		y.line(2, "- ports:")
		y.line(4, "- {protocol: UDP, port: 53}")
		y.line(4, "- {protocol: TCP, port: 53}")
		y.line(3, "to:")
		y.line(4, "- namespaceSelector: {}")
	}
}

// objectName is a valid object name made of a bundle's name.
func objectName(name string) string {
	s := regexp.MustCompile(`[^a-z0-9]+`).ReplaceAllString(strings.ToLower(name), "-")
	if len(s) > 50 {
		s = s[:50]
	}
	s = strings.Trim(s, "-")
	if s == "" {
		return "app"
	}
	return s
}

// yaml collects lines.
type yaml struct{ b strings.Builder }

func (y *yaml) line(depth int, format string, args ...any) {
	y.b.WriteString(strings.Repeat("  ", depth))
	fmt.Fprintf(&y.b, format, args...)
	y.b.WriteByte('\n')
}

// quote is s as a double-quoted scalar, in which JSON and YAML agree.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < 0x20 || r == 0x7f || r == 0x85 || r == 0xa0 || r == 0x2028 || r == 0x2029 || r == 0xfeff || r > 0xffff:
			fmt.Fprintf(&b, `\U%08x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
