package marketplace

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	"kompass.krz.de/services/platform/fault"
	"kompass.krz.de/services/platform/importreport"
	"kompass.krz.de/services/platform/ledger"
	"kompass.krz.de/services/platform/mask"
	"kompass.krz.de/services/platform/names"
	"kompass.krz.de/services/platform/server"
)

const (
	solutionsPrefix = "solutions/"
	providersPrefix = "providers/"
)

// importPlan compares a file with what the marketplace holds and collects what has to be written.
type importPlan struct {
	*importreport.Findings
	service  *Service
	world    world
	cause    ledger.Cause
	provider string // of offers that name none, as a resource name
	drafts   []ledger.Draft

	imported  map[string]*marketplacev1.Solution // by external id
	rows      map[string][]string                // external ids by the id that a table has
	lines     map[string]int                     // by external id, of this file
	taken     map[string]int                     // how many solutions of the file wanted an id
	providers map[string][]string                // resource names by folded display name; made when a row needs it
}

// planImport plans a file on a state. The error is a fault of the request: its provider does not exist.
func (s *Service) planImport(w world, c ledger.Cause, file *offerFile, provider string) (*importPlan, error) {
	if _, known := w.providers.Get(provider); provider != "" && !known {
		return nil, fault.New(fault.UnknownReference, "resource", provider).
			Field("provider", "„"+provider+"“ gibt es nicht", provider+" does not exist")
	}
	p := &importPlan{
		Findings: file.Clone(), service: s, world: w, cause: c, provider: provider,
		imported: map[string]*marketplacev1.Solution{}, rows: map[string][]string{}, lines: map[string]int{}, taken: map[string]int{},
	}
	for _, solution := range w.solutions.All() {
		if id := solution.GetExternalId(); id != "" {
			p.imported[id] = solution
			if _, row, ok := splitTableID(id); ok {
				p.rows[row] = append(p.rows[row], id)
			}
		}
	}
	for _, o := range file.offers {
		p.offer(o)
	}
	for _, g := range file.gone {
		p.gone(g)
	}
	return p, nil
}

// offer plans one offer.
func (p *importPlan) offer(o *importedOffer) {
	given := proto.CloneOf(o.says)
	fields, known := p.resolveProvider(o, given, slices.Clone(o.fields))
	if !known {
		return
	}
	id, known := p.identify(o, given.GetProvider())
	if !known {
		return
	}
	if first, twice := p.lines[id]; twice {
		p.Fail(importreport.At(o.line, "id", id), "DUPLICATE_KEY", fmt.Sprintf("Dieses Angebot steht schon in Zeile %d.", first), fmt.Sprintf("This offer is already in line %d.", first))
		return
	}
	p.lines[id] = o.line
	at := indexSpots(o)
	if fields, known = p.resolveCoverage(o, given, fields, at); !known {
		return
	}
	before := p.imported[id]
	fields = p.defaultProvider(o, before, given, fields)
	if before.GetState() == withdrawn {
		p.Report.Unchanged++
		p.Warn(importreport.At(o.line, "id", id), "SOLUTION_WITHDRAWN", "„"+before.GetName()+"“ ist zurückgezogen und bleibt, wie es ist.", before.GetName()+" is withdrawn and stays as it is.")
		return
	}
	if o.version != nil {
		given.Versions = withVersion(before.GetVersions(), o.version)
		fields = append(fields, "versions")
	}
	if before == nil {
		p.add(o, id, given, fields, at)
		return
	}
	p.change(o, before, given, fields, at)
}

// indexSpots is a copy of the spots of an offer that the plan may add to.
func indexSpots(o *importedOffer) map[string]importreport.Spot {
	at := make(map[string]importreport.Spot, len(o.spots)+len(o.covers))
	for field, s := range o.spots {
		at[field] = s
	}
	return at
}

// add plans an offer that is new here: a draft, because a person submits and publishes.
func (p *importPlan) add(o *importedOffer, externalID string, given *marketplacev1.Solution, fields []string, at map[string]importreport.Spot) {
	name, free := p.newName(given.GetDisplayName(), externalID)
	if !free {
		p.Warn(importreport.Spot{Line: o.line, Value: given.GetDisplayName()}, "SAME_NAME", "Ein Angebot mit diesem Namen gibt es schon; angelegt wird „"+name+"“.",
			"There is an offer of this name already; "+name+" is added.")
	}
	after := &marketplacev1.Solution{Name: name, State: draft, ExternalId: externalID}
	changed, ok := p.apply(o, after, given, fields, at)
	if !ok {
		return
	}
	p.Report.Added++
	p.draft(after, append([]string{"name", "state", "external_id"}, changed...))
}

