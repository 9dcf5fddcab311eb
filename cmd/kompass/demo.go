package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"kompass.krz.de/cmd/kompass/starter"
	cataloguev1 "kompass.krz.de/proto/kompass/catalogue/v1"
	commonv1 "kompass.krz.de/proto/kompass/common/v1"
	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
	"kompass.krz.de/services/platform/identity"
	"kompass.krz.de/services/platform/server"
)

// starterMark is the file in the data directory that says how far the loading of the starter data came.
const starterMark = "starter.state"

// loadStarter loads the starter data through the API, as any client would, into a new data directory. A start that was
// interrupted is taken up again: every step is repeatable. Data that came from elsewhere is left alone.
func (p *platform) loadStarter(ctx context.Context) error {
	mark := filepath.Join(p.Data, starterMark)
	switch state, err := os.ReadFile(mark); {
	case errors.Is(err, os.ErrNotExist):
		if used, err := p.inUse(ctx); err != nil || used {
			p.log.Info("starter data left out: the data directory is in use", "error", err)
			return err
		}
		if err := os.WriteFile(mark, []byte("loading\n"), 0o600); err != nil {
			return err
		}
	case err != nil:
		return err
	case strings.TrimSpace(string(state)) == "loaded":
		return nil
	}
	key, err := os.ReadFile(filepath.Join(p.Data, identity.TokenFile))
	if err != nil {
		return err
	}
	l := newStarterLoader(metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+strings.TrimSpace(string(key))), p.conns)
	if err := l.load(); err != nil {
		return err
	}
	return os.WriteFile(mark, []byte("loaded\n"), 0o600)
}

// inUse tells whether any stream has a record already.
func (p *platform) inUse(ctx context.Context) (bool, error) {
	for _, name := range p.settings.services() {
		log, err := p.site.Open(ctx, name)
		if err != nil {
			return false, err
		}
		if last, err := log.LastSequence(ctx); err != nil || last > 0 {
			return last > 0, err
		}
	}
	return false, nil
}

// starterLoader carries the revision from step to step, so that each service has seen what the step before wrote.
type starterLoader struct {
	ctx            context.Context
	catalogue      cataloguev1.CatalogueServiceClient
	municipalities municipalityv1.MunicipalityServiceClient
	marketplace    marketplacev1.MarketplaceServiceClient
	revisions      []string
	err            error
}

func newStarterLoader(ctx context.Context, conns map[string]grpc.ClientConnInterface) *starterLoader {
	return &starterLoader{ctx: ctx,
		catalogue:      cataloguev1.NewCatalogueServiceClient(conns["catalogue"]),
		municipalities: municipalityv1.NewMunicipalityServiceClient(conns["municipality"]),
		marketplace:    marketplacev1.NewMarketplaceServiceClient(conns["marketplace"]),
	}
}

func (l *starterLoader) load() error {
	for _, table := range []string{"themes", "situations", "ozg_services", "public_services", "relevance"} {
		l.step(table, func(ctx context.Context, opts ...grpc.CallOption) error {
			_, err := l.catalogue.ImportCatalogue(ctx, &cataloguev1.ImportCatalogueRequest{File: l.file(table)}, opts...)
			return err
		})
	}
	for _, table := range []string{"data_centres", "places"} {
		l.step(table, func(ctx context.Context, opts ...grpc.CallOption) error {
			_, err := l.municipalities.ImportMunicipalities(ctx, &municipalityv1.ImportMunicipalitiesRequest{File: l.file(table)}, opts...)
			return err
		})
	}
	l.portals()
	l.providers()
	solutions := l.solutions()
	l.implementations()
	l.contracts()
	l.adoptions()
	l.withdraw(solutions)
	return l.err
}

