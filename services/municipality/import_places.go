package municipality

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	commonv1 "kompass.krz.de/proto/kompass/common/v1"
	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
	"kompass.krz.de/services/platform/importreport"
	"kompass.krz.de/services/platform/tabular"
)

// maxName bounds texts of places, in characters, as the contract does.
const maxName = 200

// placeRow is what one row says about a place.
type placeRow struct {
	ags         string
	values      *municipalityv1.Municipality
	fields      []string          // of values, that the row sets
	ifNew       []string          // of values, that only a new place takes
	toBeChecked importreport.Spot // where the file says that the size class is open
	district    importreport.Spot
	named       bool // district is a name, to be looked up, not a key
	centre      importreport.Spot
}

// placeReader reads the rows of one table.
type placeReader struct {
	*importreport.Findings
	columns tabular.Columns
	lines   map[string]int // by AGS
}

func readPlaces(table *tabular.Table, columns tabular.Columns) *delivery {
	reader := &placeReader{importreport.OfTable(commonv1.ImportReport_TABLE_MUNICIPALITIES, table, columns), columns, map[string]int{}}
	d := &delivery{Findings: reader.Findings}
	for _, r := range table.Rows {
		if row, ok := reader.row(r); ok {
			d.places = append(d.places, row)
		}
	}
	return d
}

// cell is a field's cell and where it stands.
func (p *placeReader) cell(r tabular.Row, field string) importreport.Spot {
	return importreport.At(r.Line, p.columns.Name(field), p.columns.Value(r, field))
}

func (p *placeReader) row(r tabular.Row) (placeRow, bool) {
	ags, ars, ok := p.keys(r)
	if !ok {
		return placeRow{}, false
	}
	if first, twice := p.lines[ags]; twice {
		p.Fail(importreport.At(r.Line, p.columns.Name("ags"), ags), "DUPLICATE_KEY",
			fmt.Sprintf("Der Schlüssel steht schon in Zeile %d.", first), fmt.Sprintf("The key is already in line %d.", first))
		return placeRow{}, false
	}
	p.lines[ags] = r.Line
	row := placeRow{ags: ags, values: &municipalityv1.Municipality{}}
	if ars != "" {
		row.values.Ars = ars
		row.fields = append(row.fields, "ars")
	}
	p.kind(&row, r)
	p.names(&row, r)
	p.sizeClass(&row, r)
	p.numbers(&row, r)
	p.belonging(&row, r)
	return row, true
}

// keys reads AGS and ARS; one of them is enough, both have to agree.
func (p *placeReader) keys(r tabular.Row) (ags, ars string, ok bool) {
	if c := p.cell(r, "ars"); c.Value != "" {
		var restored bool
		if ars, restored, ok = parseARS(c.Value); !ok {
			p.Fail(c, "INVALID_ARS", "Kein Amtlicher Regionalschlüssel: 12 Ziffern erwartet.", "Not a regional key: 12 digits expected.")
			return "", "", false
		}
		repaired(p.Findings, c, restored, ars)
	}
	c := p.cell(r, "ags")
	if c.Value == "" {
		if ars != "" {
			return agsOfARS(ars), ars, true
		}
		p.Fail(c, "MISSING_KEY", "Der Schlüssel fehlt.", "The key is missing.")
		return "", "", false
	}
	ags, restored, ok := parseAGS(c.Value)
	if !ok {
		p.Fail(c, "INVALID_AGS", "Kein Amtlicher Gemeindeschlüssel: 8 Ziffern erwartet, 5 für einen Kreis.",
			"Not a municipality key: 8 digits expected, 5 for a Kreis.")
		return "", "", false
	}
	repaired(p.Findings, c, restored, ags)
	if ars != "" && !sameBody(ags, ars) {
		p.Fail(p.cell(r, "ars"), "KEYS_DISAGREE", "AGS "+ags+" und ARS "+ars+" meinen verschiedene Gemeinden.",
			"AGS "+ags+" and ARS "+ars+" name different municipalities.")
		return "", "", false
	}
	return ags, ars, true
}

func repaired(f *importreport.Findings, c importreport.Spot, restored bool, key string) {
	if restored {
		f.Warn(c, "LEADING_ZERO_RESTORED", "Die führende Null fehlte; gelesen als "+key+".", "The leading zero was missing; read as "+key+".")
	}
}

