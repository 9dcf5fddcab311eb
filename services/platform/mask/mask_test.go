package mask

import (
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	cataloguev1 "kompass.krz.de/proto/kompass/catalogue/v1"
	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
	"kompass.krz.de/services/platform/fault"
)

func stored() *municipalityv1.Implementation {
	return &municipalityv1.Implementation{
		Name: "municipalities/1/implementations/2", Phase: municipalityv1.Implementation_PHASE_PLANNED, Url: "https://a",
		Maturity: &municipalityv1.Maturity{Model: "1.1", Level: 2, Threshold: 3}, Note: "n", Etag: "e1",
		UpdateTime: &timestamppb.Timestamp{Seconds: 1}, AnnualCases: proto.Int64(5),
	}
}

func TestApply(t *testing.T) {
	t.Parallel()
	type impl = municipalityv1.Implementation
	cases := map[string]struct {
		src     *impl
		mask    []string
		change  func(want *impl)
		changed []string
	}{
		"no mask takes what is there": {
			&impl{Name: "other", Url: "https://b", Etag: "e2", UpdateActor: "x", Maturity: &municipalityv1.Maturity{Level: 4, Threshold: 9}}, nil,
			func(w *impl) { w.Url = "https://b"; w.Maturity.Level = 4 }, []string{"maturity", "url"},
		},
		"no mask, nothing new": {&impl{Url: "https://a"}, nil, func(*impl) {}, nil},
		"no mask, optional zero": {
			&impl{AnnualCases: proto.Int64(0)}, nil, func(w *impl) { w.AnnualCases = proto.Int64(0) }, []string{"annual_cases"},
		},
		"everything": {
			&impl{Url: "https://b"}, []string{"*"},
			func(w *impl) { w.Url, w.Phase, w.Maturity, w.Note, w.AnnualCases = "https://b", 0, nil, "", nil },
			[]string{"phase", "maturity", "url", "annual_cases", "note"},
		},
		"everything keeps what the system sets inside": {
			&impl{Phase: 2, Url: "https://a", Note: "n", AnnualCases: proto.Int64(5), Maturity: &municipalityv1.Maturity{Level: 4}}, []string{"*"},
			func(w *impl) { w.Maturity.Level, w.Maturity.Model = 4, "" }, []string{"maturity"},
		},
		"a path": {&impl{Url: "https://b", Note: "m"}, []string{"url"}, func(w *impl) { w.Url = "https://b" }, []string{"url"}},
		"a path clears": {
			&impl{}, []string{"note", "annual_cases", "maturity"},
			func(w *impl) { w.Note, w.AnnualCases, w.Maturity = "", nil, nil }, []string{"maturity", "annual_cases", "note"},
		},
		"JSON spelling": {
			&impl{AnnualCases: proto.Int64(7)}, []string{"annualCases"}, func(w *impl) { w.AnnualCases = proto.Int64(7) }, []string{"annual_cases"},
		},
		"nested": {
			&impl{Maturity: &municipalityv1.Maturity{Level: 4, Model: "2.0"}}, []string{"maturity.level"},
			func(w *impl) { w.Maturity.Level = 4 }, []string{"maturity"},
		},
		"nested clears": {&impl{}, []string{"maturity.level"}, func(w *impl) { w.Maturity.Level = 0 }, []string{"maturity"}},
		"sent back as read": {
			stored(), []string{"name", "etag", "update_time", "maturity.threshold", "url"}, func(*impl) {}, nil,
		},
		"the etag is for If-Match": {&impl{Etag: "other", Note: "m"}, []string{"etag", "note"}, func(w *impl) { w.Note = "m" }, []string{"note"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, want := stored(), stored()
			c.change(want)
			before := proto.Clone(c.src)
			changed, err := Apply(got, c.src, &fieldmaskpb.FieldMask{Paths: c.mask})
			if err != nil {
				t.Fatal(err)
			}
			if !proto.Equal(got, want) {
				t.Errorf("got  %v\nwant %v", got, want)
			}
			if !slices.Equal(changed, c.changed) {
				t.Errorf("changed %v, want %v", changed, c.changed)
			}
			if !proto.Equal(before, c.src) {
				t.Error("the request was changed")
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	for _, paths := range [][]string{
		{"colour"}, {"maturity.colour"}, {"url.host"}, {"name"}, {"update_time"}, {"updateTime"}, {"maturity.threshold"},
		{"*", "url"}, {""}, {"."}, {"maturity."}, {"url", "fulfilled"},
	} {
		dst, src := stored(), &municipalityv1.Implementation{
			Name: "other", Url: "https://b", Fulfilled: true, Maturity: &municipalityv1.Maturity{Threshold: 9},
		}
		changed, err := Apply(dst, src, &fieldmaskpb.FieldMask{Paths: paths})
		if !fault.Is(err, fault.InvalidFieldMask) || changed != nil {
			t.Errorf("%q: got %v, %v", paths, changed, err)
		}
		if !proto.Equal(dst, stored()) {
			t.Errorf("%q: a refused mask changed the resource", paths)
		}
	}
	relevance := &cataloguev1.Relevance{}
	if _, err := Apply(relevance, &cataloguev1.Relevance{}, &fieldmaskpb.FieldMask{Paths: []string{"rules.size_class"}}); !fault.Is(err, fault.InvalidFieldMask) {
		t.Errorf("a path into a list: %v", err)
	}
	empty := &municipalityv1.Implementation{}
	if _, err := Apply(empty, empty, &fieldmaskpb.FieldMask{Paths: []string{"maturity.colour"}}); !fault.Is(err, fault.InvalidFieldMask) {
		t.Errorf("an unknown path through an absent message: %v", err)
	}
}

// What was applied shares nothing with the request.
func TestApplyCopies(t *testing.T) {
	t.Parallel()
	dst := &cataloguev1.Relevance{}
	src := &cataloguev1.Relevance{Rules: []*cataloguev1.ClassRule{{Obligation: cataloguev1.Obligation_OBLIGATION_OWED}}}
	if _, err := Apply(dst, src, nil); err != nil {
		t.Fatal(err)
	}
	src.Rules[0].Obligation = cataloguev1.Obligation_OBLIGATION_NOT_OWED
	if dst.GetRules()[0].GetObligation() != cataloguev1.Obligation_OBLIGATION_OWED {
		t.Error("the list is shared with the request")
	}
}

// Applying the same change twice changes nothing the second time, and changed names exactly what differs.
func TestApplyTwice(t *testing.T) {
	t.Parallel()
	paths := []string{"phase", "maturity", "maturity.level", "maturity.model", "url", "note", "annual_cases", "priority"}
	rapid.Check(t, func(t *rapid.T) {
		src := &municipalityv1.Implementation{
			Phase: municipalityv1.Implementation_Phase(rapid.Int32Range(0, 5).Draw(t, "phase")),
			Url:   rapid.SampledFrom([]string{"", "https://a", "https://b"}).Draw(t, "url"),
		}
		if rapid.Bool().Draw(t, "maturity") {
			src.Maturity = &municipalityv1.Maturity{Level: rapid.Int32Range(0, 4).Draw(t, "level")}
		}
		m := &fieldmaskpb.FieldMask{Paths: rapid.SliceOf(rapid.SampledFrom(paths)).Draw(t, "paths")}
		dst := stored()
		changed, err := Apply(dst, src, m)
		if err != nil {
			t.Fatal(err)
		}
		if (len(changed) > 0) == proto.Equal(dst, stored()) {
			t.Fatalf("changed is %v, the resource %v", changed, dst)
		}
		if again, err := Apply(dst, src, m); err != nil || again != nil {
			t.Fatalf("the second time: %v, %v", again, err)
		}
	})
}
