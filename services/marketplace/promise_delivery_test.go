package marketplace_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
)

const (
	planned      = marketplacev1.Coverage_STATUS_PLANNED
	piloted      = marketplacev1.Coverage_STATUS_PILOT
	available    = marketplacev1.Coverage_STATUS_AVAILABLE
	discontinued = marketplacev1.Coverage_STATUS_DISCONTINUED
)

// promisePatches are the same story as promiseRows: a date, put off, taken back, and what was promised.
func promisePatches(m *market) [4]func(t *testing.T) {
	solution := func(status marketplacev1.Coverage_Status, date string) *marketplacev1.Solution {
		s := offer()
		s.Name, s.PromisedDate, s.Coverage[0].Status = "solutions/hund", date, status
		s.Coverage = append(s.Coverage, &marketplacev1.Coverage{PublicService: "publicServices/" + building, Status: available})
		return s
	}
	update := func(s *marketplacev1.Solution) func(*testing.T) {
		return func(t *testing.T) {
			if _, err := m.UpdateSolution(t.Context(), &marketplacev1.UpdateSolutionRequest{
				Solution: s, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"coverage", "promised_date"}},
			}); err != nil {
				t.Fatal(err)
			}
		}
	}
	return [4]func(*testing.T){
		func(*testing.T) { m.create(solution(planned, "2026-04-01"), "hund") },
		update(solution(planned, "2026-05-01")), update(solution(planned, "")), update(solution(available, "")),
	}
}

func promiseRows(m *market) (steps [4]func(t *testing.T)) {
	for i, c := range [4][3]string{{"geplant", "1.4.2026", "1+ 0* 0="}, {"geplant", "1.5.2026", "0+ 1* 0="}, {"geplant", "", "0+ 1* 0="}, {"verfügbar", "", "0+ 1* 0="}} {
		steps[i] = func(*testing.T) {
			m.takes("id;name;anbieter;art;leika_schluessel;status;zugesagt_am\n1;Hund;krz;Produkt;"+dogTax+";"+c[0]+";"+c[1]+"\n1;;krz;;"+building+";verfügbar;\n", c[2])
		}
	}
	return steps
}

// TestTakingADateBackIsNoDelivery: whoever deletes a promised date while something is planned has not delivered.
func TestTakingADateBackIsNoDelivery(t *testing.T) {
	t.Parallel()
	for name, stepsOf := range map[string]func(*market) [4]func(*testing.T){"patch": promisePatches, "import": promiseRows} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			days := &atomic.Int64{}
			m := stock(openAt(t, func() time.Time { return now.AddDate(0, 0, int(days.Load())) }))
			steps := stepsOf(m)
			expect := func(day int64, want string) {
				t.Helper()
				days.Store(day)
				p, err := m.GetProvider(t.Context(), &marketplacev1.GetProviderRequest{Name: "providers/krz"})
				r := p.GetReliability()
				if got := fmt.Sprintf("%d%% of %d, %d kept, %d days", r.GetPercent(), r.GetPromises(), r.GetKept(), r.GetMeanDelayDays()); err != nil || got != want {
					t.Errorf("day %d: %s, want %s (%v)", day, got, want, err)
				}
			}
			steps[0](t)
			if _, err := verbs["submit"](t.Context(), m, "solutions/hund"); err != nil {
				t.Fatal(err)
			}
			steps[1](t)
			expect(0, "92% of 1, 0 kept, 30 days")
			steps[2](t)
			expect(0, "92% of 1, 0 kept, 30 days")
			expect(103, "80% of 1, 0 kept, 73 days") // 2026-06-13
			steps[3](t)
			changes := m.solution("hund").GetPromiseChanges()
			if last := changes[len(changes)-1]; len(changes) != 4 || last.GetOldDate()+last.GetNewDate() != "" || last.GetActor() == "" {
				t.Errorf("changes: %v", changes)
			}
			expect(103, "80% of 1, 0 kept, 73 days")
			expect(400, "80% of 1, 0 kept, 73 days")
		})
	}
}

// TestDaysThatCanBeReckonedWith: the same bounds for all days that clients give.
func TestDaysThatCanBeReckonedWith(t *testing.T) {
	t.Parallel()
	m := stocked(t)
	for date, refused := range map[string]bool{"0001-01-01": true, "1949-12-31": true, "1950-01-01": false, "2199-12-31": false, "2200-01-01": true, "9999-12-31": true} {
		s := offer()
		s.PromisedDate, s.Versions = date, []*marketplacev1.SolutionVersion{{Version: "1", ReleaseDate: date}, {Version: "2", SupportEndDate: date}}
		_, err := m.CreateSolution(t.Context(), &marketplacev1.CreateSolutionRequest{Solution: s, ValidateOnly: true})
		if violations := violationsOf(t, err, refused); refused && (len(violations) != 3) {
			t.Errorf("%s: %q", date, violations)
		}
		p := &marketplacev1.Project{DisplayName: "P", Phases: []*marketplacev1.ProjectPhase{{Phase: 1, PlannedDate: date}}}
		_, err = m.CreateProject(t.Context(), &marketplacev1.CreateProjectRequest{Project: p, ValidateOnly: true})
		if violations := violationsOf(t, err, refused); refused && len(violations) != 1 {
			t.Errorf("%s: %q", date, violations)
		}
	}
}

func violationsOf(t *testing.T, err error, refused bool) (violations []string) {
	t.Helper()
	if refused {
		violations, _ = wantFault(t, err, codes.InvalidArgument, "INVALID_FIELD")
	} else if err != nil {
		t.Error(err)
	}
	return violations
}

// TestStatusOfPubliccode: what is only thought of or being built is planned, and closes no gap without a date.
func TestStatusOfPubliccode(t *testing.T) {
	t.Parallel()
	m := region(t)
	for i, c := range []struct {
		status string
		want   marketplacev1.Coverage_Status
		open   bool // the gap
	}{
		{"concept", planned, true}, {"development", planned, true}, {"obsolete", discontinued, true},
		{"beta", piloted, false}, {"stable", available, false}, {"", 0, false},
	} {
		file := fmt.Sprintf("publiccodeYmlVersion: '0.4'\nname: Hund %d\nurl: https://example.org/%d.git\nsoftwareType: standalone/web\nde: {leika: [{leika-id: '%s'}]}\n", i, i, dogTax)
		if c.status != "" {
			file += "developmentStatus: " + c.status + "\n"
		}
		m.takes(file, "1+ 0* 0=")
		id := fmt.Sprint("hund-", i)
		if got := m.solution(id).GetCoverage()[0].GetStatus(); got != c.want {
			t.Errorf("%s: %v", c.status, got)
		}
		for _, v := range []string{"submit", "publish"} {
			if _, err := verbs[v](t.Context(), m, "solutions/"+id); err != nil {
				t.Fatal(err)
			}
		}
		gaps, err := m.ListPortfolioGaps(t.Context(), &marketplacev1.ListPortfolioGapsRequest{Filter: "public_service=publicServices/" + dogTax})
		if err != nil || (gaps.GetTotalSize() == 1) != c.open {
			t.Errorf("%s: %v, %v", c.status, gaps, err)
		}
		if _, err := verbs["withdraw"](t.Context(), m, "solutions/"+id); err != nil {
			t.Fatal(err)
		}
	}
}
