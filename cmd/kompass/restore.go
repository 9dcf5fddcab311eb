package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"kompass.krz.de/services/platform/broker"
	"kompass.krz.de/services/platform/ledger"
)

// restoreCommand makes a ledger from an archive, in an empty directory or an empty cluster.
type restoreCommand struct {
	ledgerFlags `embed:""`
	File        string `arg:"" help:"Archive to restore; it is read twice." type:"existingfile"`
	Replicas    int    `help:"Copies of each stream in the external cluster: 1, 3 or 5." enum:"1,3,5" default:"3" placeholder:"N"`
}

// Run verifies the archive before anything is written; damage is exit code 3.
func (c *restoreCommand) Run(ctx context.Context) error {
	bar := newProgress(-1, "verify")
	defer bar.finish()
	archive, err := ledger.OpenArchive(c.File)
	if err != nil {
		return exitCode(fmt.Errorf("restore: %w", err))
	}
	reports, err := archive.Verify(ctx, bar.stream)
	if err != nil {
		return exitCode(fmt.Errorf("restore: %w", err))
	}
	for _, r := range reports {
		if !r.Clean() {
			return exitCode(fmt.Errorf("restore: %w", r.Damages[0]))
		}
	}
	restore := c.intoDirectory
	if c.NatsURL != "" {
		restore = c.intoCluster
	}
	if err := restore(ctx, archive, bar.stream); err != nil {
		return exitCode(err)
	}
	bar.clear()
	for _, r := range reports {
		fmt.Printf("%s: %d records, %d entities\n", r.Stream, r.Records, r.Subjects)
	}
	printTotals(reports)
	return nil
}

func (c *restoreCommand) intoCluster(ctx context.Context, a *ledger.Archive, progress func(string, uint64)) error {
	nc, err := c.connect()
	if err != nil {
		return err
	}
	defer nc.Close()
	return ledger.Restore(ctx, ledger.Site{Conn: nc, Replicas: c.Replicas}, a, progress)
}

// intoDirectory runs the embedded server on the directory for as long as the restore takes.
func (c *restoreCommand) intoDirectory(ctx context.Context, a *ledger.Archive, progress func(string, uint64)) error {
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return err
	}
	release, err := broker.Lock(c.Data)
	if err != nil {
		return err
	}
	defer release()
	if err := beginRestore(c.Data); err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	witness, err := ledger.NewWitness(ledger.WitnessDir(c.Data))
	if err != nil {
		return err
	}
	nats, err := broker.Start(c.Data, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	err = ledger.Restore(ctx, ledger.Site{Conn: nats.Conn, Replicas: 1, Witness: witness, Store: broker.StoreDir(c.Data)}, a, progress)
	failed := nats.Failed()
	nats.Stop()
	if err := errors.Join(failed, err); err != nil {
		return err
	}
	return errors.Join(os.Remove(filepath.Join(c.Data, unfinished)), syncDir(c.Data))
}

// unfinished is a file in a data directory from the beginning to the end of a restore.
const unfinished = "restore.unfinished"

// checkRestored tells by an error that a directory holds half a restore. Errors: ErrRestoring.
func checkRestored(dir string) error {
	if _, err := os.Lstat(filepath.Join(dir, unfinished)); err == nil {
		return fmt.Errorf("%s: %w", dir, ledger.ErrRestoring)
	}
	return nil
}

// beginRestore marks a directory. What is in it is an error that names it, except half a restore, which is thrown away:
// to begin anew takes seconds, and is right however the last one ended.
func beginRestore(dir string) error {
	if checkRestored(dir) != nil {
		if err := errors.Join(os.RemoveAll(broker.StoreDir(dir)), os.RemoveAll(ledger.WitnessDir(dir))); err != nil {
			return err
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	var names []string
	for _, e := range entries {
		if name := e.Name(); name != unfinished && name != "lock" && name != "lost+found" { // the latter is of the file system
			names = append(names, name)
		}
	}
	if len(names) > 0 {
		return fmt.Errorf("%s is not empty, it has %s", dir, strings.Join(names, ", "))
	}
	if err := os.WriteFile(filepath.Join(dir, unfinished), nil, 0o600); err != nil {
		return err
	}
	return syncDir(dir)
}
