package marketplace

import (
	"errors"
	"fmt"
	"strings"

	commonv1 "kompass.krz.de/proto/kompass/common/v1"
	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	"kompass.krz.de/services/platform/fault"
	"kompass.krz.de/services/platform/importreport"
	"kompass.krz.de/services/platform/names"
	"kompass.krz.de/services/platform/tabular"
)

// maxOfferRows bounds the rows of a table of offers.
const maxOfferRows = 50_000

// importedTable is a table of offers that is being read.
type importedTable struct {
	*offerFile
	columns tabular.Columns
	byKey   map[string]*offerRows
	order   []*offerRows
}

// offerRows are the rows of one offer: what they say about it, and the public services, one or several a row.
type offerRows struct {
	offer *importedOffer
	cells map[string]importreport.Spot // by column; not blank
}

// readOfferTable reads a table of offers: a row for each offer, or for each of the public services that it covers.
func readOfferTable(file []byte, format commonv1.FileFormat) (*offerFile, error) {
	options := tabular.Options{MaxRows: maxOfferRows, Accept: func(header []string) bool { return isOffers(header) || isStates(header) }}
	switch format {
	case commonv1.FileFormat_FILE_FORMAT_CSV:
		options.Format = tabular.CSV
	case commonv1.FileFormat_FILE_FORMAT_XLSX:
		options.Format = tabular.XLSX
	}
	table, err := tabular.Read(file, options)
	if err != nil {
		return nil, unreadableTable(err)
	}
	if isStates(table.Header) {
		return nil, offersElsewhere("Umsetzungsstände", "municipalities/-/implementations:import")
	}
	columns, err := table.Map(offerNames)
	if err != nil {
		return nil, unreadableTable(err)
	}
	t := &importedTable{offerFile: &offerFile{Findings: importreport.OfTable(commonv1.ImportReport_TABLE_OFFERS, table, columns)}, columns: columns, byKey: map[string]*offerRows{}}
	for _, sheet := range table.Unread {
		t.Warn(importreport.Spot{Value: sheet}, "SHEET_NOT_READ", "Das Blatt „"+sheet+"“ enthält auch eine Tabelle; gelesen wurde nur das Blatt „"+table.Sheet+"“.",
			"The sheet "+sheet+" holds a table too; only the sheet "+table.Sheet+" was read.")
	}
	for _, row := range table.Rows {
		t.row(row)
	}
	for _, rows := range t.order {
		t.finish(rows)
	}
	return t.offerFile, nil
}

// isOffers tells whether a header is that of offers: a name, and something to say about it.
func isOffers(header []string) bool {
	columns, err := (&tabular.Table{Header: header}).Map(offerNames)
	if errors.Is(err, &tabular.Error{Reason: tabular.DuplicateColumn}) {
		return true
	}
	known := 0
	for _, c := range offerColumns {
		if columns.Has(c.name) {
			known++
		}
	}
	return err == nil && columns.Has(nameColumn) && known > 1
}

// isStates tells whether a header is that of implementation states or municipalities: each row has a place.
func isStates(header []string) bool {
	columns, err := (&tabular.Table{Header: header}).Map(map[string][]string{"ags": {"ars", "gemeindeschluessel", "regionalschluessel"}})
	return err != nil || columns.Has("ags")
}

// unreadableTable is the fault for a file that tabular refuses.
func unreadableTable(err error) error {
	var t *tabular.Error
	if !errors.As(err, &t) {
		return fault.New(fault.Internal).Cause(err)
	}
	switch t.Reason {
	case tabular.Empty:
		return fault.New(fault.ImportEmpty).Cause(err)
	case tabular.UnknownHeader:
		return unreadableOffers(t.Message+" Erwartet werden Angebote (id, name, anbieter, leika_schluessel, …), ein publiccode.yml oder XZuFi.",
			t.English+" Expected are offers (id, name, anbieter, leika_schluessel, …), a publiccode.yml or XZuFi.").Cause(err)
	case tabular.TooLarge:
		return fault.New(fault.TooLarge, "limit", "64 MiB").Field("file", t.Message, t.English).Cause(err)
	}
	de, en, _ := strings.Cut(t.Error(), " / ")
	return unreadableOffers(de, en).Cause(err)
}

// at is a cell of a row, for messages.
func (t *importedTable) at(row tabular.Row, column string) importreport.Spot {
	return importreport.At(row.Line, t.columns.Name(column), t.columns.Raw(row, column))
}

