package municipality

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	commonv1 "kompass.krz.de/proto/kompass/common/v1"
	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
)

func (w *world) municipality(ags string) *municipalityv1.Municipality {
	w.tb.Helper()
	m, err := w.client.GetMunicipality(w.ctx, &municipalityv1.GetMunicipalityRequest{Name: municipalityName(ags)})
	must(w.tb, err)
	return m
}

// TestImportOfRealFiles imports them as they are, in several orders; a second time nothing changes.
func TestImportOfRealFiles(t *testing.T) {
	t.Parallel()
	files := []string{"nrw_gemeinden.csv", "nrw_kreise.csv", "krz_verband_gemeinden.csv", "kdn_it_dienstleister.csv", "nrw_gemeinden.geojson"}
	content := map[string]string{}
	for _, f := range files {
		content[f] = string(sharedData(t, f))
	}
	var first *municipalityv1.ListMunicipalitiesResponse
	for seed := range uint64(4) {
		w := newWorld(t)
		order := slices.Clone(files)
		rand.New(rand.NewPCG(seed, 1)).Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		for _, f := range order {
			w.importFile(content[f])
		}
		for _, f := range order {
			if r := w.importFile(content[f]); r.GetAdded()+r.GetChanged() != 0 || r.GetUnchanged() != r.GetRows() {
				t.Errorf("%v: second import of %s: %d added, %d changed", order, f, r.GetAdded(), r.GetChanged())
			}
		}
		all, err := w.client.ListMunicipalities(w.ctx, &municipalityv1.ListMunicipalitiesRequest{PageSize: 1000})
		must(t, err)
		for _, m := range all.GetMunicipalities() {
			m.Etag, m.UpdateTime = "", nil
		}
		if first == nil {
			first = all
		} else if !proto.Equal(all, first) {
			t.Errorf("order %v leads to another state", order)
		}
		checkRealPlaces(t, w, all.GetMunicipalities())
	}
}

func checkRealPlaces(t *testing.T, w *world, all []*municipalityv1.Municipality) {
	t.Helper()
	kinds, classes, located := map[municipalityv1.Municipality_Kind]int{}, map[commonv1.SizeClass]int{}, 0
	for _, m := range all {
		kinds[m.GetKind()]++
		classes[m.GetSizeClass()]++
		if m.GetLatitude() > 50 && m.GetLatitude() < 53 && m.GetLongitude() > 5 && m.GetLongitude() < 10 {
			located++
		}
	}
	if len(all) != 427 || kinds[1] != 374 || kinds[2] != 22 || kinds[3] != 31 || located != 396 {
		t.Errorf("%d places, kinds %v, %d with a point", len(all), kinds, located)
	}
	if classes[0] != 31 || classes[1] != 22 || classes[2] != 1 || classes[3] != 35 || classes[4] != 119 || classes[5] != 188 || classes[6] != 30 || classes[7] != 1 {
		t.Errorf("size classes: %v", classes)
	}
	b := w.municipality("05758004")
	if b.GetDisplayName() != "Bünde" || b.GetOfficialName() != "Bünde, Stadt" || b.GetPopulation() != 46030 || b.GetAreaKm2() != 59.3 ||
		b.GetDistrict() != "municipalities/05758000" || b.GetPostalCode() != "32257" || b.GetArs() != "057580004004" || len(b.GetLocalFields()) != 0 {
		t.Errorf("Bünde: %v", b)
	}
	d := w.municipality("05111000")
	if d.GetDisplayName() != "Düsseldorf" || d.GetKind() != municipalityv1.Municipality_KIND_INDEPENDENT_CITY || d.GetDistrict() != "" || d.GetAreaKm2() != 217.41 {
		t.Errorf("Düsseldorf: %v", d)
	}
	if k := w.municipality("05766000"); k.GetDisplayName() != "Kreis Lippe" || k.GetArs() != "057660000000" {
		t.Errorf("Lippe: %v", k)
	}
	centres, err := w.client.ListDataCentres(w.ctx, &municipalityv1.ListDataCentresRequest{PageSize: 100})
	must(t, err)
	ids := centres.String()
	if len(centres.GetDataCentres()) != 32 || !strings.Contains(ids, "dataCentres/suedwestfalen-it-siegen") || !strings.Contains(ids, "dataCentres/suedwestfalen-it-hemer") {
		t.Errorf("data centres: %v", ids)
	}
}

