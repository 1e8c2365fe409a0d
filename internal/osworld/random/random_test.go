package random_test

import (
	"bytes"
	"encoding/binary"
	"testing"

	"x07/internal/osworld/effect"
	"x07/internal/osworld/random"
	"x07/internal/policy"
)

func caps(version, limit, flags uint32) []byte {
	doc := binary.LittleEndian.AppendUint32(nil, version)
	return binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(doc, limit), flags)
}

func TestCountsAndCapsAreChecked(t *testing.T) {
	s := random.New(effect.Door{Gate: policy.AllowAll()}, nil)
	for _, row := range []struct {
		n    int32
		caps []byte
		want int32
	}{
		{1, nil, 60204}, {1, caps(2, 0, 0), 60204}, {-1, caps(1, 0, 1), 60205}, {1, caps(1, 0, 1), 60204},
		{65537, caps(1, 1<<20, 0), 60205}, {9, caps(1, 8, 0), 60205}, {0, caps(1, 0, 0), 0}, {65536, caps(1, 0, 0), 0}, {8, caps(1, 8, 0), 0},
	} {
		got, code := s.Bytes(row.n, row.caps)
		if code != row.want || code == 0 && len(got) != int(row.n) {
			t.Errorf("%d with %x: %d bytes, %d", row.n, row.caps, len(got), code)
		}
	}
	for _, row := range []struct {
		caps []byte
		want int32
	}{{nil, 60204}, {caps(1, 0, 1), 60204}, {caps(1, 7, 0), 60205}, {caps(1, 8, 0), 0}} {
		if got, code := s.U64(row.caps); code != row.want || code == 0 && len(got) != 8 {
			t.Errorf("u64 with %x: %x, %d", row.caps, got, code)
		}
	}
}

func TestAFailingGeneratorIsAnErrorNeverAnotherSource(t *testing.T) {
	s := random.New(effect.Door{Gate: policy.AllowAll()}, bytes.NewReader([]byte{1, 2, 3}))
	if got, code := s.Bytes(2, caps(1, 0, 0)); code != 0 || !bytes.Equal(got, []byte{1, 2}) {
		t.Errorf("%x, %d", got, code)
	}
	if got, code := s.U64(caps(1, 0, 0)); code != 60215 || got != nil {
		t.Errorf("%x, %d", got, code)
	}
}
