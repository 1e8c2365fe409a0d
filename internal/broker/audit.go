package broker

import (
	"bytes"
	"fmt"

	"x07/internal/guest/wire"
	"x07/internal/policy"
)

// auditLines reassembles a guest's audit records, which are JSON lines.
type auditLines struct{ rest []byte }

// maxAuditLine is far above what a record of our own runner needs.
const maxAuditLine = 16 << 10

func (a *auditLines) add(p []byte, to *policy.Audit) error {
	a.rest = append(a.rest, p...)
	for {
		i := bytes.IndexByte(a.rest, '\n')
		if i < 0 {
			if len(a.rest) > maxAuditLine {
				return fmt.Errorf("%w: audit record longer than %d bytes", wire.ErrProtocol, maxAuditLine)
			}
			return nil
		}
		line, err := policy.ParseAuditLine(a.rest[:i])
		if err != nil {
			return fmt.Errorf("%w: %v", wire.ErrProtocol, err)
		}
		to.Append(line)
		a.rest = a.rest[i+1:]
	}
}