func TestImportOfBadRows(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	header := "ags,ars,name,typ,einwohner,groessenklasse,kreis_schluessel\n"
	_, err := w.client.ImportMunicipalities(w.ctx, &municipalityv1.ImportMunicipalitiesRequest{File: []byte(header +
		"05758004,057580004004,\"Bünde, Stadt\",Stadt,46030,,05758\n" + // good
		"5758012,57580012012,Herford,Stadt,67.459,,5758\n" + // zeros eaten: good
		"0575800x,,X,Stadt,1,,\n" + // line 4
		"05758016,057580012012,X,Stadt,1,,\n" + // 5: keys disagree
		"05758004,,X,Stadt,1,,\n" + // 6: twice
		"05758020,,X,Stadt,1.23,riesig,\n" + // 7: two errors
		"05758024,,X,Stadt,1,,05766\n")}) // 8: other Kreis
	wantReason(t, err, "IMPORT_BAD_ROWS")
	report := reportOf(err)
	var got []string
	for _, i := range report.GetIssues() {
		got = append(got, i.GetReason())
		if i.GetMessageDe() == "" || i.GetMessageEn() == "" || i.GetLine() == 0 || i.GetColumn() == "" {
			t.Errorf("issue: %v", i)
		}
	}
	want := []string{"LEADING_ZERO_RESTORED", "LEADING_ZERO_RESTORED", "LEADING_ZERO_RESTORED", "INVALID_AGS", "KEYS_DISAGREE", "DUPLICATE_KEY",
		"UNKNOWN_SIZE_CLASS", "INVALID_NUMBER", "KEYS_DISAGREE"}
	if !slices.Equal(got, want) {
		t.Errorf("issues %v, want %v", got, want)
	}
	if all, _ := w.client.ListMunicipalities(w.ctx, &municipalityv1.ListMunicipalitiesRequest{}); all.GetTotalSize() != 0 {
		t.Errorf("a refused import wrote %v", all)
	}
}

func TestImportRefusesWhatBelongsElsewhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, c := range map[string]struct{ file, reason, says string }{
		"LeiKa":           {"leika_key,name,typisierung,ozg_id\n99012001000000,X,4,10513\n", "IMPORT_BELONGS_ELSEWHERE", "catalogue:import"},
		"OZG":             {"ozg_id,name,lage,themenfeld\n10513,X,Y,Z\n", "IMPORT_BELONGS_ELSEWHERE", "catalogue:import"},
		"title":           {"OZG-Leistungen, Stand 2024\n\nozg_id,name,lage,themenfeld\n10513,X,Y,Z\n", "IMPORT_BELONGS_ELSEWHERE", "catalogue:import"},
		"themes":          {"id,name\n1,Bildung\n", "IMPORT_BELONGS_ELSEWHERE", "catalogue:import"},
		"implementations": {"ags,leika_key,phase\n05758000,99001008004000,ONLINE\n", "IMPORT_BELONGS_ELSEWHERE", "implementations"},
		"providers":       {"id,name,town,url,example\na,b,c,d,ja\n", "IMPORT_BELONGS_ELSEWHERE", "solutions"},
		"XML":             {"<a/>", "IMPORT_BELONGS_ELSEWHERE", "catalogue:import"},
		"header":          {"ags,name\n", "IMPORT_EMPTY", ""},
		"nothing":         {"", "IMPORT_EMPTY", ""},
		"no features":     {`{"type":"FeatureCollection","features":[]}`, "IMPORT_EMPTY", ""},
		"truncated":       {`{"features":[{"properties":{"ags":"05758004"},"geometry":{"type":"Polygon","coordinates":[[[8,52],[9,52],[9,53]]]}}`, "IMPORT_UNREADABLE", "GeoJSON"},
		"something":       {"a,b\n1,2\n", "IMPORT_UNREADABLE", "Gemeinden"},
	} {
		_, err := w.client.ImportMunicipalities(w.ctx, &municipalityv1.ImportMunicipalitiesRequest{File: []byte(c.file)})
		if reason, _ := reasonOf(err); reason != c.reason || !strings.Contains(detailsOf(err), c.says) {
			t.Errorf("%s: %s %v", name, reason, detailsOf(err))
		}
	}
}

