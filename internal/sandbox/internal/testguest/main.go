// Command testguest is the guest program of the sandbox tests: a static
// executable that does one thing, named by its first argument, and reports what
// happened on its standard output. It attacks as well as behaves.
package main

import (
	"bufio"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"x07/internal/sandbox/oslevel"
)

// deeds are what a test can ask for.
var deeds = map[string]func(args []string) error{
	"echo":       echo,
	"unconfined": func([]string) error { fmt.Println("free"); return nil },
	"getppid":    func([]string) error { fmt.Println(os.Getppid()); return nil },
	"ptrace":     func(a []string) error { n, _ := strconv.Atoi(a[0]); return syscall.PtraceAttach(n) },
	"truncate":   func(a []string) error { return os.Truncate(a[0], 0) },
	"setsid":     func([]string) error { _, err := syscall.Setsid(); return err },
	"hello":      func([]string) error { fmt.Println("hello"); return nil },
	"exit":       func(a []string) error { n, _ := strconv.Atoi(a[0]); os.Exit(n); return nil },
	"env":        func([]string) error { fmt.Println(strings.Join(os.Environ(), "\n")); return nil },
	"read":       func(a []string) error { b, err := os.ReadFile(a[0]); os.Stdout.Write(b); return err },
	"write":      func(a []string) error { return os.WriteFile(a[0], []byte(a[1]), 0o644) },
	"mkdir":      func(a []string) error { return os.MkdirAll(a[0], 0o755) },
	"remove":     func(a []string) error { return os.Remove(a[0]) },
	"rename":     func(a []string) error { return os.Rename(a[0], a[1]) },
	"link":       func(a []string) error { return os.Symlink(a[0], a[1]) },
	"list":       list,
	"stderr": func(a []string) error {
		n, _ := strconv.Atoi(a[0])
		_, err := os.Stderr.Write(make([]byte, n))
		return err
	},
	"id":     func([]string) error { fmt.Println(os.Getuid(), os.Getgid(), os.Getpid(), os.Getppid()); return nil },
	"status": func([]string) error { b, err := os.ReadFile("/proc/self/status"); os.Stdout.Write(b); return err },
	"fds":    func([]string) error { return list([]string{"/proc/self/fd"}) },
	"spin": func([]string) error {
		fmt.Println("ready")
		for n := 1; n != 0; n |= 1 {
		}
		return nil
	},
	"sleep":    func([]string) error { fmt.Println("ready"); time.Sleep(time.Hour); return nil },
	"stubborn": stubborn,
	"polite":   polite,
	"memory":   memory,
	"fill":     fill,
	"forkwait": func(a []string) error {
		if err := fork(a); err != nil {
			return err
		}
		time.Sleep(time.Hour)
		return nil
	},
	"pipes": fillPipes,
	"race":  race,
	"work":  work,
	"processes": func([]string) error {
		entries, err := os.ReadDir("/proc")
		for _, e := range entries {
			if _, err := strconv.Atoi(e.Name()); err == nil {
				fmt.Println(e.Name())
			}
		}
		return err
	},
	"fork":    fork,
	"threads": threads,
	"files":   files,
	"dial": func(a []string) error {
		c, err := net.DialTimeout(a[0], a[1], time.Second)
		if err == nil {
			c.Close()
		}
		return err
	},
	"listen": func(a []string) error {
		l, err := net.Listen(a[0], a[1])
		if err == nil {
			l.Close()
		}
		return err
	},
	"interfaces": interfaces,
	"kill":       func(a []string) error { n, _ := strconv.Atoi(a[0]); return syscall.Kill(n, syscall.SIGKILL) },
	"run":        run,
	"mknod":      func(a []string) error { return syscall.Mknod(a[0], syscall.S_IFCHR|0o666, 1<<8|5) },
	"mount":      func(a []string) error { return syscall.Mount("none", a[0], "tmpfs", 0, "") },
	"setuid":     func([]string) error { return syscall.Setuid(0) },
	"unshare":    func([]string) error { return syscall.Unshare(syscall.CLONE_NEWNS) },
	"chmod":      func(a []string) error { return syscall.Chmod(a[0], mode(a[1])) },
	"mkdirmode":  func(a []string) error { syscall.Umask(0); return syscall.Mkdir(a[0], mode(a[1])) },
	"create": func(a []string) error {
		syscall.Umask(0)
		fd, err := syscall.Open(a[0], syscall.O_CREAT|syscall.O_RDWR, mode(a[1]))
		if err == nil {
			err = syscall.Close(fd)
		}
		return err
	},
}

func main() {
	// The os backend's guests confine themselves, unless a test wants to see what
	// happens to one that does not.
	if len(os.Args) < 2 || os.Args[1] != "unconfined" {
		if _, err := oslevel.Enter(); err != nil {
			fmt.Fprintln(os.Stderr, "testguest:", err)
			os.Exit(65)
		}
	}
	if len(os.Args) < 2 || deeds[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "testguest: unknown deed")
		os.Exit(64)
	}
	if err := deeds[os.Args[1]](os.Args[2:]); err != nil {
		var errno syscall.Errno
		if errors.As(err, &errno) {
			fmt.Printf("error: %d %v\n", int(errno), err)
		} else {
			fmt.Printf("error: %v\n", err)
		}
		os.Exit(1)
	}
}