// step does one call with all revisions so far and keeps the one that it led to; after an error it does nothing.
func (l *starterLoader) step(what string, call func(context.Context, ...grpc.CallOption) error) {
	if l.err != nil {
		return
	}
	ctx := l.ctx
	for _, r := range l.revisions {
		ctx = metadata.AppendToOutgoingContext(ctx, server.HeaderRevision, r)
	}
	var header metadata.MD
	if err := call(ctx, grpc.Header(&header)); err != nil && status.Code(err) != codes.AlreadyExists {
		l.err = fmt.Errorf("%s: %w", what, err)
		return
	}
	if r := header.Get(server.HeaderRevision); len(r) > 0 {
		l.revisions = r
	}
}

func (l *starterLoader) file(name string) []byte {
	data, err := starter.FS.ReadFile(name + ".csv")
	if err != nil {
		panic(err) // the files are part of the binary
	}
	return data
}

// rows reads a file as maps from column to cell.
func (l *starterLoader) rows(name string) []map[string]string {
	records, err := csv.NewReader(bytes.NewReader(l.file(name))).ReadAll()
	if err != nil {
		panic(err) // tested where the files are
	}
	rows := make([]map[string]string, 0, len(records)-1)
	for _, record := range records[1:] {
		row := map[string]string{}
		for i, cell := range record {
			row[records[0][i]] = cell
		}
		rows = append(rows, row)
	}
	return rows
}

func (l *starterLoader) providers() {
	for _, r := range l.rows("providers") {
		l.step(r["id"], func(ctx context.Context, opts ...grpc.CallOption) error {
			_, err := l.marketplace.CreateProvider(ctx, &marketplacev1.CreateProviderRequest{ProviderId: r["id"], Provider: &marketplacev1.Provider{
				DisplayName: r["name"], Url: r["url"], Example: r["example"] == "ja",
			}}, opts...)
			return err
		})
	}
}

func (l *starterLoader) portals() {
	for _, r := range l.rows("portals") {
		l.step(r["id"], func(ctx context.Context, opts ...grpc.CallOption) error {
			wave, err := strconv.ParseInt(r["wave"], 10, 32)
			if err != nil {
				return err
			}
			_, err = l.municipalities.CreatePortal(ctx, &municipalityv1.CreatePortalRequest{PortalId: r["id"], Portal: &municipalityv1.Portal{
				DisplayName: r["name"], Municipality: "municipalities/" + r["municipality"], Product: r["product"],
				Wave: int32(wave), WaveDate: r["wave_date"], PhaseDate: r["wave_date"], Example: r["example"] == "ja",
				Phase: municipalityv1.Portal_Phase(municipalityv1.Portal_Phase_value["PHASE_"+r["phase"]]),
			}}, opts...)
			return err
		})
	}
}

// solutions adds the solutions and publishes all but drafts; returns their rows.
func (l *starterLoader) solutions() []map[string]string {
	coverage := map[string][]*marketplacev1.Coverage{}
	for _, r := range l.rows("solution_coverage") {
		coverage[r["solution"]] = append(coverage[r["solution"]], &marketplacev1.Coverage{
			PublicService: "publicServices/" + r["leika_key"], Maturity: maturity(r["maturity"]), Note: r["note"],
		})
	}
	rows := l.rows("solutions")
	for _, r := range rows {
		l.step(r["id"], func(ctx context.Context, opts ...grpc.CallOption) error {
			_, err := l.marketplace.CreateSolution(ctx, &marketplacev1.CreateSolutionRequest{SolutionId: r["id"], Solution: solution(r, coverage[r["id"]])}, opts...)
			return err
		})
		if r["status"] == "DRAFT" {
			continue
		}
		name := "solutions/" + r["id"]
		l.transition(name, marketplacev1.Solution_STATE_DRAFT, func(ctx context.Context, opts ...grpc.CallOption) error {
			_, err := l.marketplace.SubmitSolution(ctx, &marketplacev1.SubmitSolutionRequest{Name: name}, opts...)
			return err
		})
		l.transition(name, marketplacev1.Solution_STATE_SUBMITTED, func(ctx context.Context, opts ...grpc.CallOption) error {
			_, err := l.marketplace.PublishSolution(ctx, &marketplacev1.PublishSolutionRequest{Name: name}, opts...)
			return err
		})
	}
	return rows
}