func TestLocalFieldsSurvive(t *testing.T) {
	t.Parallel()
	w := smallWorld(t)
	open := "municipalities/05758999"
	m, err := w.client.UpdateMunicipality(w.ctx, &municipalityv1.UpdateMunicipalityRequest{
		Municipality: &municipalityv1.Municipality{Name: open, SizeClass: commonv1.SizeClass_SIZE_CLASS_MITTLERE_KREISANGEHOERIGE_STADT, Population: 21000},
	})
	must(t, err)
	if !slices.Equal(m.GetLocalFields(), []string{"population", "sizeClass"}) {
		t.Errorf("local fields: %v", m.GetLocalFields())
	}
	_, err = w.client.UpdateMunicipality(w.ctx, &municipalityv1.UpdateMunicipalityRequest{Municipality: &municipalityv1.Municipality{Name: open, Etag: "1", Region: "x"}})
	wantReason(t, err, "ETAG_MISMATCH")
	same, err := w.client.UpdateMunicipality(w.ctx, &municipalityv1.UpdateMunicipalityRequest{
		Municipality: &municipalityv1.Municipality{Name: open, Etag: m.GetEtag(), Population: 21000}})
	must(t, err)
	if same.GetEtag() != m.GetEtag() {
		t.Error("a change of nothing was written")
	}
	report := w.importFile(smallPlaces)
	if report.GetChanged() != 0 || strings.Contains(report.String(), "SIZE_CLASS_TO_BE_CHECKED") {
		t.Errorf("report: %v", report)
	}
	report = w.importFile("ags,name,einwohner,groessenklasse\n05758999,Geklärt,22000,kleine_kreisangehoerige_gemeinde\n")
	after := w.municipality("05758999")
	if report.GetChanged() != 1 || after.GetDisplayName() != "Geklärt" || after.GetPopulation() != 21000 ||
		after.GetSizeClass() != commonv1.SizeClass_SIZE_CLASS_MITTLERE_KREISANGEHOERIGE_STADT || after.GetDistrict() != "municipalities/05758000" {
		t.Errorf("after the import: %v", after)
	}
	if owed := w.gaps("05758999", "").GetOwedSize(); owed != 4 {
		t.Errorf("owes %d services now that its class is known", owed)
	}
	for field, change := range map[string]*municipalityv1.Municipality{
		"municipality.ags":        {Name: open, Ags: "05758998"},
		"municipality.ars":        {Name: open, Ars: "057580000001"},
		"municipality.district":   {Name: open, District: "municipalities/05758004"},
		"municipality.dataCentre": {Name: open, DataCentre: "dataCentres/nirgends"},
	} {
		_, err := w.client.UpdateMunicipality(w.ctx, &municipalityv1.UpdateMunicipalityRequest{Municipality: change})
		if _, fields := reasonOf(err); !slices.Equal(fields, []string{field}) {
			t.Errorf("%s: %v %v", field, fields, err)
		}
	}
	_, err = w.client.UpdateMunicipality(w.ctx, &municipalityv1.UpdateMunicipalityRequest{
		Municipality: &municipalityv1.Municipality{Name: open, LocalFields: []string{"x"}}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"local_fields"}}})
	wantReason(t, err, "INVALID_FIELD_MASK", "updateMask")
}

func TestImportWarnsAndValidatesOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	file := []byte("ags,name,groessenklasse,kreis_schluessel,rechenzentrum\n05758004,Bünde,mittlere_oder_kleine_pruefen,05758,Irgendwer\n")
	report, err := w.client.ImportMunicipalities(w.ctx, &municipalityv1.ImportMunicipalitiesRequest{File: file, ValidateOnly: true})
	must(t, err)
	var reasons []string
	for _, i := range report.GetIssues() {
		reasons = append(reasons, i.GetReason())
	}
	if !slices.Equal(reasons, []string{"UNKNOWN_DATA_CENTRE", "SIZE_CLASS_TO_BE_CHECKED", "UNKNOWN_DISTRICT"}) || !report.GetValidateOnly() || report.GetAdded() != 1 {
		t.Errorf("report: %v", report)
	}
	_, err = w.client.GetMunicipality(w.ctx, &municipalityv1.GetMunicipalityRequest{Name: "municipalities/05758004"})
	wantReason(t, err, "RESOURCE_NOT_FOUND")
	req := &municipalityv1.ImportMunicipalitiesRequest{File: file, RequestId: "import-1"}
	for again := range 2 {
		report, err = w.client.ImportMunicipalities(w.ctx, req)
		must(t, err)
		if report.GetRepeated() != (again == 1) {
			t.Errorf("time %d: %v", again, report)
		}
	}
	if report.GetAdded() != 0 || report.GetUnchanged() != 1 {
		t.Errorf("repetition: %v", report)
	}
	_, err = w.client.ImportMunicipalities(context.Background(), req)
	wantReason(t, err, "KEY_MISSING")
}

// TestImportOfStarterTables imports what the binary ships, after the register and before it.
func TestImportOfStarterTables(t *testing.T) {
	t.Parallel()
	read := func(name string) string { return string(projectFile(t, "cmd", "kompass", "starter", name)) }
	w := newWorld(t)
	if r := w.importFile(read("data_centres.csv")); r.GetTable() != commonv1.ImportReport_TABLE_DATA_CENTRES || r.GetAdded() != r.GetRows() {
		t.Errorf("data centres: %v", r)
	}
	if r := w.importFile(read("places.csv")); r.GetAdded() != 39 || r.GetIssueCount() != 0 || len(r.GetIgnoredColumns()) != 0 {
		t.Errorf("places: %v", r)
	}
	lippe, lemgo := w.municipality("05766000"), w.municipality("05766044")
	if lippe.GetDisplayName() != "Kreis Lippe" || lippe.GetKind() != municipalityv1.Municipality_KIND_DISTRICT ||
		lemgo.GetDataCentre() != "dataCentres/krz" || lemgo.GetDistrict() != lippe.GetName() || lemgo.GetLatitude() < 51 {
		t.Errorf("Lippe %v, Lemgo %v", lippe, lemgo)
	}
	for range 2 {
		w.importFile(string(sharedData(t, "nrw_gemeinden.csv")))
		w.importFile(read("places.csv"))
	}
	if r := w.importFile(read("places.csv")); r.GetUnchanged() != 39 {
		t.Errorf("places again: %v", r)
	}
}

// TestBoundariesWithNumbersAsKeys: GIS exports write keys as numbers; they are read digit by digit.
func TestBoundariesWithNumbersAsKeys(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	collection := func(ags, ars string) string {
		return `{"type":"FeatureCollection","features":[{"type":"Feature","properties":{"ags":` + ags + `,"ars":` + ars +
			`,"name":" En\u0000ger "},"geometry":{"type":"Polygon","coordinates":[[[8,52],[9,52],[9,53],[8,52]]]}}]}`
	}
	for _, c := range []struct{ ags, ars, reason, value string }{
		{`5758008`, `57580008008`, "LEADING_ZERO_RESTORED", "5758008"},
		{`5758008.0`, `57580008008.0`, "LEADING_ZERO_RESTORED", "5758008"},
		{`"5758008"`, `"057580008008"`, "LEADING_ZERO_RESTORED", "5758008"},
		{`"05758008"`, `null`, "", ""},
		{`575800812345678901`, `null`, "INVALID_AGS", "575800812345678901"},
		{`5758008.5`, `null`, "INVALID_AGS", "5758008.5"},
		{`5.758008e6`, `null`, "INVALID_AGS", "5.758008e6"},
		{`-5758008`, `null`, "INVALID_AGS", "-5758008"},
		{`true`, `null`, "INVALID_AGS", "true"},
		{`null`, `null`, "INVALID_AGS", ""},
	} {
		report, err := w.client.ImportMunicipalities(w.ctx, &municipalityv1.ImportMunicipalitiesRequest{File: []byte(collection(c.ags, c.ars))})
		if c.reason == "INVALID_AGS" {
			wantReason(t, err, "IMPORT_BAD_ROWS")
			report = reportOf(err)
		} else if must(t, err); w.municipality("05758008").GetArs() != "057580008008" || w.municipality("05758008").GetDisplayName() != "Enger" {
			t.Errorf("%s: %v", c.ags, w.municipality("05758008"))
		}
		issues := report.GetIssues()
		if c.reason == "" && len(issues) == 0 {
			continue
		}
		if len(issues) != 1 || issues[0].GetReason() != c.reason || issues[0].GetValue() != c.value || issues[0].GetLine() != 1 {
			t.Errorf("%s: %v, want %s with value %q", c.ags, issues, c.reason, c.value)
		}
	}
}

