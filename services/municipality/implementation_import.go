package municipality

import (
	"context"
	"errors"
	"slices"

	commonv1 "kompass.krz.de/proto/kompass/common/v1"
	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
	"kompass.krz.de/services/platform/fault"
	"kompass.krz.de/services/platform/importreport"
	"kompass.krz.de/services/platform/ledger"
	"kompass.krz.de/services/platform/tabular"
)

// ImportImplementations imports a table of implementation states: all rows or none, by the rules that a single change is
// held to. With validate_only bad rows are answered, not refused.
func (s *Service) ImportImplementations(ctx context.Context, req *municipalityv1.ImportImplementationsRequest) (*commonv1.ImportReport, error) {
	if _, _, err := s.placesOf(req.GetParent()); err != nil {
		return nil, err
	}
	delivered, err := readStates(req)
	if err != nil {
		return nil, err
	}
	var report *commonv1.ImportReport
	force := req.GetForce()
	decide := func(r records, today string) ([]ledger.Draft, error) {
		plan := statePlan{stateTable: delivered, Findings: delivered.findings.Clone(), service: s, records: r, today: today, force: force}
		plan.run()
		report = plan.Finish()
		if req.GetValidateOnly() {
			return nil, nil
		}
		return plan.drafts, plan.Refusal()
	}
	result, err := s.change(ctx, req, req.GetValidateOnly(), decide)
	if err != nil {
		return nil, err
	}
	if result.Repeated { // it had its effect; what others did since is not held against it
		force = true
		_, _ = decide(result.State, s.today().String())
	}
	report.ValidateOnly, report.Repeated = req.GetValidateOnly(), result.Repeated
	return report, nil
}

// readStates reads the file of a request. Errors are faults; bad rows are findings.
func readStates(req *municipalityv1.ImportImplementationsRequest) (*stateTable, error) {
	options := tabular.Options{MaxRows: maxStates, Accept: func(header []string) bool { return isStates(header) || knownHeader(header) }}
	switch req.GetFormat() {
	case commonv1.FileFormat_FILE_FORMAT_GEOJSON:
		return nil, notStates("Gemeindegrenzen", "municipalities:import")
	case commonv1.FileFormat_FILE_FORMAT_XZUFI:
		return nil, notStates("XZuFi", "catalogue:import")
	case commonv1.FileFormat_FILE_FORMAT_CSV:
		options.Format = tabular.CSV
	case commonv1.FileFormat_FILE_FORMAT_XLSX:
		options.Format = tabular.XLSX
	}
	table, err := tabular.Read(req.GetFile(), options)
	if err != nil {
		return nil, unreadable(err, "Umsetzungsstände (leika_schluessel, phase, …)", "implementation states (leika_key, phase, …)")
	}
	if !isStates(table.Header) {
		if _, err := readTable(&tabular.Table{Header: table.Header}); err != nil {
			return nil, err
		}
		return nil, notStates("Gemeinden oder Rechenzentren", "municipalities:import")
	}
	columns, err := table.Map(stateNames)
	if err != nil {
		return nil, unreadable(err, "", "")
	}
	if req.GetParent() == everywhere && !columns.Has("ags") && !columns.Has("ars") {
		return nil, fault.New(fault.ImportUnreadable).Field("file",
			"hat keine Spalte ags, die sagt, zu welcher Kommune eine Zeile gehört", "has no column ags that says to which municipality a row belongs")
	}
	return newStateTable(table, columns, agsOf(req.GetParent())), nil
}

// isStates tells whether a header is that of implementation states: services, and something to say about them.
func isStates(header []string) bool {
	columns, err := (&tabular.Table{Header: header}).Map(stateNames)
	if errors.Is(err, &tabular.Error{Reason: tabular.DuplicateColumn}) {
		return true
	}
	return err == nil && columns.Has("key") && slices.ContainsFunc(stateColumns, func(c stateColumn) bool { return c.edits && columns.Has(c.field) })
}

// notStates is the fault for a file that another import takes.
func notStates(table, method string) error {
	return fault.New(fault.ImportElsewhere, "table", table, "path", method).Field("file",
		"enthält keine Umsetzungsstände, sondern gehört nach POST /v1/"+method, "has no implementation states; it belongs to POST /v1/"+method)
}

