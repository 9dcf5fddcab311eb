package marketplace

import (
	"errors"
	"strings"
	"testing"

	"kompass.krz.de/services/platform/fault"
)

// seeds are one file of each format, and what is nearly one.
var seeds = []string{
	"id;name;leika_schluessel;preis_je_jahr\n1;Hundesteuer;99102013002000;1.200,00\n",
	"publiccodeYmlVersion: '0.4'\nname: Hund\nurl: https://example.org/hund.git\nde: {leika: [{leika-id: '99102013002000'}]}\n",
	"publiccodeYmlVersion: 1\na: &a [*a, *a]\nurl: x\nname: y\nde: {leika: *a}\n",
	"publiccodeYmlVersion: 1\nurl: x\nname: y\nde: &d\n  leika: *d\n---\n- 1\n---\n",
	`<x:m xmlns:x="http://xoev.de/schemata/xzufi/2_2_0"><x:schreibe><x:onlinedienst><x:id schemeAgencyID="A">1</x:id></x:onlinedienst></x:schreibe></x:m>`,
	"", "\xff\xfe<", "name;art\n\xfc;?\n", "PK\x03\x04",
}

// FuzzReadOffers: no file may panic or hang; it gives offers that have what identifies them, or a fault.
func FuzzReadOffers(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		read, err := readOffers(file, 0, "2026-03-02")
		if err != nil {
			var known *fault.Error
			if !errors.As(err, &known) || known.Reason() == fault.Internal {
				t.Fatalf("not a fault of the file: %v", err)
			}
			return
		}
		for _, o := range read.offers {
			if o.says.GetDisplayName() == "" && read.BadLines() == 0 || o.externalID == "" && o.id == "" || o.line < 1 {
				t.Fatalf("offer %+v", o)
			}
		}
		for _, i := range read.Finish().GetIssues() {
			if i.GetMessageDe() == "" || i.GetMessageEn() == "" || i.GetReason() == "" {
				t.Fatalf("issue %v", i)
			}
		}
	})
}

// TestAliasBomb: what aliases make of a small file costs no more than a bound.
func TestAliasBomb(t *testing.T) {
	t.Parallel()
	file := "publiccodeYmlVersion: '0.4'\nname: Hund\nurl: https://example.org\na: &a [" + strings.Repeat("x,", 500) + "x]\n"
	for _, pair := range []string{"ba", "cb", "dc"} {
		file += pair[:1] + ": &" + pair[:1] + " [" + strings.Repeat("*"+pair[1:]+",", 500) + "*" + pair[1:] + "]\n"
	}
	read, err := readOffers([]byte(file+"de: {leika: *d}\n"), 0, "2026-03-02")
	if err != nil || len(read.offers) != 1 || read.offers[0].nodes > maxKeyNodes+maxKeyDepth*1000 {
		t.Fatalf("%v %v", err, read)
	}
}