// reportOf is the report of a refused import.
func reportOf(err error) *commonv1.ImportReport {
	for _, d := range status.Convert(err).Details() {
		if r, ok := d.(*commonv1.ImportReport); ok {
			return r
		}
	}
	return nil
}

// TestColumnKreis: it has keys in some tables and names in others; nothing of it is passed over in silence.
func TestColumnKreis(t *testing.T) {
	t.Parallel()
	const names = "05758000,057580000000,Herford,Kreis\n05366000,053660000000,Kreis Euskirchen,Kreis\n"
	for name, c := range map[string]struct {
		before, header, cell string
		district             string // of Bünde after the import; "refused" when it is
		issues, ignored      string
	}{
		"key":              {names, "Kreis", "05758000", "05758000", "", ""},
		"key of five":      {names, "kreis", "05758", "05758000", "", ""},
		"zero eaten":       {names, "Kreis", "5758", "05758000", "LEADING_ZERO_RESTORED", ""},
		"Kreisschlüssel":   {names, "Kreisschlüssel", "05758", "05758000", "", ""},
		"unknown key":      {"", "Kreis", "05758", "05758000", "UNKNOWN_DISTRICT", ""},
		"no key":           {names, "Kreis", "999999", "refused", "INVALID_DISTRICT", ""},
		"key of another":   {names, "Kreis", "05366", "refused", "KEYS_DISAGREE", ""},
		"name":             {names, "Kreis", "Herford", "05758000", "", ""},
		"full name":        {names, "Kreis", "kreis herford", "05758000", "", ""},
		"unknown name":     {names, "Kreis", "Herfort", "", "UNKNOWN_DISTRICT", "Kreis"},
		"name of another":  {names, "Kreis", "Euskirchen", "", "KEYS_DISAGREE", "Kreis"},
		"name of two":      {names + "05758001,,Kreis Herford,Kreis\n", "Kreis", "Herford", "", "AMBIGUOUS_DISTRICT", "Kreis"},
		"name in the file": {"", "Kreis", "Herford\n05758000,Herford,Kreis,Herford", "05758000", "", ""},
		"name for a key":   {names, "kreis_schluessel", "Herford", "refused", "INVALID_DISTRICT", ""},
		"key and the name": {names, "kreis_schluessel,kreis", "05758,Herford", "05758000", "", "kreis"},
		"nothing":          {names, "Kreis", "", "", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			if c.before != "" {
				w.importFile("ags,ars,name,typ\n" + c.before)
			}
			report, err := w.client.ImportMunicipalities(w.ctx, &municipalityv1.ImportMunicipalitiesRequest{
				File: []byte("ags,name,typ," + c.header + "\n05758004,Bünde,Stadt," + c.cell + "\n")})
			if c.district == "refused" {
				wantReason(t, err, "IMPORT_BAD_ROWS")
				report = reportOf(err)
			} else if must(t, err); agsOf(w.municipality("05758004").GetDistrict()) != c.district {
				t.Errorf("district is %q", w.municipality("05758004").GetDistrict())
			}
			if strings.Contains(c.cell, "\n") && w.municipality("05758000").GetDistrict() != "" {
				t.Error("a Kreis belongs to itself")
			}
			var issues []string
			for _, i := range report.GetIssues() {
				issues = append(issues, i.GetReason())
				if i.GetLine() != 2 || i.GetValue() != c.cell {
					t.Errorf("issue %v", i)
				}
			}
			if got, ignored := strings.Join(issues, " "), strings.Join(report.GetIgnoredColumns(), " "); got != c.issues || ignored != c.ignored {
				t.Errorf("issues %q, ignored %q", got, ignored)
			}
		})
	}
}