// kind reads what kind of body it is; without a column only a new place takes what its key suggests.
func (p *placeReader) kind(row *placeRow, r tabular.Row) {
	c := p.cell(r, "kind")
	row.values.Kind = kindOf(c.Value, row.ags)
	if c.Value == "" {
		row.ifNew = append(row.ifNew, "kind")
		return
	}
	row.fields = append(row.fields, "kind")
}

func kindOf(text, ags string) municipalityv1.Municipality_Kind {
	switch word := tabular.NormalizeHeader(text); {
	case word == "kreisfreie_stadt" || word == "stadtkreis":
		return municipalityv1.Municipality_KIND_INDEPENDENT_CITY
	case word == "kreis" || word == "landkreis" || word == "staedteregion":
		return municipalityv1.Municipality_KIND_DISTRICT
	case !strings.HasSuffix(ags, "000"):
		return municipalityv1.Municipality_KIND_MUNICIPALITY
	case word == "":
		return municipalityv1.Municipality_KIND_DISTRICT
	default: // "Stadt" with the key of a Kreis
		return municipalityv1.Municipality_KIND_INDEPENDENT_CITY
	}
}

// names reads short and official name. Registers write "Bünde, Stadt"; a Kreis is named so that nobody takes it for the
// city of the same name.
func (p *placeReader) names(row *placeRow, r tabular.Row) {
	name := p.cell(r, "name").Value
	short, official := p.cell(r, "short").Value, p.cell(r, "official").Value
	district := row.values.GetKind() == municipalityv1.Municipality_KIND_DISTRICT
	if before, _, has := strings.Cut(name, ","); has || short != "" {
		official = cmp.Or(official, name)
		name = cmp.Or(short, before)
	}
	if district && name != "" {
		name = districtName(name)
		official = name
	}
	for _, c := range []struct{ field, value, column string }{
		{"display_name", strings.TrimSpace(cmp.Or(name, short)), "name"},
		{"official_name", official, "official"},
	} {
		p.text(row, r, c.field, c.value, c.column)
	}
	if row.values.GetDisplayName() == "" {
		row.values.DisplayName = row.ags
		row.ifNew = append(row.ifNew, "display_name")
	}
}

func districtName(name string) string {
	lower := strings.ToLower(name)
	if strings.Contains(lower, "kreis") || strings.Contains(lower, "region") {
		return name
	}
	return "Kreis " + name
}

// text sets a text field of the place when the row has one.
func (p *placeReader) text(row *placeRow, r tabular.Row, field, value, column string) {
	if value == "" {
		return
	}
	if utf8.RuneCountInString(value) > maxName {
		p.Fail(importreport.At(r.Line, p.columns.Name(column), value), "VALUE_TOO_LONG", "Länger als 200 Zeichen.", "Longer than 200 characters.")
		return
	}
	m := row.values
	switch value = strings.Clone(value); field {
	case "display_name":
		m.DisplayName = value
	case "official_name":
		m.OfficialName = value
	case "region":
		m.Region = value
	}
	row.fields = append(row.fields, field)
}

// sizeClasses are the classes as tables spell them, by normalised name.
var sizeClasses = map[string]commonv1.SizeClass{
	"kreisfreie_stadt":                                      commonv1.SizeClass_SIZE_CLASS_KREISFREIE_STADT,
	"staedteregionsangehoerige_stadt":                       commonv1.SizeClass_SIZE_CLASS_STAEDTEREGIONSANGEHOERIGE_STADT,
	"staedteregionsangehoerige_stadt_mit_rechten_kreisfrei": commonv1.SizeClass_SIZE_CLASS_STAEDTEREGIONSANGEHOERIGE_STADT,
	"grosse_kreisangehoerige_stadt":                         commonv1.SizeClass_SIZE_CLASS_GROSSE_KREISANGEHOERIGE_STADT,
	"mittlere_kreisangehoerige_stadt":                       commonv1.SizeClass_SIZE_CLASS_MITTLERE_KREISANGEHOERIGE_STADT,
	"kleine_kreisangehoerige_gemeinde":                      commonv1.SizeClass_SIZE_CLASS_KLEINE_KREISANGEHOERIGE_GEMEINDE,
	"kreis":                                                 commonv1.SizeClass_SIZE_CLASS_KREIS,
	"staedteregion":                                         commonv1.SizeClass_SIZE_CLASS_STAEDTEREGION,
}