// transition does a call only while a solution is in the state it starts from, so that it can be repeated.
func (l *starterLoader) transition(name string, from marketplacev1.Solution_State, call func(context.Context, ...grpc.CallOption) error) {
	l.step(name, func(ctx context.Context, opts ...grpc.CallOption) error {
		s, err := l.marketplace.GetSolution(ctx, &marketplacev1.GetSolutionRequest{Name: name})
		if err != nil || s.GetState() != from {
			return err
		}
		return call(ctx, opts...)
	})
}

func (l *starterLoader) withdraw(rows []map[string]string) {
	for _, r := range rows {
		if r["status"] != "WITHDRAWN" {
			continue
		}
		name := "solutions/" + r["id"]
		l.transition(name, marketplacev1.Solution_STATE_PUBLISHED, func(ctx context.Context, opts ...grpc.CallOption) error {
			_, err := l.marketplace.WithdrawSolution(ctx, &marketplacev1.WithdrawSolutionRequest{Name: name, Note: "Beispieldaten: vom Anbieter eingestellt"}, opts...)
			return err
		})
	}
}

// implementations writes one batch a municipality.
func (l *starterLoader) implementations() {
	var parents []string
	requests := map[string][]*municipalityv1.UpdateImplementationRequest{}
	for _, r := range l.rows("implementations") {
		parent := "municipalities/" + r["ags"]
		if requests[parent] == nil {
			parents = append(parents, parent)
		}
		requests[parent] = append(requests[parent], &municipalityv1.UpdateImplementationRequest{Implementation: implementation(parent, r)})
	}
	for _, parent := range parents {
		l.step(parent, func(ctx context.Context, opts ...grpc.CallOption) error {
			_, err := l.municipalities.BatchUpdateImplementations(ctx, &municipalityv1.BatchUpdateImplementationsRequest{Parent: parent, Requests: requests[parent]}, opts...)
			return err
		})
	}
}

func solution(r map[string]string, coverage []*marketplacev1.Coverage) *marketplacev1.Solution {
	s := &marketplacev1.Solution{
		DisplayName: r["name"], Provider: "providers/" + r["provider"], Description: r["description"], Coverage: coverage,
		Kind:           marketplacev1.Solution_Kind(marketplacev1.Solution_Kind_value["KIND_"+r["kind"]]),
		EfaState:       marketplacev1.Solution_EfaState(marketplacev1.Solution_EfaState_value["EFA_STATE_"+r["efa_state"]]),
		BaseComponents: list(r["base_components"]), PromisedDate: r["promised_date"], Url: r["link"], Example: r["example"] == "ja",
	}
	for _, class := range list(r["size_classes"]) {
		s.SizeClasses = append(s.SizeClasses, commonv1.SizeClass(commonv1.SizeClass_value["SIZE_CLASS_"+strings.ToUpper(class)]))
	}
	return s
}

func implementation(parent string, r map[string]string) *municipalityv1.Implementation {
	i := &municipalityv1.Implementation{
		Name:  parent + "/implementations/" + r["leika_key"],
		Phase: municipalityv1.Implementation_Phase(municipalityv1.Implementation_Phase_value["PHASE_"+r["phase"]]), Maturity: maturity(r["maturity"]),
		Url: r["url"], Department: r["department"], Priority: municipalityv1.Implementation_Priority(municipalityv1.Implementation_Priority_value["PRIORITY_"+r["priority"]]),
		TargetDate: r["target_date"], Note: r["note"], NotApplicableReason: r["reason"],
	}
	if r["solution"] != "" {
		i.Solution = "solutions/" + r["solution"]
	}
	if cases, err := strconv.ParseInt(r["annual_cases"], 10, 64); err == nil {
		i.AnnualCases = &cases
	}
	return i
}

func maturity(level string) *municipalityv1.Maturity {
	n, err := strconv.ParseInt(level, 10, 32)
	if err != nil {
		return nil
	}
	return &municipalityv1.Maturity{Model: "1.1", Level: int32(n)}
}

func list(cell string) []string {
	return strings.FieldsFunc(cell, func(r rune) bool { return r == ';' })
}