// echo copies standard input to standard output until end of file.
func echo([]string) error {
	_, err := io.Copy(os.Stdout, os.Stdin)
	return err
}

// list prints every path below the arguments.
func list(args []string) error {
	for _, root := range args {
		var found []string
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			found = append(found, path)
			return nil
		})
		sort.Strings(found)
		for _, path := range found {
			fmt.Println(path)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// stubborn ignores SIGTERM.
func stubborn([]string) error {
	signal.Ignore(syscall.SIGTERM)
	fmt.Println("ready")
	time.Sleep(time.Hour)
	return nil
}

// polite ends with code 7 on SIGTERM.
func polite([]string) error {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGTERM)
	fmt.Println("ready")
	<-c
	os.Exit(7)
	return nil
}

// memory touches as many MiB as asked for and says so.
func memory(args []string) error {
	n, _ := strconv.Atoi(args[0])
	var keep [][]byte
	for range n {
		b := make([]byte, 1<<20)
		for i := 0; i < len(b); i += 4096 {
			b[i] = 1
		}
		keep = append(keep, b)
	}
	fmt.Println("got", len(keep))
	return nil
}

// fill writes as many MiB as asked for into a file.
func fill(args []string) error {
	n, _ := strconv.Atoi(args[1])
	f, err := os.Create(args[0])
	if err != nil {
		return err
	}
	defer f.Close()
	block := make([]byte, 1<<20)
	for i := range n {
		if _, err := f.Write(block); err != nil {
			fmt.Println("wrote", i)
			return err
		}
	}
	fmt.Println("wrote", n)
	return nil
}

// fork starts copies of itself that sleep until it may not, and says how many.
func fork(args []string) error {
	n, _ := strconv.Atoi(args[0])
	exe := args[1]
	for i := range n {
		cmd := exec.Command(exe, "sleep")
		if err := cmd.Start(); err != nil {
			fmt.Println("started", i)
			return err
		}
	}
	fmt.Println("started", n)
	return nil
}

// threads blocks operating system threads until it may not have more. The Go
// runtime ends the process when the kernel refuses a thread.
func threads(args []string) error {
	n, _ := strconv.Atoi(args[0])
	var all sync.WaitGroup
	for range n {
		all.Add(1)
		go func() {
			all.Done()
			var ts = syscall.Timespec{Sec: 3600}
			_ = syscall.Nanosleep(&ts, nil)
		}()
	}
	all.Wait()
	time.Sleep(200 * time.Millisecond)
	fmt.Println("started", n)
	return nil
}

// files opens the same file again and again and says how often it could.
func files(args []string) error {
	n, _ := strconv.Atoi(args[1])
	for i := range n {
		if _, err := syscall.Open(args[0], syscall.O_RDONLY, 0); err != nil {
			fmt.Println("opened", i)
			return err
		}
	}
	fmt.Println("opened", n)
	return nil
}

func interfaces([]string) error {
	all, err := net.Interfaces()
	if err != nil {
		return err
	}
	for _, i := range all {
		fmt.Println(i.Name)
	}
	fmt.Println("interfaces", len(all))
	return nil
}

// run runs a program and prints what it prints.
func run(args []string) error {
	out, err := exec.Command(args[0], args[1:]...).Output()
	w := bufio.NewWriter(os.Stdout)
	defer w.Flush()
	w.Write(out)
	return err
}

// fillPipes makes pipes and fills them: memory of the kernel, not of a process.
func fillPipes(args []string) error {
	n, _ := strconv.Atoi(args[0])
	block := make([]byte, 1<<20)
	for range n {
		var p [2]int
		if err := syscall.Pipe2(p[:], syscall.O_NONBLOCK); err != nil {
			return err
		}
		const setPipeSize = 1031
		_, _, _ = syscall.Syscall(syscall.SYS_FCNTL, uintptr(p[1]), setPipeSize, 1<<20)
		for {
			if _, err := syscall.Write(p[1], block); err != nil {
				break
			}
		}
	}
	fmt.Println("filled", n)
	return nil
}

// race reads a file again and again while somebody swaps what its path means, and
// says how often it read the given text.
func race(args []string) error {
	n, _ := strconv.Atoi(args[1])
	read, hits := 0, 0
	for range n {
		b, err := os.ReadFile(args[0])
		if err == nil {
			read++
			if string(b) == args[2] {
				hits++
			}
		}
	}
	fmt.Println("read", read > 0, "hits", hits)
	return nil
}

// work does a fixed amount of work of one kind and says how many nanoseconds it
// took: "hash" computes, "call" makes system calls, "file" writes and reads back
// small files below the given directory.
func work(args []string) error {
	n, _ := strconv.Atoi(args[1])
	begin := time.Now()
	switch args[0] {
	case "hash":
		block := make([]byte, 1<<20)
		sum := sha256.New()
		for range n {
			sum.Write(block)
		}
	case "call":
		for range n {
			syscall.Getppid()
		}
	case "file":
		path := filepath.Join(args[2], "work")
		for range n {
			if err := os.WriteFile(path, []byte("text"), 0o644); err != nil {
				return err
			}
			if _, err := os.ReadFile(path); err != nil {
				return err
			}
		}
	}
	fmt.Println(time.Since(begin).Nanoseconds())
	return nil
}

// mode parses an octal file mode.
func mode(text string) uint32 {
	n, _ := strconv.ParseUint(text, 8, 32)
	return uint32(n)
}
