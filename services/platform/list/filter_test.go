package list

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	cataloguev1 "kompass.krz.de/proto/kompass/catalogue/v1"
	commonv1 "kompass.krz.de/proto/kompass/common/v1"
	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
	"kompass.krz.de/services/platform/fault"
)

var (
	hund = &cataloguev1.PublicService{
		Name: "publicServices/99102012001000", LeikaKey: "99102012001000", DisplayName: "Hundesteuer Erteilung",
		LeikaTypes: []int32{4, 5}, Theme: "themes/steuern-zoll", State: cataloguev1.EntryState_ENTRY_STATE_ACTIVE,
		Keywords: []string{"hund", "steuermarke"}, Sdg1: true, LastRevision: 3,
	}
	muell = &cataloguev1.PublicService{
		Name: "publicServices/ohne-1", DisplayName: "Müllabfuhr", Theme: "themes/umwelt",
		State: cataloguev1.EntryState_ENTRY_STATE_WITHDRAWN, LegalBasis: "§ 5 LAbfG, \"NRW\"",
	}
	buende = &municipalityv1.Municipality{
		Name: "municipalities/05758004", Ags: "05758004", DisplayName: "Bünde", Population: 45_000, AreaKm2: 59.3,
		SizeClass: commonv1.SizeClass_SIZE_CLASS_MITTLERE_KREISANGEHOERIGE_STADT, Kind: municipalityv1.Municipality_KIND_MUNICIPALITY,
		UpdateTime: &timestamppb.Timestamp{Seconds: 1_790_000_000, Nanos: 5}, // 2026-09-21T14:13:20.000000005Z
		Longitude:  -8.5,
	}
	online = &municipalityv1.Implementation{
		Name: "municipalities/05758004/implementations/1", Phase: municipalityv1.Implementation_PHASE_ONLINE,
		Maturity: &municipalityv1.Maturity{Model: "1.1", Level: 3}, AnnualCases: proto.Int64(0), TargetDate: "2027-03-31",
	}
	bare  = &municipalityv1.Implementation{Name: "municipalities/05758004/implementations/2"}
	rules = &cataloguev1.Relevance{Rules: []*cataloguev1.ClassRule{
		{SizeClass: commonv1.SizeClass_SIZE_CLASS_KREIS, Obligation: cataloguev1.Obligation_OBLIGATION_OWED},
	}}
	feedback = &cataloguev1.CatalogueChange{DisplayName: "x", Fields: []*cataloguev1.FieldChange{{Field: "displayName"}, {Field: "theme"}}}
)

