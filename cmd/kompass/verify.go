package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"time"

	"kompass.krz.de/services/platform/broker"
	"kompass.krz.de/services/platform/ledger"
)

// verifyCommand walks the hash chains. It changes nothing and may run beside a server.
type verifyCommand struct {
	ledgerFlags `embed:""`
	File        string `arg:"" optional:"" help:"Archive of a backup to verify instead." type:"existingfile"`
	JSON        bool   `name:"json" help:"Print the result as JSON."`
}

// Run prints a line a stream and one for each damage; damage is exit code 3.
func (c *verifyCommand) Run(ctx context.Context) error {
	bar := newProgress(-1, "verify")
	v, err := c.verify(ctx, bar.stream)
	bar.finish()
	if err != nil {
		return exitCode(fmt.Errorf("verify: %w", err))
	}
	if len(v.reports) == 0 {
		return fmt.Errorf("verify: there is no ledger in %s", c.where())
	}
	if err := v.print(c.JSON); err != nil {
		return err
	}
	damaged := 0
	for _, r := range v.reports {
		if !r.Clean() {
			damaged++
		}
	}
	if damaged > 0 {
		return &exitError{exitDamaged, fmt.Errorf("verify: %d of %d streams are damaged", damaged, len(v.reports))}
	}
	return nil
}

func (c *verifyCommand) verify(ctx context.Context, progress func(string, uint64)) (v verified, err error) {
	switch {
	case c.File != "":
		if v.archive, err = ledger.OpenArchive(c.File); err == nil {
			v.reports, err = v.archive.Verify(ctx, progress)
		}
	case c.NatsURL != "":
		nc, err := c.connect()
		if err != nil {
			return v, err
		}
		defer nc.Close()
		v.reports, err = ledger.VerifyCluster(ctx, nc, progress)
		return v, err
	default:
		if err := checkRestored(c.Data); err != nil {
			return v, err
		}
		v.reports, err = ledger.VerifyStore(broker.StoreDir(c.Data), ledger.ReadWitness(ledger.WitnessDir(c.Data)), progress)
	}
	return v, err
}

// verified is what verify found.
type verified struct {
	reports []ledger.Report
	archive *ledger.Archive // nil when it was no archive
}

func (v verified) clean() bool {
	return !slices.ContainsFunc(v.reports, func(r ledger.Report) bool { return !r.Clean() })
}

func (v verified) print(asJSON bool) error {
	if asJSON {
		return json.NewEncoder(os.Stdout).Encode(v.json())
	}
	for _, r := range v.reports {
		state := "clean"
		if !r.Clean() {
			state = "DAMAGED"
		}
		fmt.Printf("%s: %s, %d records, %d entities", r.Stream, state, r.Records, r.Subjects)
		if r.Uncommitted > 0 {
			fmt.Printf(", %d records of writes that never completed", r.Uncommitted)
		}
		if r.Clean() {
			fmt.Printf(", digest %s", r.Digest)
		}
		fmt.Println()
		for _, d := range r.Damages {
			fmt.Printf("  %v\n", d)
		}
	}
	if v.clean() {
		printTotals(v.reports)
		if v.archive != nil {
			fmt.Printf("archive of %s, sum %s\n", v.archive.Manifest().Created.Format(time.RFC3339), v.archive.Sum())
		}
	}
	return nil
}

// verifiedJSON is the form of --json. Digests and what names the state are left out of damaged ledgers.
type verifiedJSON struct {
	Clean    bool                 `json:"clean"`
	Digest   string               `json:"digest,omitempty"`
	Revision string               `json:"revision,omitempty"`
	Created  *time.Time           `json:"created,omitempty"`
	Sum      string               `json:"sum,omitempty"`
	Streams  []verifiedStreamJSON `json:"streams"`
}

type verifiedStreamJSON struct {
	Name        string   `json:"name"`
	Clean       bool     `json:"clean"`
	Records     uint64   `json:"records"`
	Entities    int      `json:"entities"`
	Uncommitted int      `json:"uncommitted"`
	Digest      string   `json:"digest,omitempty"`
	Damages     []string `json:"damages,omitempty"`
}

func (v verified) json() verifiedJSON {
	j := verifiedJSON{Clean: v.clean(), Digest: ledger.StateDigest(v.reports)}
	if j.Clean {
		j.Revision = revision(v.reports)
		if v.archive != nil {
			created := v.archive.Manifest().Created
			j.Created, j.Sum = &created, v.archive.Sum().String()
		}
	}
	for _, r := range v.reports {
		s := verifiedStreamJSON{Name: r.Stream, Clean: r.Clean(), Records: r.Records, Entities: r.Subjects, Uncommitted: r.Uncommitted}
		if s.Clean {
			s.Digest = r.Digest.String()
		}
		for _, d := range r.Damages {
			s.Damages = append(s.Damages, d.Error())
		}
		j.Streams = append(j.Streams, s)
	}
	return j
}
