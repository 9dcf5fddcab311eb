package municipality

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/types/known/fieldmaskpb"

	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
)

// TestPhaseDate: an edit is made on 2026-11-23, on what was recorded before.
func TestPhaseDate(t *testing.T) {
	t.Parallel()
	const (
		none      = municipalityv1.Implementation_PHASE_UNSPECIFIED
		planning  = municipalityv1.Implementation_PHASE_PLANNED
		published = municipalityv1.Implementation_PHASE_ONLINE
	)
	type phased struct {
		phase municipalityv1.Implementation_Phase
		date  string
	}
	since := func(phase municipalityv1.Implementation_Phase, date string) *phased { return &phased{phase, date} }
	cases := map[string]struct {
		before *phased
		edit   phased
		mask   string // empty: everything that the edit has
		want   string
		blames bool
	}{
		"new":                              {nil, phased{planning, ""}, "", "2026-11-23", false},
		"new, since a day":                 {nil, phased{planning, "2026-01-31"}, "", "2026-01-31", false},
		"new, without a phase":             {nil, phased{none, ""}, "", "", false},
		"a date without a phase":           {nil, phased{none, "2026-01-31"}, "", "", true},
		"no such day":                      {nil, phased{planning, "2026-02-29"}, "", "", true},
		"today":                            {nil, phased{planning, "2026-11-23"}, "", "2026-11-23", false},
		"tomorrow":                         {nil, phased{planning, "2026-11-24"}, "", "", true},
		"another phase":                    {since(planning, "2026-01-31"), phased{published, ""}, "", "2026-11-23", false},
		"another phase, masked":            {since(planning, "2026-01-31"), phased{published, "2026-05-05"}, "phase", "2026-11-23", false},
		"another phase, since a day":       {since(planning, "2026-01-31"), phased{published, "2026-05-05"}, "", "2026-05-05", false},
		"another phase, the old date sent": {since(planning, "2026-01-31"), phased{published, "2026-01-31"}, "", "2026-11-23", false},
		"another phase, the old date named": {since(planning, "2026-01-31"), phased{published, "2026-01-31"}, "phase,phase_date",
			"2026-01-31", false},
		"another phase, the date emptied": {since(planning, "2026-01-31"), phased{published, ""}, "phase,phaseDate", "2026-11-23", false},
		"the same phase":                  {since(planning, "2026-01-31"), phased{planning, ""}, "", "2026-01-31", false},
		"a correction of the past":        {since(planning, "2026-01-31"), phased{none, "2025-12-31"}, "phase_date", "2025-12-31", false},
		"the date emptied":                {since(planning, "2026-01-31"), phased{none, ""}, "phase_date", "2026-01-31", false},
		"the phase emptied":               {since(planning, "2026-01-31"), phased{none, ""}, "phase", "", false},
		"all emptied":                     {since(planning, "2026-01-31"), phased{none, ""}, "*", "", false},
	}
	w, n := smallWorld(t), 0
	for name, c := range cases {
		// each has an implementation of its own
		resource := implementationName([]string{"05766044", "05766020", "05758004", "05711000"}[n%4], []string{dogTax, carPlates, building, waste, marriage}[n/4])
		n++
		t.Run(name, func(t *testing.T) {
			if c.before != nil {
				w.patch(&municipalityv1.Implementation{Name: resource, Phase: c.before.phase, PhaseDate: c.before.date})
			}
			req := &municipalityv1.UpdateImplementationRequest{Implementation: &municipalityv1.Implementation{Name: resource, Phase: c.edit.phase, PhaseDate: c.edit.date}}
			if c.mask != "" {
				req.UpdateMask = &fieldmaskpb.FieldMask{Paths: strings.Split(c.mask, ",")}
			}
			after, err := w.client.UpdateImplementation(w.ctx, req)
			if c.blames {
				wantReason(t, err, "INVALID_FIELD", "implementation.phaseDate")
				return
			}
			must(t, err)
			if after.GetPhaseDate() != c.want {
				t.Errorf("dated %q, want %q", after.GetPhaseDate(), c.want)
			}
		})
	}
}

// TestTargetDatesBegin1970: an earlier one is refused, unless it is on record already.
func TestTargetDatesBegin1970(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		before, after string
		blames        bool
	}{
		{"", "1969-12-31", true}, {"", "0001-01-01", true}, {"0001-01-01", "0001-01-01", false}, {"0001-01-01", "0002-01-01", true},
		{"", "1970-01-01", false}, {"2027-01-01", "", false}, {"", "2027-02-29", true},
	} {
		before, after := &municipalityv1.Implementation{TargetDate: c.before}, &municipalityv1.Implementation{TargetDate: c.after}
		if err := checkImplementation(before, after, "2026-11-23"); (err != nil) != c.blames {
			t.Errorf("%q after %q: %v", c.after, c.before, err)
		}
	}
}
