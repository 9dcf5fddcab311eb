package catalogue

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	cataloguev1 "kompass.krz.de/proto/kompass/catalogue/v1"
	commonv1 "kompass.krz.de/proto/kompass/common/v1"
)

// TestNoKey: what people write where there is no key makes an entry without key, and is noted.
func TestNoKey(t *testing.T) {
	t.Parallel()
	for _, cell := range []string{"nicht im LeiKa", "Nicht im Leika.", "-", "–", "k. A.", "ohne", "n/a"} {
		in, err := read([]byte("LeiKa-Schlüssel;Leistungsbezeichnung\n"+cell+";Wilder Müll\n"), 0)
		if err != nil || len(in.entries) != 1 || in.entries[0].entry.GetName() != publicPrefix+keylessID("Wilder Müll") {
			t.Errorf("%s: %v %v", cell, in, err)
			continue
		}
		if is := in.Finish().GetIssues(); len(is) != 1 || is[0].GetReason() != "NO_KEY" || is[0].GetSeverity() != commonv1.ImportIssue_SEVERITY_INFO || is[0].GetLine() != 2 || is[0].GetValue() != cell {
			t.Errorf("%s: %v", cell, is)
		}
	}
	for cell, reason := range map[string]string{"unbekannt": "BAD_KEY", "...": "BAD_KEY", "ohne-1": "BAD_KEY"} {
		in, err := read([]byte("LeiKa-Schlüssel;Leistungsbezeichnung\n"+cell+";Wilder Müll\n"), 0)
		if err != nil || in.BadLines() != 1 || in.Finish().GetIssues()[0].GetReason() != reason {
			t.Errorf("%s: %v %v", cell, in, err)
		}
	}
}

// TestLongTexts: a text that is no text any more is refused by its row.
func TestLongTexts(t *testing.T) {
	t.Parallel()
	long := func(n int) string { return strings.Repeat("ü", n) }
	for file, column := range map[string]string{
		"leika_key;name\n99012001001000;" + long(mostName):              "",
		"leika_key;name\n99012001001000;" + long(mostName+1):            "name",
		"leika_key;name;Kurztext\n99012001001000;A;" + long(mostText):   "",
		"leika_key;name;Kurztext\n99012001001000;A;" + long(mostText+1): "Kurztext",
		"leika_key;name;Gesetze\n99012001001000;A;" + long(mostText+1):  "Gesetze",
		"Lage;Themenfeld\nSchule;" + long(mostName+1):                   "Themenfeld",
		"target;kreis;note\n99012001001000;ja;" + long(mostNote+1):      "note",
		delivery(written("1", "99012001001000", long(mostName+1), "")):  "leistungsbezeichnung",
		delivery(written("1", "99012001001000", "A", "")):               "",
	} {
		in, err := read([]byte(file), 0)
		if err != nil {
			t.Fatal(err)
		}
		is := in.Finish().GetIssues()
		if column == "" && len(is) > 0 || column != "" && (len(is) != 1 || is[0].GetReason() != "TEXT_TOO_LONG" || is[0].GetSeverity() != commonv1.ImportIssue_SEVERITY_ERROR || is[0].GetColumn() != column) {
			t.Errorf("%.40s: %v, want %s", file, is, column)
		}
	}
}

