package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
)

// writeWhole writes a file that is there as a whole or not at all: it has another name until all of it is on disk. "-" is
// standard output. A file that exists is kept unless replace is set.
func writeWhole(path string, replace bool, write func(io.Writer) error) (err error) {
	if path == "-" {
		out := bufio.NewWriterSize(os.Stdout, 1<<20)
		return errors.Join(write(out), out.Flush())
	}
	if _, err := os.Lstat(path); err == nil && !replace {
		return fmt.Errorf("%s exists already: --force replaces it", path)
	}
	partial := path + ".partial"
	f, err := openPartial(partial)
	if err != nil {
		return err
	}
	defer func() {
		if err = errors.Join(err, f.Close()); err != nil {
			_ = os.Remove(partial)
		}
	}()
	out := bufio.NewWriterSize(f, 1<<20)
	if err := write(out); err != nil {
		return err
	}
	if err := errors.Join(out.Flush(), f.Sync()); err != nil {
		return err
	}
	if err := os.Rename(partial, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// openPartial opens a file for one writer at a time; what a dead one left is thrown away.
func openPartial(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("%s is being written by another process", path), f.Close())
	}
	if err := errors.Join(f.Chmod(0o600), f.Truncate(0)); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// syncDir makes a rename durable.
func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
