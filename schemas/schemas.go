// Package schemas holds the JSON Schema (draft 2020-12) of the documents X07
// reads and writes. A schema version such as "x07.run-os-policy@0.1.0" goes in,
// the bytes of its schema come out. The package never validates anything and
// never reads the disk: the files are part of the binary.
package schemas

import (
	"embed"
	"fmt"
	"strings"
)

//go:embed *.schema.json
var files embed.FS

const suffix = ".schema.json"

// RunOSPolicy is the schema version of policy documents.
const RunOSPolicy = "x07.run-os-policy@0.1.0"

// Document returns the schema of the documents whose schema_version is version.
// The caller owns the bytes, UTF-8 JSON. An unknown version is an error that
// lists the known ones.
func Document(version string) ([]byte, error) {
	b, err := files.ReadFile(version + suffix)
	if err != nil {
		return nil, fmt.Errorf("no schema for %q: expected one of %s", version, strings.Join(Versions(), ", "))
	}
	return b, nil
}

// Versions returns the schema versions that have a schema, in byte order.
func Versions() []string {
	entries, err := files.ReadDir(".")
	if err != nil {
		return nil
	}
	versions := make([]string, 0, len(entries))
	for _, e := range entries {
		versions = append(versions, strings.TrimSuffix(e.Name(), suffix))
	}
	return versions
}
