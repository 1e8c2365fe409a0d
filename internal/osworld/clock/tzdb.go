package clock

import (
	"archive/zip"
	"bytes"
	_ "embed" // for the database below
	"io"
	"strings"
	"sync"
	"time"
)

// release is the IANA release of zoneinfo.zip.
const release = "tzdb-2025c"

// zoneinfo is the compiled IANA database as the Go distribution ships it, one
// file per zone or link. The time package would rather use the machine's own.
//
//go:embed zoneinfo.zip
var zoneinfo []byte

// The instants that have a calendar date in the range of years that X07 knows,
// in Unix seconds: the first second of -262143-01-01, the last of 262142-12-31.
const (
	minUnix = -8334601228800
	maxUnix = 8210266876799
)

// TZDB is the time zone database. It is opened at the first question, and each
// zone is decoded once. It is safe for concurrent use.
type TZDB struct {
	open  sync.Once
	files map[string]*zip.File

	mu    sync.Mutex
	zones map[string]*time.Location
}

// NewTZDB returns the database. It costs nothing until it is asked.
func NewTZDB() *TZDB { return &TZDB{} }

// SnapshotID is os.time.tzdb_snapshot_id_v1.
func (db *TZDB) SnapshotID() []byte { return []byte(release) }

// IsValid is os.time.tzdb_is_valid_tzid_v1: 1 when tzid is exactly the name of a
// zone or link.
func (db *TZDB) IsValid(tzid string) int32 {
	if db.file(tzid) != nil {
		return 1
	}
	return 0
}

// Offset is os.time.tzdb_offset_duration_v1: the offset east of UTC that is in
// force at a Unix second, as a Duration document.
func (db *TZDB) Offset(tzid string, lo, hi int32) []byte {
	unix := int64(uint64(uint32(hi))<<32 | uint64(uint32(lo)))
	if db.file(tzid) == nil {
		return durationErr(codeTZBad)
	}
	if unix < minUnix || unix > maxUnix {
		return durationErr(codeTZRange)
	}
	zone, err := db.zone(tzid)
	if err != nil {
		return durationErr(codeTZInternal)
	}
	_, offset := time.Unix(unix, 0).In(zone).Zone()
	return duration(int64(offset), 0)
}

func (db *TZDB) file(tzid string) *zip.File {
	db.open.Do(func() {
		db.files = make(map[string]*zip.File, 640)
		r, err := zip.NewReader(bytes.NewReader(zoneinfo), int64(len(zoneinfo)))
		if err != nil {
			return // impossible: the archive is part of this program
		}
		for _, f := range r.File {
			if !strings.HasSuffix(f.Name, "/") {
				db.files[f.Name] = f
			}
		}
	})
	return db.files[tzid]
}

func (db *TZDB) zone(tzid string) (*time.Location, error) {
	db.mu.Lock()
	defer db.mu.Unlock()
	if z := db.zones[tzid]; z != nil {
		return z, nil
	}
	r, err := db.file(tzid).Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	z, err := time.LoadLocationFromTZData(tzid, data)
	if err != nil {
		return nil, err
	}
	if db.zones == nil {
		db.zones = make(map[string]*time.Location)
	}
	db.zones[tzid] = z
	return z, nil
}
