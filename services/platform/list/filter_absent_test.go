package list

import (
	"testing"

	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
)

// TestAbsentDatesHaveNoPlaceInAnOrder: what has no date is before no day and after none, at the top and deeper.
func TestAbsentDatesHaveNoPlaceInAnOrder(t *testing.T) {
	t.Parallel()
	dated := &municipalityv1.Implementation{TargetDate: "2027-03-31"}
	for filter, want := range map[string][2]bool{ // dated, undated
		`target_date < 2028-01-01`:     {true, false},
		`target_date <= 2027-03-31`:    {true, false},
		`target_date > 2027-01-01`:     {true, false},
		`target_date >= 2027-03-31`:    {true, false},
		`target_date < 2027-03-31`:     {false, false},
		`target_date >= ""`:            {true, false},
		`target_date <= ""`:            {false, false},
		`target_date = ""`:             {false, true},
		`target_date != 2027-03-31`:    {false, true},
		`NOT target_date > 2028-01-01`: {true, true},
	} {
		for n, i := range []*municipalityv1.Implementation{dated, {}} {
			f, err := CompileFilter(filter, i.ProtoReflect().Descriptor())
			if err != nil {
				t.Fatal(err)
			}
			if got := f.Matches(i); got != want[n] {
				t.Errorf("%s of %q: %v", filter, i.GetTargetDate(), got)
			}
			gap := &municipalityv1.Gap{Implementation: i}
			if f, err = CompileFilter("implementation."+filter, gap.ProtoReflect().Descriptor()); err == nil && f.Matches(gap) != want[n] {
				t.Errorf("%s of a gap with %q", filter, i.GetTargetDate())
			}
		}
	}
}