func TestFilter(t *testing.T) {
	t.Parallel()
	cases := []struct {
		filter string
		m      proto.Message
		want   bool
	}{
		{"", hund, true},
		{"   ", hund, true},
		{`theme = "themes/steuern-zoll"`, hund, true},
		{`theme = themes/steuern-zoll`, hund, true},
		{`theme=themes/steuern-zoll`, hund, true},
		{`theme = themes/umwelt`, hund, false},
		{`theme != themes/umwelt`, hund, true},
		{`leika_key = 99102012001000`, hund, true},
		{`leikaKey = 99102012001000`, hund, true},
		{`leika_key = 99102*`, hund, true},
		{`leika_key = "99102*000"`, hund, true},
		{`leika_key = *2012*`, hund, true},
		{`leika_key = *99102012001000`, hund, true},
		{`leika_key = 9910201200100099*1000`, hund, false},
		{`leika_key:*`, hund, true},
		{`leika_key:*`, muell, false},
		{`NOT leika_key:*`, muell, true},
		{`-leika_key:*`, muell, true},
		{`state = ACTIVE`, hund, true},
		{`state = active`, hund, true},
		{`state = ENTRY_STATE_ACTIVE`, hund, true},
		{`state = WITHDRAWN`, hund, false},
		{`state != WITHDRAWN`, hund, true},
		{`state = (ACTIVE OR WITHDRAWN)`, muell, true},
		{`state = UNSPECIFIED`, muell, false},
		{`leika_types:5`, hund, true},
		{`leika_types:2`, hund, false},
		{`leika_types:*`, muell, false},
		{`keywords:hund`, hund, true},
		{`keywords:steuer`, hund, false},
		{`keywords:"steuer*"`, hund, true},
		{`sdg1 = true`, hund, true},
		{`sdg1 = false`, hund, false},
		{`sdg2 = false`, hund, true},
		{`last_revision >= 3`, hund, true},
		{`last_revision > 3`, hund, false},
		{`lastRevision < 3.5`, hund, true},
		{`display_name:hunde`, hund, true},
		{`display_name:STEUER`, hund, true},
		{`display_name:muell`, muell, true},
		{`display_name:MÜLL`, muell, true},
		{`display_name:mull`, muell, false},
		{`display_name < "I"`, hund, true},
		{`hundesteuer`, hund, true},
		{`hundesteuer erteilung`, hund, true},
		{`hundesteuer abmeldung`, hund, false},
		{`"steuer ert"`, hund, true},
		{`muell`, muell, true},
		{`-muell`, muell, false},
		{`( state = ACTIVE )`, hund, true},
		{`( ( state = ACTIVE ) AND ( theme = themes/umwelt OR sdg1 = true ) )`, hund, true},
		{`state = WITHDRAWN AND theme = themes/umwelt OR theme = themes/bildung`, hund, false}, // OR binds tighter
		{`state = WITHDRAWN OR sdg1 = true AND sdg2 = false`, hund, true},
		{`legal_basis:"\"nrw\""`, muell, true},
		{`legal_basis = "§ 5 *"`, muell, true},
		{`ags = 05758004`, buende, true},
		{`ags = 5758004`, buende, false},
		{`ags = 05758*`, buende, true},
		{`size_class = MITTLERE_KREISANGEHOERIGE_STADT`, buende, true},
		{`sizeClass = KREIS`, buende, false},
		{`kind = MUNICIPALITY`, buende, true},
		{`population > 25000 AND population <= 60000`, buende, true},
		{`area_km2 >= 59.3`, buende, true},
		{`areaKm2 > 59.3`, buende, false},
		{`longitude = -8.5`, buende, true},
		{`longitude < -8`, buende, true},
		{`update_time > 2026-09-21T14:13:20Z`, buende, true},
		{`update_time > "2026-09-21T16:13:20.000000005+02:00"`, buende, false},
		{`update_time >= 2026-09-21`, buende, true},
		{`update_time < timestamp("2026-09-21T00:00:00Z")`, buende, false},
		{`update_time:*`, buende, true},
		{`maturity.level >= 3`, online, true},
		{`maturity.level >= 3`, bare, false},
		{`maturity.level < 3`, bare, false},
		{`maturity.level != 3`, bare, true},
		{`maturity:*`, online, true},
		{`maturity:*`, bare, false},
		{`maturity.model = 1.1`, online, true},
		{`maturity.model:*`, online, true},
		{`annual_cases = 0`, online, true},
		{`annual_cases = 0`, bare, false},
		{`annualCases:*`, online, true},
		{`phase = ONLINE`, online, true},
		{`phase = UNSPECIFIED`, bare, true},
		{`target_date < 2027-04-01`, online, true},
		{`target_date < 2027-03-31`, online, false},
		{`target_date >= "2027-03-31"`, online, true},
		{`rules.size_class = KREIS`, rules, true},
		{`rules.obligation = NOT_OWED`, rules, false},
		{`fields.field = theme`, feedback, true},
		{`fields.field:THEME`, feedback, true},
		{`fields.old_value:*`, feedback, false},
	}
	for _, c := range cases {
		t.Run(c.filter, func(t *testing.T) {
			t.Parallel()
			f, err := CompileFilter(c.filter, c.m.ProtoReflect().Descriptor())
			if err != nil {
				t.Fatal(err)
			}
			if got := f.Matches(c.m); got != c.want {
				t.Errorf("%q is %v for %v", c.filter, got, c.m)
			}
		})
	}
}

