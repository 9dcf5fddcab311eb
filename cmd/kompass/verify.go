package main

import (
	"context"
	"fmt"
	"log/slog"

	"kompass.krz.de/services/platform/broker"
	"kompass.krz.de/services/platform/ledger"
)

// verifyCommand walks the hash chains. It changes nothing and may run beside a server.
type verifyCommand struct {
	Data    string `help:"Data directory of the embedded server." default:"data" placeholder:"DIR"`
	NatsURL string `name:"nats-url" help:"Verify the streams of an external cluster instead." placeholder:"URL"`
}

// Run prints a line a stream and one for each damage; damage is exit code 3.
func (c *verifyCommand) Run(ctx context.Context) error {
	bar := newProgress(-1, "verify")
	reports, err := c.verify(ctx, func(stream string, records uint64) {
		bar.describe(stream)
		bar.set(records)
	})
	bar.finish()
	if err != nil {
		return err
	}
	if len(reports) == 0 {
		return fmt.Errorf("verify: there is no ledger in %s", c.Data)
	}
	damaged := 0
	for _, r := range reports {
		state := "clean"
		if !r.Clean() {
			state = "DAMAGED"
			damaged++
		}
		fmt.Printf("%s: %s, %d records, %d entities", r.Stream, state, r.Records, r.Subjects)
		if r.Uncommitted > 0 {
			fmt.Printf(", %d records of writes that never completed", r.Uncommitted)
		}
		fmt.Println()
		for _, d := range r.Damages {
			fmt.Printf("  %v\n", d)
		}
	}
	if damaged > 0 {
		return &exitError{exitDamaged, fmt.Errorf("verify: %d of %d streams are damaged", damaged, len(reports))}
	}
	return nil
}

func (c *verifyCommand) verify(ctx context.Context, progress func(string, uint64)) ([]ledger.Report, error) {
	if c.NatsURL != "" {
		nc, err := broker.Connect(c.NatsURL, slog.New(slog.DiscardHandler))
		if err != nil {
			return nil, err
		}
		defer nc.Close()
		return ledger.VerifyCluster(ctx, nc, progress)
	}
	return ledger.VerifyStore(broker.StoreDir(c.Data), ledger.ReadWitness(ledger.WitnessDir(c.Data)), progress)
}
