// Package version says which X07 this is: the level of the language that
// programs are written for, and our own release.
package version

const (
	// Language is the language level: what programs, projects, policies and
	// reports are compatible with.
	Language = "0.1.17"
	// Toolchain is the version of this toolchain.
	Toolchain = "0.1.0"
	// LanguageID identifies the core language in compile reports.
	LanguageID = "x07-core@0.2.0"
)
