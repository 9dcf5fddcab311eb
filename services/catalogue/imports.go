package catalogue

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"

	cataloguev1 "kompass.krz.de/proto/kompass/catalogue/v1"
	commonv1 "kompass.krz.de/proto/kompass/common/v1"
	"kompass.krz.de/services/platform/fault"
	"kompass.krz.de/services/platform/importreport"
	"kompass.krz.de/services/platform/ledger"
	"kompass.krz.de/services/platform/server"
)

// ImportCatalogue takes over a file, whole or not at all. A file that cannot be read or is empty is refused in any case.
// With validate_only bad rows and a shrink are no refusal: the report names them among its issues, and what the file
// would do if it were taken.
func (s *Service) ImportCatalogue(ctx context.Context, req *cataloguev1.ImportCatalogueRequest) (*commonv1.ImportReport, error) {
	select {
	case s.imports <- struct{}{}:
		defer func() { <-s.imports }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	in, err := read(req.GetFile(), req.GetFormat())
	if err != nil {
		return nil, err
	}
	scope := scopeOf(req.GetScope(), in.Report.GetFormat())
	if req.GetValidateOnly() {
		snapshot, err := s.replica.Read()
		if err != nil {
			return nil, err
		}
		return in.plan(snapshot, scope).preview(req.GetForce()), nil
	}
	return s.take(ctx, req, in, scope)
}

func (s *Service) take(ctx context.Context, req *cataloguev1.ImportCatalogueRequest, in *imported, scope cataloguev1.ImportScope) (*commonv1.ImportReport, error) {
	cause, err := server.Cause(ctx, req, s.clock())
	if err != nil {
		return nil, err
	}
	digest := sha256.Sum256(req.GetFile())
	var p *plan
	result, err := s.replica.Write(ctx, cause, func(at *catalogue) ([]ledger.Draft, error) {
		p = in.plan(at, scope)
		if err := p.refuse(req.GetForce()); err != nil {
			return nil, err
		}
		return s.drafts(p, hex.EncodeToString(digest[:])), nil
	})
	if err != nil {
		return nil, err
	}
	if result.Repeated {
		return repeated(in.plan(result.State, scope), cause.RequestID), nil
	}
	result.State.prepare()
	report := p.Finish()
	if len(p.entries) > 0 {
		report.Revision = p.number
	}
	return report, nil
}

func scopeOf(wanted cataloguev1.ImportScope, format commonv1.FileFormat) cataloguev1.ImportScope {
	switch {
	case wanted != cataloguev1.ImportScope_IMPORT_SCOPE_UNSPECIFIED:
		return wanted
	case format == commonv1.FileFormat_FILE_FORMAT_XZUFI:
		return cataloguev1.ImportScope_IMPORT_SCOPE_PARTIAL
	}
	return cataloguev1.ImportScope_IMPORT_SCOPE_COMPLETE
}

// refuse says why a plan must not be carried out.
func (p *plan) refuse(force bool) error {
	if err := p.Refusal(); err != nil {
		return err
	}
	if p.shrinks() && !force {
		return p.shrunk().Detail(p.Finish())
	}
	return nil
}

// shrunk says how much would go, and what would come.
func (p *plan) shrunk() *fault.Error {
	return fault.New(fault.ImportShrinks, "withdrawn", fmt.Sprint(p.Report.GetWithdrawn()), "before", fmt.Sprint(p.before), "added", fmt.Sprint(p.Report.GetAdded()))
}

// preview is the report of a file that is only checked.
func (p *plan) preview(force bool) *commonv1.ImportReport {
	if p.shrinks() && !force {
		de, en := p.shrunk().Texts()
		p.Fail(importreport.Spot{}, fault.ImportShrinks.Name, de, en)
	}
	report := p.Finish()
	report.ValidateOnly = true
	return report
}

// repeated is the report of an import that had its effect before: what it did then, as its revision tells.
func repeated(p *plan, requestID string) *commonv1.ImportReport {
	report := p.Finish()
	report.Repeated = true
	for i := len(p.state.revisions) - 1; i >= 0; i-- {
		if r := p.state.revisions[i]; r.requestID == requestID {
			report.Added, report.Changed, report.Withdrawn, report.Unchanged = r.GetAdded(), r.GetChanged(), r.GetWithdrawn(), r.GetUnchanged()
			report.Revision = r.GetNumber()
			break
		}
	}
	return report
}

// drafts are the records of a plan; the revision comes last and makes the others count.
func (s *Service) drafts(p *plan, fileDigest string) []ledger.Draft {
	drafts := make([]ledger.Draft, 0, len(p.entries)+len(p.sources)+len(p.successions)+len(p.relevance)+1)
	for _, e := range slices.Concat(p.entries, p.sources) {
		k := kindOfName(e.entry.GetName())
		drafts = append(drafts, ledger.Draft{
			Subject: s.replica.Own().Subject(k.subject, k.id(e.entry.GetName())), Resource: e.entry.GetName(), Entity: e.entry, Changed: e.changed,
		})
	}
	for _, m := range p.successions {
		drafts = append(drafts, s.successionDraft(m))
	}
	for _, r := range p.relevance {
		drafts = append(drafts, s.relevanceDraft(r.relevance, r.changed))
	}
	if len(p.entries) == 0 {
		return drafts
	}
	number := strconv.FormatInt(p.number, 10)
	return append(drafts, ledger.Draft{
		Subject: s.replica.Own().Subject("revision", number), Resource: revisionsPrefix + number, Entity: p.revision(number, fileDigest),
	})
}

func (p *plan) revision(number, fileDigest string) *cataloguev1.CatalogueRevision {
	return &cataloguev1.CatalogueRevision{
		Name: revisionsPrefix + number, Number: p.number, Table: p.Report.GetTable(), Format: p.Report.GetFormat(), Scope: p.scope,
		Added: p.Report.GetAdded(), Changed: p.Report.GetChanged(), Withdrawn: p.Report.GetWithdrawn(), Unchanged: p.Report.GetUnchanged(),
		FileDigest: fileDigest, Forced: p.shrinks(),
	}
}
