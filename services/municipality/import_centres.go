package municipality

import (
	"fmt"
	"strings"

	commonv1 "kompass.krz.de/proto/kompass/common/v1"
	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
	"kompass.krz.de/services/platform/importreport"
	"kompass.krz.de/services/platform/links"
	"kompass.krz.de/services/platform/tabular"
)

// centreRow is what one row says about a data centre.
type centreRow struct {
	id     string
	line   int
	values *municipalityv1.DataCentre
}

// readCentres reads data centres. Their id is the one of the file, unless that is only a number: then the folded name,
// with the town where several have the same name.
func readCentres(table *tabular.Table, columns tabular.Columns) *delivery {
	f := importreport.OfTable(commonv1.ImportReport_TABLE_DATA_CENTRES, table, columns)
	d := &delivery{Findings: f}
	names := map[string]int{}
	for _, r := range table.Rows {
		names[centreID(columns, r)]++
	}
	lines := map[string]int{}
	for _, r := range table.Rows {
		id := centreID(columns, r)
		name := importreport.At(r.Line, columns.Name("name"), columns.Value(r, "name"))
		if names[id] > 1 && columns.Value(r, "town") != "" {
			id += "-" + slug(columns.Value(r, "town"))
		}
		switch {
		case name.Value == "" || id == "":
			f.Fail(name, "MISSING_NAME", "Der Name fehlt.", "The name is missing.")
			continue
		case len(name.Value) > maxName || len(id) > maxName:
			f.Fail(name, "VALUE_TOO_LONG", "Länger als 200 Zeichen.", "Longer than 200 characters.")
			continue
		}
		if first, twice := lines[id]; twice {
			f.Fail(name, "DUPLICATE_KEY", fmt.Sprintf("Steht schon in Zeile %d.", first), fmt.Sprintf("Is already in line %d.", first))
			continue
		}
		lines[id] = r.Line
		d.centres = append(d.centres, centreRow{id, r.Line, &municipalityv1.DataCentre{
			DisplayName: strings.Clone(name.Value),
			Town:        strings.Clone(columns.Value(r, "town")),
			Url:         webAddress(f, importreport.At(r.Line, columns.Name("url"), columns.Value(r, "url"))),
		}})
	}
	return d
}

// centreID is the id that a row gives, or its folded name.
func centreID(columns tabular.Columns, r tabular.Row) string {
	if id := columns.Value(r, "id"); id != "" && id == slug(id) && !allDigits(id) {
		return strings.Clone(id)
	}
	return slug(columns.Value(r, "name"))
}

// webAddress completes what is written the way people write it: "krz.de".
func webAddress(f *importreport.Findings, c importreport.Spot) string {
	address := c.Value
	if address == "" {
		return ""
	}
	completed := !strings.Contains(address, "://")
	if completed {
		address = "https://" + address
	}
	if wrong, _ := links.Check(address); wrong != "" || len(address) > 2000 {
		f.Warn(c, "INVALID_URL", "Keine Adresse mit http oder https; nicht übernommen.", "Not an http or https address; left out.")
		return ""
	}
	if completed {
		f.Info(c, "URL_COMPLETED", "Ohne https:// angegeben; gelesen als "+address+".", "Given without https://; read as "+address+".")
	}
	return address
}
