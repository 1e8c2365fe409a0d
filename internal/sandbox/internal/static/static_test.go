package static

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"strings"
	"testing"
)

// executable is the smallest ELF file with one segment of the given type.
func executable(kind elf.ProgType, content string) []byte {
	var out bytes.Buffer
	const headers = 64 + 56
	header := elf.Header64{
		Ident: [elf.EI_NIDENT]byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)},
		Type:  uint16(elf.ET_EXEC), Machine: uint16(elf.EM_X86_64), Version: uint32(elf.EV_CURRENT),
		Phoff: 64, Ehsize: 64, Phentsize: 56, Phnum: 1,
	}
	prog := elf.Prog64{Type: uint32(kind), Off: headers, Filesz: uint64(len(content)), Memsz: uint64(len(content))}
	binary.Write(&out, binary.LittleEndian, header)
	binary.Write(&out, binary.LittleEndian, prog)
	out.WriteString(content)
	return out.Bytes()
}

func TestOnlyStaticExecutablesPass(t *testing.T) {
	if err := Check("runner", bytes.NewReader(executable(elf.PT_LOAD, "code"))); err != nil {
		t.Errorf("a static executable: %v", err)
	}
	for want, file := range map[string][]byte{
		`it needs the loader "/lib/ld.so", which guests do not have; build it with CGO_ENABLED=0`: executable(elf.PT_INTERP, "/lib/ld.so\x00"),
		"runner is no executable of this system":                                                  []byte("#!/bin/sh\n"),
	} {
		if err := Check("runner", bytes.NewReader(file)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
