package report

import "encoding/json"

// BundleSchema is the schema_version of bundle reports.
const BundleSchema = "x07.bundle.report@0.2.0"

// Bundle is the report of x07 bundle, members in the order of the document.
type Bundle struct {
	SchemaVersion string        `json:"schema_version"`
	Runner        string        `json:"runner"` // always host
	World         string        `json:"world"`
	Target        Target        `json:"target"`
	Bundle        BundleSection `json:"bundle"`
	// Report is the host runner's report of the compile.
	Report json.RawMessage `json:"report"`
}

// BundleSection describes the executable.
type BundleSection struct {
	Out     string        `json:"out"`
	Name    string        `json:"name"`
	ABI     BundleABI     `json:"abi"`
	Policy  *BundlePolicy `json:"policy"`
	EmitDir *string       `json:"emit_dir"`
	Kind    string        `json:"kind"` // native or vm
	Guest   *BundleGuest  `json:"guest"`
	// Size says how large the bundle is and what it is made of; absent when
	// nothing was made.
	Size *BundleSize `json:"size,omitempty"`
}

// BundleABI is how the executable takes its arguments.
type BundleABI struct {
	Kind string `json:"kind"` // argv_v1
}

// BundlePolicy names the policy documents and the variables that carry them.
type BundlePolicy struct {
	BasePolicy      string   `json:"base_policy"`
	EffectivePolicy string   `json:"effective_policy"`
	EmbeddedEnvKeys []string `json:"embedded_env_keys"`
}

// BundleGuest describes the guest of a VM bundle.
type BundleGuest struct {
	Contract string `json:"contract"` // x07.vm.exec@0.1.0
	Platform struct {
		OS   string `json:"os"`
		Arch string `json:"arch"`
	} `json:"platform"`
	Image struct {
		Digest string `json:"digest"`
		Ref    string `json:"ref,omitempty"`
	} `json:"image"`
	Entrypoint []string `json:"entrypoint"`
	Workdir    string   `json:"workdir"`
	Mounts     struct {
		JobIn  string `json:"job_in"`
		JobOut string `json:"job_out"`
	} `json:"mounts"`
}

// BundleSize is the size of all files in bytes.
type BundleSize struct {
	Target      string       `json:"target"` // os/arch
	Total       int64        `json:"total"`
	Precompiled bool         `json:"precompiled"` // machine code is part of it
	Parts       []BundlePart `json:"parts"`
}

// BundlePart is a part of the size.
type BundlePart struct {
	Name  string `json:"name"`
	Bytes int64  `json:"bytes"`
}

// Bytes is the document.
func (b Bundle) Bytes() []byte {
	b.SchemaVersion, b.Runner = BundleSchema, "host"
	if b.Target.ResolvedModuleRoots == nil {
		b.Target.ResolvedModuleRoots = []string{}
	}
	return Pretty(b)
}