// statePlan compares a table with what is recorded and collects what has to be written.
type statePlan struct {
	*stateTable
	*importreport.Findings
	service *Service
	records records
	today   string
	force   bool
	drafts  []ledger.Draft

	near      *place              // of the row before: rows of one municipality stand together
	solutions map[string][]string // resource names by folded display name; made when a row needs it
	skipped   int
}

func (p *statePlan) run() {
	for i := range p.rows {
		p.row(&p.rows[i])
	}
	if p.skipped > 0 {
		p.Info(importreport.Spot{}, "ROWS_WITHOUT_STATE",
			count(int64(p.skipped), "Eine Zeile", "Zeilen")+" ohne Angaben: nicht begonnen, nichts übernommen.",
			countEN(int64(p.skipped), "One row", "rows")+" without a state: not started, nothing taken over.")
	}
}

// row plans one row. A service that is owed and not started is exported as a row without a state: it stays unrecorded.
func (p *statePlan) row(row *stateRow) {
	if p.near == nil || p.near.ags != row.ags {
		if p.near = p.records.place(row.ags); p.near == nil {
			p.Fail(p.at(row, "ags"), "UNKNOWN_MUNICIPALITY", "Diese Kommune gibt es hier nicht.", "There is no such municipality here.")
			return
		}
	}
	recorded := p.near.find(row.key)
	if recorded == nil && row.blank {
		p.skipped++
		return
	}
	before, after := recorded.stored(row.ags), recorded.stored(row.ags)
	if after == nil {
		after = &municipalityv1.Implementation{Name: implementationName(row.ags, row.key)}
	}
	if !p.overlay(after, before, row) {
		return
	}
	changed, err := p.records.conclude(before, after, p.today, false)
	if err != nil {
		p.blame(row, err)
		return
	}
	switch {
	case recorded != nil && len(changed) == 0:
		p.Report.Unchanged++
		return
	case row.version != "" && row.version != recorded.etag() && !p.force:
		p.outdated(row, recorded)
		return
	case recorded == nil:
		p.Report.Added++
	default:
		p.Report.Changed++
	}
	d := p.service.removal(after.GetName())
	d.Entity, d.Changed = after, changed
	p.drafts = append(p.drafts, d)
}

// outdated blames a row that was written on another version than the current one.
func (p *statePlan) outdated(row *stateRow, recorded *implementation) {
	if recorded == nil {
		p.Fail(p.at(row, "version"), "VERSION_CHANGED", "Dieser Umsetzungsstand wurde inzwischen entfernt; mit „force“ wird er neu angelegt.",
			"This implementation was removed in the meantime; force records it anew.")
		return
	}
	now := recorded.etag()
	p.Fail(p.at(row, "version"), "VERSION_CHANGED",
		"Der Umsetzungsstand wurde inzwischen geändert (jetzt Version "+now+"): bitte neu exportieren oder mit „force“ überschreiben.",
		"The implementation has changed in the meantime (now version "+now+"): export it again, or use force to overwrite.")
}

// overlay does to an implementation what the columns of the table say; what has no column stays. False when the row is bad.
func (p *statePlan) overlay(after, before *municipalityv1.Implementation, row *stateRow) bool {
	v := row.values
	for i, c := range stateColumns {
		if !c.edits || !p.has[i] {
			continue
		}
		switch c.field {
		case "phase":
			after.Phase = v.GetPhase()
		case "phase_date":
			after.PhaseDate = v.GetPhaseDate()
		case "level":
			after.Maturity = v.GetMaturity()
		case "url":
			after.Url = keepText(before.GetUrl(), v.GetUrl())
		case "solution":
			if !p.solution(after, row) {
				return false
			}
		case "department":
			after.Department = keepText(before.GetDepartment(), v.GetDepartment())
		case "annual_cases":
			after.AnnualCases = v.AnnualCases
		case "priority":
			after.Priority = v.GetPriority()
		case "target_date":
			after.TargetDate = v.GetTargetDate()
		case "note":
			after.Note = keepText(before.GetNote(), v.GetNote())
		case "not_applicable_reason":
			after.NotApplicableReason = keepText(before.GetNotApplicableReason(), v.GetNotApplicableReason())
		}
	}
	return true
}

// keepText is a cell's text, or the recorded one where the cell says just that, as far as a table can.
func keepText(recorded, cell string) string {
	if recorded != cell && plainText(recorded) == cell {
		return recorded
	}
	return cell
}
