package municipality

import (
	"encoding/json"
	"strings"
	"testing"

	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
	"kompass.krz.de/services/platform/tabular"
)

func (w *world) openProgress(format string) []byte {
	w.tb.Helper()
	body, err := w.client.GetOpenProgress(w.ctx, &municipalityv1.GetOpenProgressRequest{Format: format})
	must(w.tb, err)
	return body.GetData()
}

// TestOpenProgress: every place is there with the figures of ListProgress, in all formats, and with nothing that people wrote.
func TestOpenProgress(t *testing.T) {
	t.Parallel()
	w := smallWorld(t)
	w.patch(&municipalityv1.Implementation{Name: implementationName("05766044", dogTax), Phase: 4, Maturity: &municipalityv1.Maturity{Level: 3}, Url: "https://lemgo.example/", Note: "geheim"})
	w.patch(&municipalityv1.Implementation{Name: implementationName("05766044", building), Phase: 3, Department: "geheim"})
	list, err := w.client.ListProgress(w.ctx, &municipalityv1.ListProgressRequest{GroupBy: municipalityv1.ListProgressRequest_GROUP_BY_MUNICIPALITY})
	must(t, err)
	var document struct {
		Licence, LicenceURL, AsOf string
		Progress                  []openProgress
	}
	text := w.openProgress("")
	must(t, json.Unmarshal(text, &document))
	if len(document.Progress) != len(list.GetProgress()) || len(document.Progress) < 3 || document.AsOf != "2026-11-23" || !strings.HasSuffix(document.LicenceURL, "/zero-2-0") || strings.Contains(string(text), "geheim") {
		t.Fatalf("%s", text)
	}
	for i, g := range list.GetProgress() { // both by AGS
		o := document.Progress[i]
		same := o.Municipality == g.GetKey() && o.DisplayName == g.GetDisplayName() && o.Owed == g.GetOwed() && o.Online == g.GetOnline() &&
			o.BelowThreshold == g.GetBelowThreshold() && o.InProgress == g.GetInProgress() && o.Planned == g.GetPlanned() && o.Open == g.GetOpen() &&
			o.NotApplicable == g.GetNotApplicable() && o.NotAssessed == g.GetNotAssessed() && o.Share == g.GetShare()
		if !same {
			t.Errorf("%+v is not %v", o, g)
		}
	}
	want := `"=""05766044""";Lemgo;Mittlere kreisangehörige Stadt;Kreis Lippe;4;1;0;1;0;2;0;1;25` + "\r\n"
	if table := string(w.openProgress("csv")); !strings.Contains(table, "\r\n"+want) || strings.Contains(table, "geheim") {
		t.Errorf("no row %q in\n%s", want, table)
	}
	book, err := tabular.Read(w.openProgress("xlsx"), tabular.Options{})
	if err != nil || len(book.Rows) != len(list.GetProgress()) {
		t.Errorf("the workbook: %v, %v", book, err)
	}
	_, err = w.client.GetOpenProgress(w.ctx, &municipalityv1.GetOpenProgressRequest{Format: "pdf"})
	wantReason(t, err, "INVALID_FIELD", "format")
}

// TestOpenProgressFollows: what is recorded shows at once.
func TestOpenProgressFollows(t *testing.T) {
	t.Parallel()
	w := smallWorld(t)
	before := string(w.openProgress("csv"))
	if again := string(w.openProgress("csv")); again != before {
		t.Error("other bytes of the same state")
	}
	w.patch(&municipalityv1.Implementation{Name: implementationName("05766044", dogTax), Phase: 4, Maturity: &municipalityv1.Maturity{Level: 3}})
	if after := string(w.openProgress("csv")); after == before {
		t.Error("a change does not show")
	}
}
