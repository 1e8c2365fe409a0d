//go:build darwin || freebsd

package engine

const mapFlags = 0
