package municipality

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	commonv1 "kompass.krz.de/proto/kompass/common/v1"
	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
	"kompass.krz.de/services/platform/list"
)

// hundredThousand is a table of 174 municipalities by 575 services: 100,050 states.
func hundredThousand() []byte {
	var b bytes.Buffer
	b.WriteString("ags;leika_key;phase;seit;reifegrad;url;loesung;fachamt;fallzahl;prioritaet;zieldatum\n")
	for place := range 174 {
		for n := range nrwServices {
			i := nrwImplementation(place, n)
			level := ""
			if m := i.GetMaturity(); m != nil {
				level = fmt.Sprint(m.GetLevel())
			}
			fmt.Fprintf(&b, "%s;%s;%s;1.3.2026;%s;%s;loesung-%02d;Bürgeramt;%d;hoch;31.12.2027\n",
				nrwAGS(place), nrwKey(n), phaseWords[i.GetPhase()][0], level, i.GetUrl(), n%40, n)
		}
	}
	return b.Bytes()
}

// nrwCatalogueOnly has services, solutions and places, and no states.
func nrwCatalogueOnly(tb testing.TB) records {
	r := applyAll(tb, emptyRecords(), "catalogue", nrwCatalogue())
	var market []proto.Message
	for s := range 40 {
		market = append(market, solution(fmt.Sprintf("loesung-%02d", s), fmt.Sprint("Lösung ", s), nil))
	}
	r = applyAll(tb, r, "marketplace", market)
	for place := range nrwPlaces {
		r = applyAll(tb, r, "municipality", []proto.Message{nrwMunicipality(place)})
	}
	return r
}

// BenchmarkImportStates is an import of 100,050 rows beside storage: reading the file, and deciding on every row.
func BenchmarkImportStates(b *testing.B) {
	r := nrwCatalogueOnly(b)
	file := hundredThousand()
	s := newWorld(b).service // for its name alone
	for b.Loop() {
		delivered, err := readStates(&municipalityv1.ImportImplementationsRequest{Parent: everywhere, File: file})
		must(b, err)
		plan := statePlan{stateTable: delivered, Findings: delivered.findings.Clone(), service: s, records: r, today: "2026-11-23"}
		plan.run()
		if len(plan.drafts) != 174*nrwServices {
			b.Fatal(plan.Report)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/(174*nrwServices), "ns/row")
}

// BenchmarkExportStates is the table of all municipalities: 245,525 rows.
func BenchmarkExportStates(b *testing.B) {
	r := nrwRecords(b)
	filter, err := list.CompileFilter("", (*municipalityv1.Implementation)(nil).ProtoReflect().Descriptor())
	must(b, err)
	for b.Loop() {
		x := &export{records: r, filter: filter, whole: true}
		_, err := x.file(slices.Clone(r.all()), commonv1.FileFormat_FILE_FORMAT_CSV)
		must(b, err)
	}
}
