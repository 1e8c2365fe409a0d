//go:build linux

package main

import (
	"fmt"

	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/abi/linux"
	"gvisor.dev/gvisor/pkg/lisafs"
	"gvisor.dev/gvisor/pkg/unet"
)

// donor hands the guest kernel one descriptor per mount point, over gVisor's own
// file protocol (lisafs). In runsc this is the gofer, a second confined process
// with its own start-up time. With directfs the guest kernel does all file work
// itself, beneath the descriptor it was given, and asks its gofer only to attach
// a mount and to reopen the mount point itself; a goroutine can answer that, and
// the process holds no descriptor that the guest kernel would not hold anyway.
//
// Every other request of the protocol is refused, among them everything about
// host sockets.
type donor struct {
	lisafs.Server
	roots map[string]*root
}

var _ lisafs.ServerImpl = (*donor)(nil)

// newDonor starts serving and returns, for each root in order, the guest
// kernel's end of its connection.
func newDonor(roots []root) ([]int, error) {
	d := &donor{roots: make(map[string]*root, len(roots))}
	d.Init(d, lisafs.ServerOpts{WalkStatSupported: true, SetAttrOnDeleted: true, AllocateOnDeleted: true, OpenOnDeleted: true})
	d.SetHandlers(d.handlers())
	ends := make([]int, 0, len(roots))
	for i := range roots {
		r := &roots[i]
		pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return nil, fmt.Errorf("connect mount %s: %w", r.Target, err)
		}
		sock, err := unet.NewSocket(pair[0])
		if err != nil {
			return nil, fmt.Errorf("connect mount %s: %w", r.Target, err)
		}
		d.roots[r.Target] = r
		conn, err := d.CreateConnection(sock, r.Target, !r.Writable)
		if err != nil {
			return nil, fmt.Errorf("connect mount %s: %w", r.Target, err)
		}
		d.StartConnection(conn)
		ends = append(ends, pair[1])
	}
	return ends, nil
}

// handlers is the protocol's dispatch table, reduced to what directfs needs.
func (d *donor) handlers() []lisafs.RPCHandler {
	served := map[lisafs.MID]lisafs.RPCHandler{
		lisafs.Error:  lisafs.ErrorHandler,
		lisafs.Mount:  lisafs.MountHandler,
		lisafs.FStat:  lisafs.FStatHandler,
		lisafs.OpenAt: lisafs.OpenAtHandler,
		lisafs.Close:  lisafs.CloseHandler,
	}
	var last lisafs.MID
	for id := range served {
		last = max(last, id)
	}
	table := make([]lisafs.RPCHandler, last+1)
	for id, h := range served {
		table[id] = h
	}
	return table
}

// SupportedMessages implements lisafs.ServerImpl.
func (d *donor) SupportedMessages() []lisafs.MID {
	return []lisafs.MID{lisafs.Mount, lisafs.FStat, lisafs.OpenAt, lisafs.Close}
}

// MaxMessageSize implements lisafs.ServerImpl.
func (d *donor) MaxMessageSize() uint32 { return lisafs.MaxMessageSize() }

// Mount implements lisafs.ServerImpl: it hands over a descriptor of the root.
func (d *donor) Mount(c *lisafs.Connection, node *lisafs.Node) (*lisafs.ControlFD, linux.Statx, int, error) {
	r := d.roots[node.FilePath()]
	if r == nil {
		return nil, linux.Statx{}, -1, unix.ENOENT
	}
	st, err := r.stat()
	if err != nil {
		return nil, linux.Statx{}, -1, err
	}
	fd, err := unix.Dup(r.read)
	if err != nil {
		return nil, linux.Statx{}, -1, err
	}
	point := &mountPoint{root: r}
	node.IncRef() // owned by the control descriptor
	point.ControlFD.Init(c, node, linux.FileMode(st.Mode), point)
	return &point.ControlFD, st, fd, nil
}

// mountPoint is a root as the protocol sees it.
type mountPoint struct {
	lisafs.ControlFD
	// The rest of the interface is unreachable: handlers does not list it.
	lisafs.ControlFDImpl
	root *root
}

// FD implements lisafs.ControlFDImpl.
func (p *mountPoint) FD() *lisafs.ControlFD { return &p.ControlFD }

// Close implements lisafs.ControlFDImpl. The root outlives its connections.
func (p *mountPoint) Close() {}

// Stat implements lisafs.ControlFDImpl.
func (p *mountPoint) Stat() (linux.Statx, error) { return p.root.stat() }

// Open implements lisafs.ControlFDImpl: it opens the mount point once more.
func (p *mountPoint) Open(flags uint32) (*lisafs.OpenFD, int, error) {
	var fd int
	var err error
	writes := flags&unix.O_ACCMODE != unix.O_RDONLY
	switch {
	case p.root.dir:
		fd, err = unix.Openat(p.root.read, ".", int(flags)|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	case !writes:
		fd, err = unix.Dup(p.root.read)
	case p.root.write >= 0:
		fd, err = unix.Dup(p.root.write)
	default:
		err = unix.EROFS
	}
	if err != nil {
		return nil, -1, err
	}
	if writes && !p.root.dir && flags&unix.O_TRUNC != 0 {
		if err := unix.Ftruncate(fd, 0); err != nil {
			unix.Close(fd)
			return nil, -1, err
		}
	}
	open := &openMountPoint{root: p.root}
	open.OpenFD.Init(&p.ControlFD, flags, open)
	return &open.OpenFD, fd, nil
}

// openMountPoint is what the protocol keeps after Open; the guest kernel closes
// it at once and uses the descriptor it got.
type openMountPoint struct {
	lisafs.OpenFD
	lisafs.OpenFDImpl
	root *root
}

// FD implements lisafs.OpenFDImpl.
func (p *openMountPoint) FD() *lisafs.OpenFD { return &p.OpenFD }

// Close implements lisafs.OpenFDImpl.
func (p *openMountPoint) Close() {}

// Flush implements lisafs.OpenFDImpl.
func (p *openMountPoint) Flush() error { return nil }

// Stat implements lisafs.OpenFDImpl.
func (p *openMountPoint) Stat() (linux.Statx, error) { return p.root.stat() }

// stat describes the root in the protocol's terms.
func (r *root) stat() (linux.Statx, error) {
	var st unix.Stat_t
	if err := unix.Fstat(r.read, &st); err != nil {
		return linux.Statx{}, err
	}
	return linux.Statx{
		Mask: unix.STATX_TYPE | unix.STATX_MODE | unix.STATX_INO | unix.STATX_NLINK | unix.STATX_UID |
			unix.STATX_GID | unix.STATX_SIZE | unix.STATX_BLOCKS | unix.STATX_ATIME | unix.STATX_MTIME | unix.STATX_CTIME,
		Mode:     uint16(st.Mode),
		DevMinor: unix.Minor(uint64(st.Dev)),
		DevMajor: unix.Major(uint64(st.Dev)),
		Ino:      st.Ino,
		Nlink:    uint32(st.Nlink),
		UID:      st.Uid,
		GID:      st.Gid,
		Size:     uint64(st.Size),
		Blksize:  uint32(st.Blksize),
		Blocks:   uint64(st.Blocks),
		Atime:    linux.StatxTimestamp{Sec: st.Atim.Sec, Nsec: uint32(st.Atim.Nsec)},
		Mtime:    linux.StatxTimestamp{Sec: st.Mtim.Sec, Nsec: uint32(st.Mtim.Nsec)},
		Ctime:    linux.StatxTimestamp{Sec: st.Ctim.Sec, Nsec: uint32(st.Ctim.Nsec)},
	}, nil
}
