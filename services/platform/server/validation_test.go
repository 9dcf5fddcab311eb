package server

import (
	"strings"
	"testing"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	cataloguev1 "kompass.krz.de/proto/kompass/catalogue/v1"
	commonv1 "kompass.krz.de/proto/kompass/common/v1"
	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
	notificationv1 "kompass.krz.de/proto/kompass/notification/v1"
)

func TestValidationTexts(t *testing.T) {
	t.Parallel()
	kreis := &cataloguev1.ClassRule{SizeClass: commonv1.SizeClass_SIZE_CLASS_KREIS, Obligation: cataloguev1.Obligation_OBLIGATION_OWED}
	cases := map[string]struct {
		m    proto.Message
		want string
	}{
		"required":     {&municipalityv1.UpdateMunicipalityRequest{}, "municipality: ist erforderlich / "},
		"too large":    {&cataloguev1.ListThemesRequest{PageSize: 1001}, "pageSize: muss mindestens 0 und höchstens 1000 sein / "},
		"too small":    {&cataloguev1.ListThemesRequest{PageSize: -1}, "pageSize: muss mindestens 0 und höchstens 1000 sein / "},
		"one bound":    {&municipalityv1.Municipality{Population: -1}, "population: muss mindestens 0 sein / "},
		"too long":     {&cataloguev1.ListThemesRequest{OrderBy: strings.Repeat("ü", 201)}, "orderBy: hat höchstens 200 Zeichen / "},
		"pattern":      {&cataloguev1.GetThemeRequest{Name: "x"}, "name: hat nicht die verlangte Form ^themes/[a-z0-9-]+$ / "},
		"day":          {&marketplacev1.Solution{PromisedDate: "31.3.2027"}, "promisedDate: ist kein Tag des Kalenders; erwartet wird etwa 2027-03-31 / is not a day of the calendar; "},
		"currency":     {&marketplacev1.Price{Basis: 1, Currency: "Taler"}, "currency: ist kein Währungscode; erwartet wird etwa EUR / is not a currency code; "},
		"unknown enum": {&cataloguev1.ImportCatalogueRequest{Scope: 9}, "scope: ist kein bekannter Wert / "},
		"unspecified":  {&cataloguev1.ClassRule{SizeClass: commonv1.SizeClass_SIZE_CLASS_KREIS}, "obligation: fehlt / is missing"},
		"in":           {&municipalityv1.Maturity{Model: "3"}, "model: muss einer von diesen Werten sein: (leer), 1.1, 2.0 / "},
		"no items":     {&municipalityv1.BatchUpdateImplementationsRequest{Parent: "municipalities/05758004"}, "requests: hat mindestens 1 Einträge / "},
		"twice":        {&cataloguev1.Relevance{Rules: []*cataloguev1.ClassRule{kreis, kreis}}, "rules: darf jede Größenklasse nur einmal enthalten / "},
		"link":         {&municipalityv1.Implementation{Url: "x"}, "url: muss mit https:// oder http:// beginnen / has to begin with https:// or http://"},
		"link below": {&marketplacev1.MoveAdoptionRequest{Name: "adoptions/a", State: 2, Offer: &marketplacev1.AdoptionOffer{Documents: []*marketplacev1.DocumentLink{{Title: "A", Url: "https:///pfad"}}}},
			"offer.documents[0].url: nennt hinter „https://“ keinen Rechner"},
		"person":           {&marketplacev1.AnswerQuestionRequest{Name: "questions/a", Text: "ja", Role: "Frau Muster"}, "role: nennt eine Rolle, eine Stelle oder eine Organisation, nie eine Person"},
		"person in a list": {&marketplacev1.Project{Actors: []*marketplacev1.Actor{{DisplayName: "Land"}, {DisplayName: "Dr. Muster"}}}, "actors[1].displayName: nennt eine Rolle"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := Validate(c.m)
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "/ .") {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
	if err := Validate("no message"); err != nil {
		t.Error(err)
	}
}

// Texts have no control characters but tab and line break, wherever they stand in a request.
func TestControlCharacters(t *testing.T) {
	t.Parallel()
	at := func(i *municipalityv1.Implementation) *municipalityv1.UpdateImplementationRequest {
		return &municipalityv1.UpdateImplementationRequest{Implementation: i}
	}
	cases := map[string]struct {
		m    proto.Message
		want string // in the error; empty when there is none
	}{
		"tab, line breaks":   {at(&municipalityv1.Implementation{Note: "a\tb\r\nc\n"}), ""},
		"umlauts":            {at(&municipalityv1.Implementation{Note: "Größe – „ja“ 🙂"}), ""},
		"a file":             {&municipalityv1.ImportMunicipalitiesRequest{File: []byte("a\x00b")}, ""},
		"NUL":                {at(&municipalityv1.Implementation{Note: "a\x00b"}), "implementation.note: enthält ein Steuerzeichen (U+0000) / contains a control character (U+0000)"},
		"name of two lines":  {&notificationv1.Recipient{DisplayName: "Amt\r\nX-Foo: bar"}, "displayName: enthält ein Steuerzeichen (U+000D) / contains a control character (U+000D)"},
		"tab in a name":      {&marketplacev1.Project{Actors: []*marketplacev1.Actor{{DisplayName: "Land\tNRW"}}}, "actors[0].displayName: enthält ein Steuerzeichen (U+0009)"},
		"separator of lines": {&notificationv1.Webhook{DisplayName: "Amt\u2028b"}, "displayName: enthält ein Steuerzeichen (U+2028)"},
		"escape":             {at(&municipalityv1.Implementation{Department: "\x1b[31m"}), "implementation.department: enthält ein Steuerzeichen (U+001B)"},
		"delete":             {at(&municipalityv1.Implementation{NotApplicableReason: "\x7f"}), "implementation.notApplicableReason: enthält"},
		"of C1":              {at(&municipalityv1.Implementation{Note: "\u0096"}), "(U+0096)"},
		"in a list": {&municipalityv1.BatchUpdateImplementationsRequest{Parent: "municipalities/05758004", Requests: []*municipalityv1.UpdateImplementationRequest{
			at(&municipalityv1.Implementation{}), at(&municipalityv1.Implementation{Note: "\v"}),
		}}, "requests[1].implementation.note: enthält"},
		"in a batch item by item": {&municipalityv1.BatchUpdateImplementationsRequest{Parent: "x", PerItem: true, Requests: []*municipalityv1.UpdateImplementationRequest{
			at(&municipalityv1.Implementation{Note: "\v", Url: "x"}),
		}}, "fields. parent: hat nicht die verlangte Form"},
		"beside a rule": {at(&municipalityv1.Implementation{Url: "x", Note: "\b"}), "http://. implementation.note: enthält"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			switch err := Validate(c.m); {
			case c.want == "" && err != nil, c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
	items := &municipalityv1.BatchUpdateImplementationsRequest{Parent: "municipalities/05758004", PerItem: true}
	items.Requests = append(items.Requests, at(&municipalityv1.Implementation{Note: "\v", Url: "x"}))
	if err := Validate(items); err != nil {
		t.Error(err)
	}
	many := &municipalityv1.BatchUpdateImplementationsRequest{Parent: "municipalities/05758004"}
	for range maxViolations + 1 {
		many.Requests = append(many.Requests, at(&municipalityv1.Implementation{Note: "\x00"}))
	}
	if err := Validate(many); err == nil || strings.Count(err.Error(), "Steuerzeichen") != maxViolations {
		t.Errorf("got %v", err)
	}
}

// Every custom rule of the contract has a German text, whoever adds one.
func TestCustomRulesHaveGermanTexts(t *testing.T) {
	t.Parallel()
	seen := map[protoreflect.FullName]bool{}
	found := 0
	check := func(rules []*validate.Rule) {
		for _, r := range rules {
			found++
			if german[r.GetId()] == "" {
				t.Errorf("rule %q has no German text in validation_texts.go", r.GetId())
			}
		}
	}
	var visit func(md protoreflect.MessageDescriptor)
	visit = func(md protoreflect.MessageDescriptor) {
		if md == nil || seen[md.FullName()] {
			return
		}
		seen[md.FullName()] = true
		if rules, ok := proto.GetExtension(md.Options(), validate.E_Message).(*validate.MessageRules); ok {
			check(rules.GetCel())
		}
		for i := range md.Fields().Len() {
			fd := md.Fields().Get(i)
			if rules, ok := proto.GetExtension(fd.Options(), validate.E_Field).(*validate.FieldRules); ok {
				check(rules.GetCel())
				check(rules.GetRepeated().GetItems().GetCel())
			}
			visit(fd.Message())
		}
	}
	for _, md := range requestMessages() {
		visit(md)
	}
	if found < 3 {
		t.Errorf("only %d custom rules found", found)
	}
}

func BenchmarkValidate(b *testing.B) {
	m := &municipalityv1.UpdateImplementationRequest{Implementation: &municipalityv1.Implementation{
		Name: "municipalities/05758004/implementations/99107010012000", Phase: municipalityv1.Implementation_PHASE_ONLINE,
		Maturity: &municipalityv1.Maturity{Model: "1.1", Level: 3}, Url: "https://example.org/x", TargetDate: "2027-03-31",
	}}
	b.ReportAllocs()
	for b.Loop() {
		if err := Validate(m); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkWarm is what the first server of a process pays.
func BenchmarkWarm(b *testing.B) {
	for b.Loop() {
		if _, err := newValidator(); err != nil {
			b.Fatal(err)
		}
	}
}
