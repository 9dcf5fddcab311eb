package catalogue

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"

	commonv1 "kompass.krz.de/proto/kompass/common/v1"
	"kompass.krz.de/services/platform/fault"
)

// TestHeaders: tables are told by the names that people give their columns.
func TestHeaders(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]struct {
		table   commonv1.ImportReport_Table
		ignored string
	}{
		"LeiKa-Nr.;Leistungsbezeichnung I;Leistungsbezeichnung II":          {commonv1.ImportReport_TABLE_PUBLIC_SERVICES, "[Leistungsbezeichnung II]"},
		"Leistungsschlüssel (LeiKa);Name der Leistung;Typ(en)":              {commonv1.ImportReport_TABLE_PUBLIC_SERVICES, "[]"},
		"Leistungs-ID;Bezeichnung der Leistung;OZG-Leistung;Themenfeld":     {commonv1.ImportReport_TABLE_PUBLIC_SERVICES, "[OZG-Leistung Themenfeld]"},
		"LeiKa-Leistungsschlüssel;LeiKa-Leistungsbezeichnung;LeiKa-Typ":     {commonv1.ImportReport_TABLE_PUBLIC_SERVICES, "[]"},
		"OZG-ID;Name der OZG-Leistung;Geschäftslage;Themenfeld":             {commonv1.ImportReport_TABLE_OZG_SERVICES, "[]"},
		"OZG-ID;Kreisfreie Städte;Kleine Gemeinden;Kreise;Begründung":       {commonv1.ImportReport_TABLE_RELEVANCE, "[]"},
		"LeiKa-Schlüssel;Leistungsbezeichnung;Mittlere Städte;Große Städte": {commonv1.ImportReport_TABLE_RELEVANCE, "[Leistungsbezeichnung]"},
		"Lage;Themenfeld;Stand": {commonv1.ImportReport_TABLE_SITUATIONS, "[Stand]"},
	} {
		in, err := read([]byte(header+"\n1;nicht bewertet;;;\n"), 0)
		if err != nil || in.Report.GetTable() != want.table || fmt.Sprint(in.Report.GetIgnoredColumns()) != want.ignored {
			t.Errorf("%s: %v, %v", header, in, err)
		}
	}
}

// TestDoubtfulHeaders: what fits no table, or several, is refused with what was found.
func TestDoubtfulHeaders(t *testing.T) {
	t.Parallel()
	for file, want := range map[string]struct {
		reason *fault.Reason
		says   []string
	}{
		"Nr.;OZG-Leistung;Lage;Themenfeld\n1;A;B;C\n":      {fault.ImportUnreadable, []string{"mehrdeutig", "„OZG-Leistung“", "OZG-ID", "ambiguous"}},
		"OZG-ID;OZG-Leistung;LeiKa-Schlüssel\n10513;A;\n":  {fault.ImportUnreadable, []string{"„LeiKa-Schlüssel“", "Leistungsbezeichnung"}},
		"Schlüssel;Leistungsbezeichnung;Kreise\n1;A;ja\n":  {fault.ImportUnreadable, []string{"„Kreise“", "Zuständigkeiten"}},
		"Farbe;Form\nrot;rund\n":                           {fault.ImportUnreadable, []string{"„Farbe“, „Form“", "Verrichtungen", "unknown"}},
		"ags;leika_key;phase\n05758004;99012001001000;x\n": {fault.ImportElsewhere, []string{"municipalities/-/implementations:import"}},
		"Stand 2024\n\nags;name\n05758004;Bünde\n":         {fault.ImportElsewhere, []string{"municipalities:import"}},
	} {
		_, err := read([]byte(file), 0)
		var f *fault.Error
		if !errors.As(err, &f) || f.Reason() != want.reason {
			t.Errorf("%q: %v", file, err)
			continue
		}
		for _, part := range want.says {
			if !strings.Contains(violation(f.GRPCStatus().Err()), part) {
				t.Errorf("%q: %q lacks %q", file, violation(f.GRPCStatus().Err()), part)
			}
		}
	}
}

// TestCover: a workbook with cover and title is read where its table is, and says so.
func TestCover(t *testing.T) {
	t.Parallel()
	f := excelize.NewFile()
	defer f.Close()
	set := func(sheet, cell string, row ...any) {
		if _, err := f.NewSheet(sheet); err != nil {
			t.Fatal(err)
		}
		if err := f.SetSheetRow(sheet, cell, &row); err != nil {
			t.Fatal(err)
		}
	}
	set("Sheet1", "A1", "Umsetzungskatalog", "Stand", "2024")
	set("Leistungen", "A1", "Leistungen, Stand 2024")
	set("Leistungen", "A3", "LeiKa-Schlüssel", "Leistungsbezeichnung")
	set("Leistungen", "A4", "99012001001000", "Abbruch")
	set("Leistungen", "A5", "99012001001001", "")
	set("Lagen", "A1", "Lage", "Themenfeld")
	var b bytes.Buffer
	if err := f.Write(&b); err != nil {
		t.Fatal(err)
	}
	in, err := read(b.Bytes(), 0)
	if err != nil || len(in.entries) != 1 || in.Report.GetRows() != 2 {
		t.Fatalf("%+v %v", in, err)
	}
	for i, want := range []string{"SHEET_NOT_READ 0 Lagen", "HEADER_FOUND 3 Leistungen", "MISSING_NAME 5 "} {
		if is := in.Finish().GetIssues()[i]; fmt.Sprint(is.GetReason(), " ", is.GetLine(), " ", is.GetValue()) != want {
			t.Errorf("%v, want %s", is, want)
		}
	}
}