// row sorts one row to its offer.
func (t *importedTable) row(row tabular.Row) {
	id, name, provider := t.columns.Value(row, idColumn), t.columns.Value(row, nameColumn), t.columns.Value(row, providerColumn)
	if id == "" {
		id = names.Folded(name)
	}
	if id == "" {
		t.Fail(t.at(row, nameColumn), "MISSING_KEY", "Weder id noch Name sagen, um welches Angebot es geht.", "Neither id nor name says which offer this is.")
		return
	}
	key := tabular.NormalizeHeader(provider) + "\x00" + id
	rows := t.byKey[key]
	if rows == nil {
		rows = &offerRows{newImportedOffer(row.Line), map[string]importreport.Spot{}}
		rows.offer.id = id
		t.byKey[key], t.order = rows, append(t.order, rows)
	}
	for _, c := range offerColumns {
		switch c.name {
		case idColumn, keyColumn, levelColumn, modelColumn, statusColumn:
		default:
			t.agree(rows, row, c.name)
		}
	}
	t.covers(rows.offer, row)
}

// agree takes a cell for the offer; the rows of one offer say the same about it, or leave the cell empty.
func (t *importedTable) agree(rows *offerRows, row tabular.Row, column string) {
	at := t.at(row, column)
	text := tabular.CleanText(at.Value)
	if text == "" {
		return
	}
	first, said := rows.cells[column]
	if !said {
		rows.cells[column] = at
	} else if tabular.CleanText(first.Value) != text {
		t.Fail(at, "CONTRADICTION", fmt.Sprintf("Zeile %d sagt über dasselbe Angebot etwas anderes: „%s“.", first.Line, importreport.Shortened(first.Value)),
			fmt.Sprintf("Line %d says something else about the same offer: %s.", first.Line, importreport.Shortened(first.Value)))
	}
}

// covers reads the public services of a row, with the maturity and status that the row gives them.
func (t *importedTable) covers(o *importedOffer, row tabular.Row) {
	coverage := marketplacev1.Coverage{}
	level, status := t.at(row, levelColumn), t.at(row, statusColumn)
	if text := tabular.CleanText(level.Value); text != "" {
		var de, en string
		if coverage.Maturity, de, en = readLevel(text, t.columns.Value(row, modelColumn)); de != "" {
			t.Fail(level, "INVALID_VALUE", de, en)
		}
	}
	if tabular.CleanText(status.Value) != "" {
		var ok bool
		if coverage.Status, ok = statusWords.read(status.Value); !ok {
			t.Fail(status, "INVALID_VALUE", "Kein Status: geplant, Pilot, verfügbar oder eingestellt erwartet.", "Not a status: planned, pilot, available or discontinued expected.")
		}
	}
	cell := t.at(row, keyColumn)
	for _, text := range listed(cell.Value) {
		at := importreport.At(cell.Line, cell.Column, text)
		if name, ok := t.readKey(at); ok {
			o.covers = append(o.covers, coverLine{
				coverage: &marketplacev1.Coverage{PublicService: name, Maturity: coverage.GetMaturity(), Status: coverage.GetStatus()}, at: at,
			})
		}
	}
}

// finish reads the cells of an offer once all of its rows are known.
func (t *importedTable) finish(rows *offerRows) {
	o := rows.offer
	name := rows.cells[nameColumn]
	if name.Line == 0 {
		t.Fail(importreport.At(o.line, t.columns.Name(nameColumn), ""), "MISSING_NAME", "Der Name fehlt.", "The name is missing.")
	} else {
		o.says.DisplayName = tabular.CleanText(name.Value)
		o.speaks("display_name", name)
	}
	if at, said := rows.cells[providerColumn]; said {
		o.provider = tabular.CleanText(at.Value)
		o.spots["provider"] = at
	}
	cells := offerCells{Findings: t.Findings, offer: o}
	if at, said := rows.cells[currencyColumn]; said {
		cells.currency = currencyCode(tabular.CleanText(at.Value))
	}
	for _, c := range offerColumns {
		if c.read == nil || !t.columns.Has(c.name) {
			continue
		}
		at, said := rows.cells[c.name]
		if !said {
			at = importreport.At(o.line, t.columns.Name(c.name), "")
		}
		o.speaks(c.speaks, at)
		if !said {
			continue
		}
		if de, en := c.read(&cells, at); de != "" {
			t.Fail(at, "INVALID_VALUE", de, en)
		}
	}
	cells.free()
	t.offers = append(t.offers, o)
}