func TestFilterRefusals(t *testing.T) {
	t.Parallel()
	cases := []struct {
		filter   string
		m        proto.Message
		position string
		mentions string
	}{
		{`colour = red`, hund, "1", `"colour"`},
		{`state = ACTIVE AND colour = red`, hund, "20", `"colour"`},
		{`theme = themes/bauen-wohnen AND colour = red`, hund, "33", `"colour"`},
		{`sdg1 = true AND colour = 1 AND theme = a-b AND sdg2 = true`, hund, "17", `"colour"`},
		{`  ( theme = a-b )  AND colour=1`, hund, "24", `"colour"`},
		{`display_name:"Müll" AND maturity.level = 1`, muell, "25", "maturity"},
		{`maturity.colour = 1`, online, "1", "colour"},
		{`url.host = 1`, online, "1", "host"},
		{`state = PURPLE`, hund, "9", "ACTIVE, WITHDRAWN"},
		{`state > ACTIVE`, hund, "9", "the field state"},
		{`sdg1 = yes`, hund, "8", "sdg1"},
		{`sdg1 > true`, hund, "8", "sdg1"},
		{`population > many`, buende, "14", "population is a number"},
		{`population > NaN`, buende, "14", "population is a number"},
		{`update_time > yesterday`, buende, "15", "updateTime is a time"},
		{`leika_types = 5`, hund, "15", "leikaTypes is a list"},
		{`maturity = 3`, online, "12", "maturity has fields of its own"},
		{`state = ACTIVE and sdg1 = true`, hund, "16", "AND in capitals"},
		{`state =`, hund, "", "lesbar: endet mittendrin"},
		{`state =`, hund, "", "cannot be read: unexpected end"},
		{`state = "ACTIVE`, hund, "9", "closing quote"},
		{`(state = ACTIVE`, hund, "", "nicht lesbar: es fehlt „)“"},
		{`(state = ACTIVE`, hund, "", "cannot be read: expected )"},
		{`state = ACTIVE)`, hund, "15", "nicht lesbar: unerwartet ist „)“"},
		{`state = = ACTIVE`, hund, "", "nicht lesbar: unerwartet ist „=“"},
		{`state , ACTIVE`, hund, "", "nicht lesbar: unerwartet ist „,“"},
		{`"state" = ACTIVE`, hund, "1", "no field left"},
		{`regex(state, "a")`, hund, "1", "unknown function regex"},
		{`state = regex("a")`, hund, "9", "no value right"},
		{`KREIS`, rules, "1", "without a field"},
		{"\xff", hund, "1", "unreadable"},
		{strings.Repeat("(", 3000), hund, "2001", "longer"},
	}
	for _, c := range cases {
		t.Run(c.filter[:min(len(c.filter), 40)], func(t *testing.T) {
			t.Parallel()
			_, err := CompileFilter(c.filter, c.m.ProtoReflect().Descriptor())
			if !fault.Is(err, fault.InvalidFilter) {
				t.Fatalf("got %v", err)
			}
			position, description := describe(t, err)
			if c.position != "" && position != c.position {
				t.Errorf("position %s, want %s", position, c.position)
			}
			if !strings.Contains(description, c.mentions) {
				t.Errorf("%q does not mention %q", description, c.mentions)
			}
		})
	}
}

// describe takes the position and the violation of the field "filter" from an error.
func describe(t *testing.T, err error) (position, description string) {
	t.Helper()
	for _, d := range status.Convert(err).Details() {
		switch d := d.(type) {
		case *errdetails.ErrorInfo:
			position = d.GetMetadata()["position"]
		case *errdetails.BadRequest:
			if field := d.GetFieldViolations()[0].GetField(); field != "filter" {
				t.Errorf("the violation is about %q", field)
			}
			description = d.GetFieldViolations()[0].GetDescription()
		}
	}
	return position, description
}

func TestFilterNames(t *testing.T) {
	t.Parallel()
	f, err := CompileFilter("sdg1 = true AND NOT entry OR leikaKey:1", hund.ProtoReflect().Descriptor())
	if err != nil {
		t.Fatal(err)
	}
	if !f.Names("sdg1") || !f.Names("leika_key") || f.Names("state") {
		t.Errorf("names %v", f.fields)
	}
}

