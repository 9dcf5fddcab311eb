package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protojson"

	"kompass.krz.de/services/platform/ledger"
)

// exportCommand writes the current entities, or those of a revision, as JSON Lines.
type exportCommand struct {
	ledgerFlags `embed:""`
	File        string   `arg:"" help:"File to write; - is standard output."`
	Archive     string   `help:"Read from the archive of a backup instead." placeholder:"FILE" type:"existingfile"`
	At          string   `help:"State at a revision: a token of an answer or a backup, or SERVICE=SEQUENCE,…; now when not given." placeholder:"REVISION"`
	Service     []string `help:"Only the entities of these services." placeholder:"LIST"`
	Force       bool     `help:"Replace the file if it exists."`
}

// Run writes one line for each entity: streams in a fixed order, entities in the order of their newest change. The same
// state gives the same bytes.
func (c *exportCommand) Run(ctx context.Context) error {
	src, release, err := c.source(ctx)
	if err != nil {
		return exitCode(fmt.Errorf("export: %w", err))
	}
	defer release()
	if err := c.narrow(src); err != nil {
		return fmt.Errorf("export: %w", err)
	}
	return exitCode(writeWhole(c.File, c.Force, func(out io.Writer) error {
		lines := json.NewEncoder(out)
		lines.SetEscapeHTML(false)
		return ledger.Current(ctx, src, func(_ ledger.Name, e ledger.Entry) error {
			line, err := exported(e)
			if err != nil {
				return err
			}
			return lines.Encode(line)
		})
	}))
}

func (c *exportCommand) source(ctx context.Context) (ledger.Source, func(), error) {
	if c.Archive == "" {
		return c.open(ctx)
	}
	a, err := ledger.OpenArchive(c.Archive)
	return a, func() {}, err
}

// narrow leaves the chosen services, up to the chosen revision.
func (c *exportCommand) narrow(src ledger.Source) error {
	want := ledger.Positions{}
	at, err := c.at(src)
	if err != nil {
		return err
	}
	for _, e := range src.Extents() {
		if len(c.Service) > 0 && !slices.Contains(c.Service, e.Name.Service) {
			continue
		}
		sequence, ok := at[e.Name.Stream()]
		if !ok {
			return fmt.Errorf("--at: it does not say where %s is: choose other services with --service", e.Name.Service)
		}
		want[e.Name.Stream()] = sequence
	}
	if len(want) == 0 {
		return fmt.Errorf("--service: no stream is of %s", strings.Join(c.Service, ", "))
	}
	return src.Narrow(want)
}

// at reads --at; the end of the source when it is not given.
func (c *exportCommand) at(src ledger.Source) (ledger.Positions, error) {
	switch {
	case c.At == "":
		return ledger.Cut(src), nil
	case !strings.Contains(c.At, "="):
		return ledger.ParsePositions(c.At)
	}
	at := ledger.Positions{}
	for _, part := range split(c.At) {
		service, text, _ := strings.Cut(part, "=")
		sequence, err := strconv.ParseUint(text, 10, 64)
		i := slices.IndexFunc(src.Extents(), func(e ledger.Extent) bool { return e.Name.Service == service })
		if err != nil || i < 0 {
			return nil, fmt.Errorf("--at: %q is not a service and a sequence", part)
		}
		at[src.Extents()[i].Name.Stream()] = sequence
	}
	return at, nil
}

// exportedLine is an entity as it is exported.
type exportedLine struct {
	Resource string          `json:"resource"`
	Entity   json.RawMessage `json:"entity"`
	Revision uint64          `json:"revision"` // sequence of the change in the service's stream
	Time     string          `json:"time"`
	Actor    string          `json:"actor"`
}

// exported is the line of an entry. The encoder of the line takes the spaces out that protojson varies.
func exported(e ledger.Entry) (exportedLine, error) {
	entity, err := protojson.Marshal(e.Entity)
	if err != nil {
		return exportedLine{}, fmt.Errorf("export %s: %w", e.Record.GetResource(), err)
	}
	return exportedLine{
		Resource: e.Record.GetResource(), Entity: entity, Revision: e.Sequence,
		Time: e.Record.GetTime().AsTime().Format(time.RFC3339Nano), Actor: e.Record.GetActor(),
	}, nil
}
