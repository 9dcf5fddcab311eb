package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"kompass.krz.de/services/platform/ledger"
)

// backupCommand writes an archive of a ledger, beside a running server or without one.
type backupCommand struct {
	ledgerFlags `embed:""`
	File        string `arg:"" help:"Archive to write; - is standard output."`
	Force       bool   `help:"Replace the file if it exists."`
}

// Run writes the archive and checks every chain on the way; damage is exit code 3, and there is no archive then.
func (c *backupCommand) Run(ctx context.Context) error {
	src, release, err := c.open(ctx)
	if err != nil {
		return exitCode(fmt.Errorf("backup: %w", err))
	}
	defer release()
	bar := newProgress(-1, "backup")
	defer bar.finish()
	return exitCode(writeWhole(c.File, c.Force, func(out io.Writer) error {
		reports, sum, err := ledger.Backup(ctx, src, out, time.Now(), bar.stream)
		if err != nil {
			return err
		}
		bar.clear()
		if c.File == "-" {
			return nil
		}
		for _, r := range reports {
			fmt.Printf("%s: %d records, %d entities\n", r.Stream, r.Records, r.Subjects)
		}
		printTotals(reports)
		fmt.Printf("archive sum %s\n", sum)
		return nil
	}))
}