// Filters built from a random condition agree with the condition evaluated in Go.
func TestFilterAgreesWithGo(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m := &municipalityv1.Municipality{
			Population:  rapid.Int64Range(-3, 3).Draw(t, "population"),
			DisplayName: rapid.StringOfN(rapid.RuneFrom([]rune(`ab*"\ -ü`)), 0, 4, -1).Draw(t, "name"),
			Kind:        municipalityv1.Municipality_Kind(rapid.Int32Range(0, 3).Draw(t, "kind")),
		}
		text, want := condition(t, m, 3)
		f, err := CompileFilter(text, m.ProtoReflect().Descriptor())
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if got := f.Matches(m); got != want {
			t.Fatalf("%s is %v for %v", text, got, m)
		}
	})
}

// condition draws a filter and evaluates it beside.
func condition(t *rapid.T, m *municipalityv1.Municipality, depth int) (string, bool) {
	form := rapid.IntRange(0, 5).Draw(t, "form")
	if depth == 0 {
		form %= 3
	}
	switch form {
	case 0:
		n := rapid.Int64Range(-3, 3).Draw(t, "n")
		op := rapid.SampledFrom([]string{"=", "!=", "<", "<=", ">", ">="}).Draw(t, "op")
		p := m.GetPopulation()
		holds := map[string]bool{"=": p == n, "!=": p != n, "<": p < n, "<=": p <= n, ">": p > n, ">=": p >= n}
		return fmt.Sprintf("population %s %d", op, n), holds[op]
	case 1:
		s := rapid.StringOfN(rapid.RuneFrom([]rune(`ab"\ -ü`)), 0, 4, -1).Draw(t, "s")
		quoted := `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
		return "display_name=" + quoted, m.GetDisplayName() == s
	case 2:
		kind := municipalityv1.Municipality_Kind(rapid.Int32Range(0, 3).Draw(t, "kind"))
		return "kind = " + strings.TrimPrefix(kind.String(), "KIND_"), m.GetKind() == kind
	case 3:
		text, holds := condition(t, m, depth-1)
		return rapid.SampledFrom([]string{"NOT (", "-( "}).Draw(t, "not") + text + " )", !holds
	case 4:
		left, a := condition(t, m, depth-1)
		right, b := condition(t, m, depth-1)
		return "(" + left + ") AND (" + right + ")", a && b
	}
	left, a := condition(t, m, depth-1)
	right, b := condition(t, m, depth-1)
	return "(" + left + " ) OR ( " + right + ")", a || b
}

func FuzzFilter(f *testing.F) {
	for _, seed := range []string{
		`state = ACTIVE AND (theme:themes/bauen-wohnen OR NOT sdg1 = true)`, `f(f(f(f(`, `a.b.c:*`, `-(-(a))`, `ags = 05758*`,
		`x = "\u00fc\xff"`, `leika_key = a"b`, `leika_types:-5`, `display_name = '\''`, `((((`, `a:b:c`, "\n( a\n)",
	} {
		f.Add(seed)
	}
	md := hund.ProtoReflect().Descriptor()
	f.Fuzz(func(t *testing.T, text string) {
		start := time.Now()
		filter, err := compile(text, md)
		if took := time.Since(start); took > 2*time.Second {
			t.Fatalf("%q takes %v", text, took)
		}
		if err == nil {
			filter.matches(hund.ProtoReflect())
			return
		}
		if !fault.Is(err, fault.InvalidFilter) {
			t.Fatalf("%q: %v", text, err)
		}
	})
}

func BenchmarkFilter(b *testing.B) {
	for _, text := range []string{
		`state = ACTIVE`, `theme = themes/steuern-zoll AND state = ACTIVE AND NOT leika_types:2`, `display_name:steuer`, `leika_key = 99102*`,
	} {
		b.Run(text, func(b *testing.B) {
			f, err := CompileFilter(text, hund.ProtoReflect().Descriptor())
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				f.Matches(hund)
			}
		})
	}
	b.Run("compile", func(b *testing.B) {
		for b.Loop() {
			if _, err := compile(`theme = themes/steuern-zoll AND state = ACTIVE`, hund.ProtoReflect().Descriptor()); err != nil {
				b.Fatal(err)
			}
		}
	})
}