// sizeClass reads the legal status. Without a column it follows from the kind for Kreise and kreisfreie Städte alone;
// for everybody else an ordinance says it.
func (p *placeReader) sizeClass(row *placeRow, r tabular.Row) {
	c := p.cell(r, "size_class")
	word := strings.TrimPrefix(tabular.NormalizeHeader(c.Value), "size_class_")
	class, known := sizeClasses[word]
	switch {
	case known:
	case word == "mittlere_oder_kleine_pruefen":
		row.toBeChecked = c
		return
	case word != "" && word != "unspecified":
		p.Fail(c, "UNKNOWN_SIZE_CLASS", "Diese Größenklasse gibt es nicht.", "There is no such size class.")
		return
	case p.columns.Has("size_class") || !slices.Contains(row.fields, "kind"):
		return
	case row.values.GetKind() == municipalityv1.Municipality_KIND_INDEPENDENT_CITY:
		class = commonv1.SizeClass_SIZE_CLASS_KREISFREIE_STADT
	case row.values.GetKind() == municipalityv1.Municipality_KIND_DISTRICT:
		class = commonv1.SizeClass_SIZE_CLASS_KREIS
		if strings.HasPrefix(row.values.GetDisplayName(), "Städteregion") {
			class = commonv1.SizeClass_SIZE_CLASS_STAEDTEREGION
		}
	default:
		return
	}
	row.values.SizeClass = class
	row.fields = append(row.fields, "size_class")
}

// numbers reads population, area and coordinates.
func (p *placeReader) numbers(row *placeRow, r tabular.Row) {
	m := row.values
	if c := p.cell(r, "population"); c.Value != "" {
		n, ok := parseCount(c.Value)
		if !ok {
			de, en := notCount(c.Value)
			p.Fail(c, "INVALID_NUMBER", de, en)
		}
		m.Population = n
		row.fields = append(row.fields, "population")
	}
	for _, number := range []struct {
		field     string
		value     *float64
		low, high float64
	}{
		{"area_km2", &m.AreaKm2, 0, 1e6}, {"latitude", &m.Latitude, -90, 90}, {"longitude", &m.Longitude, -180, 180},
	} {
		c := p.cell(r, number.field)
		if c.Value == "" {
			continue
		}
		f, ok := parseDecimal(c.Value)
		if !ok || f < number.low || f > number.high {
			p.Fail(c, "INVALID_NUMBER", fmt.Sprintf("Keine Zahl zwischen %g und %g.", number.low, number.high),
				fmt.Sprintf("Not a number between %g and %g.", number.low, number.high))
		}
		*number.value = f
		row.fields = append(row.fields, number.field)
	}
}

// belonging reads postal code, region, Kreis and data centre.
func (p *placeReader) belonging(row *placeRow, r tabular.Row) {
	if c := p.cell(r, "postal_code"); c.Value != "" {
		code := c.Value
		if len(code) == 4 {
			code = "0" + code
			repaired(p.Findings, c, true, code)
		}
		if len(code) != 5 || !allDigits(code) {
			p.Fail(c, "INVALID_POSTAL_CODE", "Keine Postleitzahl.", "Not a postal code.")
		}
		row.values.PostalCode = strings.Clone(code)
		row.fields = append(row.fields, "postal_code")
	}
	p.text(row, r, "region", p.cell(r, "region").Value, "region")
	p.district(row, r)
	row.centre = p.cell(r, "data_centre")
	row.centre.Value = strings.TrimPrefix(row.centre.Value, dataCentres)
}

// district reads the Kreis; registers name a kreisfreie Stadt and a Kreis as their own. Names stay for the planning, which
// knows the Kreise.
func (p *placeReader) district(row *placeRow, r tabular.Row) {
	c := p.cell(r, "district")
	if c.Value == "" {
		return
	}
	key := strings.TrimPrefix(c.Value, municipalities)
	ags, restored, ok := parseAGS(key)
	switch {
	case !ok && tabular.NormalizeHeader(c.Column) == kreis && !strings.ContainsAny(key, "0123456789"):
		if !strings.HasSuffix(row.ags, "000") {
			row.district, row.named = c, true
		}
		return
	case !ok:
		p.Fail(c, "INVALID_DISTRICT", "Kein Schlüssel eines Kreises.", "Not the key of a Kreis.")
		return
	case ags == row.ags:
		return
	case ags[:5] != row.ags[:5] || ags[5:] != "000":
		p.Fail(c, "KEYS_DISAGREE", "Die Gemeinde "+row.ags+" gehört nach ihrem Schlüssel nicht zu diesem Kreis.",
			"By its key, the municipality "+row.ags+" does not belong to this Kreis.")
		return
	}
	repaired(p.Findings, c, restored, ags)
	row.district = c
	row.values.District = municipalityName(ags)
	row.fields = append(row.fields, "district")
}