// TestQuotes: a finding quotes what the file says, not the id that it leads to.
func TestQuotes(t *testing.T) {
	t.Parallel()
	for file, want := range map[string]string{
		"ozg_id;name;lage;themenfeld\n10110;A;\"Umzug &amp; Reise\";Bauen und  Wohnen\n": "UNKNOWN_THEME Bauen und  Wohnen, UNKNOWN_SITUATION Umzug &amp; Reise",
		"ozg_id;name;lage;themenfeld\n10110;A;;BAUEN & WOHNEN\n":                         "THEME_ADDED BAUEN & WOHNEN",
		"ozg_id;name;sekundäre lagen\n10110;A;\"Kita & Hort; Schule\"\n":                 "UNKNOWN_SITUATION Kita & Hort; Schule, UNKNOWN_SITUATION Kita & Hort; Schule",
		"leika_key;name;ozg_id\n99012001001000;A;OZG-10110\n":                            "UNKNOWN_OZG_SERVICE OZG-10110",
		"leika_key;name\n99 012 001 001 000;A\n99.012.001.001.000;A\n":                   "DUPLICATE_ROW 99.012.001.001.000",
		"leika_key;name\n;Wilder Müll\n;WILDER Müll\n":                                   "DUPLICATE_ENTRY WILDER Müll",
	} {
		in, err := read([]byte(file), 0)
		if err != nil {
			t.Fatal(err)
		}
		p := in.plan(empty(), cataloguev1.ImportScope_IMPORT_SCOPE_COMPLETE)
		var got []string
		for _, is := range p.Finish().GetIssues() {
			got = append(got, is.GetReason()+" "+is.GetValue())
			if strings.Contains(is.GetMessageDe(), "kita-hort") || strings.Contains(is.GetMessageDe(), "umzug") {
				t.Error(is)
			}
		}
		if strings.Join(got, ", ") != want {
			t.Errorf("%q: %q, want %q", file, got, want)
		}
	}
}

// TestLeikaTypes: LeiKa types go from 1 to 6; another one is reported by its row and not stored.
func TestLeikaTypes(t *testing.T) {
	t.Parallel()
	in, err := read([]byte("leika_key;name;typ\n99012001001000;A;6\n99012001001001;B;\"2/7\"\n"), 0)
	if err != nil {
		t.Fatal(err)
	}
	is := in.Finish().GetIssues()
	if m := in.entries[1].entry.(*cataloguev1.PublicService); !slices.Equal(m.GetLeikaTypes(), []int32{2}) || len(is) != 1 || is[0].GetLine() != 3 || is[0].GetSeverity() != commonv1.ImportIssue_SEVERITY_WARNING {
		t.Errorf("%v %v", m, is)
	}
}

// TestLongTextRefuses: over the wire, nothing of the file is taken.
func TestLongTextRefuses(t *testing.T) {
	t.Parallel()
	c := start(t)
	_, err := c.try(services(0, 3) + fmt.Sprintf("77000000000001,%s\n", strings.Repeat("x", mostName+1)))
	refused(t, err, codes.InvalidArgument, "IMPORT_BAD_ROWS")
	if r := reportOf(err); r.GetIssueCount() != 1 || r.GetIssues()[0].GetLine() != 5 || len(r.GetIssues()[0].GetValue()) > 210 {
		t.Error(r)
	}
}

// TestPagesFitClients: pages of long entries end early, with a token, so that every client can take them.
func TestPagesFitClients(t *testing.T) {
	t.Parallel()
	c := start(t)
	var b strings.Builder
	b.WriteString("leika_key;name;kurztext\n")
	for i := range 500 {
		fmt.Fprintf(&b, "99%012d;Leistung %d;%s\n", i, i, strings.Repeat("x", mostText))
	}
	c.load(b.String())
	for _, req := range []*cataloguev1.ListPublicServicesRequest{
		{PageSize: 1000}, {PageSize: 1000, Q: "Leistung"}, {PageSize: 1000, OrderBy: "display_name desc"}, {PageSize: 1000, Filter: "leika_key != 1"},
	} {
		seen, pages := map[string]bool{}, 0
		for pages < 10 {
			r, err := c.ListPublicServices(t.Context(), req)
			if err != nil || proto.Size(r) > 4<<20 || r.GetTotalSize() != 500 {
				t.Fatalf("%v: %d bytes, %v", req, proto.Size(r), err)
			}
			for _, m := range r.GetPublicServices() {
				seen[m.GetName()] = true
			}
			pages++
			if req.PageToken = r.GetNextPageToken(); req.PageToken == "" {
				break
			}
		}
		if len(seen) != 500 || pages != 3 {
			t.Errorf("%v: %d services on %d pages", req, len(seen), pages)
		}
	}
}