// change plans an offer that an import brought before. What people edited since stays.
func (p *importPlan) change(o *importedOffer, before, given *marketplacev1.Solution, fields []string, at map[string]importreport.Spot) {
	local := func(field string) bool { return slices.Contains(before.GetLocalFields(), field) }
	kept := slices.DeleteFunc(slices.Clone(fields), func(f string) bool { return !local(f) })
	p.keep(o, before, given, kept)
	after := proto.CloneOf(before)
	changed, ok := p.apply(o, after, given, slices.DeleteFunc(fields, local), at)
	switch {
	case !ok:
	case len(changed) == 0:
		p.Report.Unchanged++
	default:
		p.Report.Changed++
		p.draft(after, changed)
	}
}

// keep reports the fields that people edited and about which the file says something else.
func (p *importPlan) keep(o *importedOffer, before, given *marketplacev1.Solution, fields []string) {
	if len(fields) == 0 {
		return
	}
	given = proto.CloneOf(given)
	completeCoverage(given)
	completePrices(given.GetPrices())
	differ, err := mask.Apply(proto.CloneOf(before), given, &fieldmaskpb.FieldMask{Paths: fields})
	if err != nil || len(differ) == 0 {
		return
	}
	list := strings.Join(differ, ", ")
	p.Info(importreport.Spot{Line: o.line, Value: list}, "EDITED_HERE", "Hier von Hand geändert und deshalb nicht übernommen: "+list+" („"+before.GetName()+"“).",
		"Edited here by hand and therefore not taken over: "+list+" ("+before.GetName()+").")
}

// apply does to a solution what the file says about some fields, by the rules of a single change. It answers what differs;
// false when the rules forbid it, which is reported.
func (p *importPlan) apply(o *importedOffer, after, given *marketplacev1.Solution, fields []string, at map[string]importreport.Spot) ([]string, bool) {
	if len(fields) == 0 {
		return nil, true
	}
	if err := server.Validate(given); err != nil {
		p.blame(o, err, at)
		return nil, false
	}
	changed, err := edit(p.world, p.cause, after, given, &fieldmaskpb.FieldMask{Paths: fields})
	if err != nil {
		p.blame(o, err, at)
		return nil, false
	}
	return changed, true
}

func (p *importPlan) draft(after *marketplacev1.Solution, changed []string) {
	name := after.GetName()
	p.drafts = append(p.drafts, ledger.Draft{
		Subject:  p.service.replica.Own().Subject(solutionKind.Token, strings.TrimPrefix(name, solutionsPrefix)),
		Resource: name, Entity: solutionKind.Bare(after), Changed: changed,
	})
}

// newName is the resource name of a new solution, and whether it is the first one of that name.
func (p *importPlan) newName(displayName, externalID string) (name string, free bool) {
	const longest = 63
	base := names.Folded(displayName)
	if base == "" {
		sum := sha256.Sum256([]byte(externalID))
		base = "angebot-" + hex.EncodeToString(sum[:6])
	}
	for first := p.taken[base] == 0; ; first = false {
		p.taken[base]++
		id := base
		if n := p.taken[base]; n > 1 {
			suffix := fmt.Sprintf("-%d", n)
			id = strings.TrimRight(base[:min(len(base), longest-len(suffix))], "-") + suffix
			if p.taken[id] > 0 {
				continue
			}
			p.taken[id]++
		}
		if _, exists := p.world.solutions.Get(solutionsPrefix + id); !exists {
			return solutionsPrefix + id, first
		}
	}
}

// gone reports what a file says is no longer there. An import removes nothing: municipalities may rely on it.
func (p *importPlan) gone(g goneOffer) {
	before, known := p.imported[g.externalID]
	if !known || before.GetState() == withdrawn || p.lines[g.externalID] > 0 {
		return
	}
	p.Warn(g.at, "GONE_AT_SOURCE", "In der Lieferung gelöscht; „"+before.GetName()+"“ bleibt hier, bis es jemand zurückzieht.",
		"Deleted in the delivery; "+before.GetName()+" stays here until somebody withdraws it.")
}
