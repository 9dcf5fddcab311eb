package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/nats-io/nats.go"

	"kompass.krz.de/services/platform/broker"
	"kompass.krz.de/services/platform/ledger"
)

// ledgerFlags say which ledger a command works on. It reads the files of an embedded server, running or not, or asks an
// external cluster.
type ledgerFlags struct {
	Data      string `help:"Data directory of the embedded server." default:"data" placeholder:"DIR"`
	NatsURL   string `name:"nats-url" help:"External NATS cluster instead." placeholder:"URL"`
	NatsCreds string `name:"nats-creds" help:"File with credentials for the NATS cluster." placeholder:"FILE"`
}

// connect connects to the external cluster.
func (f *ledgerFlags) connect() (*nats.Conn, error) {
	var options []nats.Option
	if f.NatsCreds != "" {
		options = append(options, nats.UserCredentials(f.NatsCreds))
	}
	return broker.Connect(f.NatsURL, slog.New(slog.DiscardHandler), options...)
}

// open makes the ledger readable up to its present end; release it after use. A ledger without streams is an error.
func (f *ledgerFlags) open(ctx context.Context) (src ledger.Source, release func(), err error) {
	release = func() {}
	if f.NatsURL != "" {
		nc, err := f.connect()
		if err != nil {
			return nil, nil, err
		}
		release = nc.Close
		src, err = ledger.OpenCluster(ctx, nc)
		if err != nil {
			release()
			return nil, nil, err
		}
	} else if src, err = f.openDirectory(); err != nil {
		return nil, nil, err
	}
	if len(src.Extents()) == 0 {
		release()
		return nil, nil, fmt.Errorf("there is no ledger in %s", f.where())
	}
	return src, release, nil
}

func (f *ledgerFlags) openDirectory() (ledger.Source, error) {
	if err := checkRestored(f.Data); err != nil {
		return nil, err
	}
	return ledger.OpenStore(broker.StoreDir(f.Data), ledger.ReadWitness(ledger.WitnessDir(f.Data)))
}

func (f *ledgerFlags) where() string {
	if f.NatsURL != "" {
		return f.NatsURL
	}
	return f.Data
}

// exitCode gives an error about damage its exit code.
func exitCode(err error) error {
	if errors.Is(err, ledger.ErrDamaged) {
		return &exitError{exitDamaged, err}
	}
	return err
}

// printTotals tells operators what to compare a ledger with another by.
func printTotals(reports []ledger.Report) {
	fmt.Printf("state digest %s\nrevision %s\n", ledger.StateDigest(reports), revision(reports))
}

// revision is the token of where the streams of reports end.
func revision(reports []ledger.Report) string {
	p := ledger.Positions{}
	for _, r := range reports {
		p[r.Stream] = r.End.Sequence
	}
	return p.Token()
}
