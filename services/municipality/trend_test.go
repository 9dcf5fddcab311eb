package municipality

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	ledgerv1 "kompass.krz.de/proto/kompass/ledger/v1"
	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
	"kompass.krz.de/services/platform/ledger"
)

const (
	byTheme        = municipalityv1.ListProgressRequest_GROUP_BY_THEME
	byMunicipality = municipalityv1.ListProgressRequest_GROUP_BY_MUNICIPALITY
	byMonth        = municipalityv1.ListProgressTrendRequest_INTERVAL_MONTH
)

func TestTrendDays(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		request *municipalityv1.ListProgressTrendRequest
		want    string // the days, or the field that is refused
	}{
		"nothing set": {&municipalityv1.ListProgressTrendRequest{},
			"2025-11-30 2025-12-31 2026-01-31 2026-02-28 2026-03-31 2026-04-30 2026-05-31 2026-06-30 2026-07-31 2026-08-31 2026-09-30 2026-10-31 2026-11-23"},
		"the last day ends a month": {&municipalityv1.ListProgressTrendRequest{FromDate: "2026-01-31", ToDate: "2026-03-31"}, "2026-01-31 2026-02-28 2026-03-31"},
		"a leap year":               {&municipalityv1.ListProgressTrendRequest{FromDate: "2024-02-01", ToDate: "2024-03-01"}, "2024-02-29 2024-03-01"},
		"days":                      {&municipalityv1.ListProgressTrendRequest{FromDate: "2026-02-27", ToDate: "2026-03-02", Interval: 1}, "2026-02-27 2026-02-28 2026-03-01 2026-03-02"},
		"weeks end on Sunday":       {&municipalityv1.ListProgressTrendRequest{FromDate: "2026-10-25", ToDate: "2026-11-09", Interval: 2}, "2026-10-25 2026-11-01 2026-11-08 2026-11-09"},
		"quarters":                  {&municipalityv1.ListProgressTrendRequest{FromDate: "2025-12-01", ToDate: "2026-10-01", Interval: 4}, "2025-12-31 2026-03-31 2026-06-30 2026-09-30 2026-10-01"},
		"years":                     {&municipalityv1.ListProgressTrendRequest{FromDate: "2023-05-05", ToDate: "2026-01-01", Interval: 5}, "2023-12-31 2024-12-31 2025-12-31 2026-01-01"},
		"one day":                   {&municipalityv1.ListProgressTrendRequest{FromDate: "2026-11-23", ToDate: "2026-11-23"}, "2026-11-23"},
		"the first day there is":    {&municipalityv1.ListProgressTrendRequest{FromDate: "1970-01-01", ToDate: "1970-01-02", Interval: 1}, "1970-01-01 1970-01-02"},
		"a year before the first":   {&municipalityv1.ListProgressTrendRequest{ToDate: "1970-01-31"}, "1970-01-31"},
		"a year before a leap day":  {&municipalityv1.ListProgressTrendRequest{ToDate: "2024-02-29", Interval: 5}, "2023-12-31 2024-02-29"},
		"backwards":                 {&municipalityv1.ListProgressTrendRequest{FromDate: "2026-02-02", ToDate: "2026-02-01"}, "fromDate"},
		"from in the future":        {&municipalityv1.ListProgressTrendRequest{FromDate: "2026-11-24"}, "fromDate"},
		"to in the future":          {&municipalityv1.ListProgressTrendRequest{ToDate: "2026-11-24"}, "toDate"},
		"far in the future":         {&municipalityv1.ListProgressTrendRequest{ToDate: "9999-12-31"}, "toDate"},
		"no day of the calendar":    {&municipalityv1.ListProgressTrendRequest{FromDate: "2026-02-30"}, "fromDate"},
		"before 1970":               {&municipalityv1.ListProgressTrendRequest{FromDate: "1969-12-31"}, "fromDate"},
		"too many days":             {&municipalityv1.ListProgressTrendRequest{FromDate: "2024-02-27", ToDate: "2026-11-23", Interval: 1}, "interval"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			days, err := trendDays(c.request, dayAt(testDay))
			if err != nil {
				if reason, fields := reasonOf(err); reason != "INVALID_FIELD" || !slices.Equal(fields, []string{c.want}) {
					t.Errorf("got %s %v, want %s", reason, fields, c.want)
				}
				return
			}
			if got := strings.Trim(fmt.Sprint(days), "[]"); got != c.want {
				t.Errorf("got %s\nwant %s", got, c.want)
			}
		})
	}
	most, err := trendDays(&municipalityv1.ListProgressTrendRequest{FromDate: "2024-02-28", ToDate: "2026-11-23", Interval: 1}, dayAt(testDay))
	if err != nil || len(most) != maxTrendDays {
		t.Errorf("%d days, %v", len(most), err)
	}
}

// drawPast is a state with a past: records of some places that were written on days before testDay.
func drawPast(t *rapid.T) records {
	r := drawRecords(t)
	name := ledger.Name{Origin: "test", Service: "municipality"}
	var batch []ledger.Entry
	for n := range rapid.IntRange(0, 30).Draw(t, "changes") {
		ags := rapid.SampledFrom([]string{"05766000", "05766004", "05711000"}).Draw(t, "ags")
		written := testDay.AddDate(0, 0, n/4*12-120) // several on a day
		i := drawImplementation(t, ags, keyNumber(rapid.IntRange(0, 6).Draw(t, "key")))
		if i.GetPhase() != 0 && rapid.Bool().Draw(t, "dated") {
			i.PhaseDate = written.AddDate(0, 0, -12*rapid.IntRange(0, 5).Draw(t, "ago")).Format(time.DateOnly)
		}
		e := ledger.Entry{Subject: name.Subject("implementation", ags, keyOf(i.GetName())), Sequence: uint64(1000 + n), Visible: uint64(1000 + n),
			Entity: i, Record: &ledgerv1.Record{Resource: i.GetName(), Time: timestamppb.New(written)}}
		if rapid.IntRange(0, 5).Draw(t, "kind") == 0 {
			e.Entity = nil
		}
		batch = append(batch, e)
	}
	r, err := r.apply(batch, false)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// onDay is a state in which everything stands as it did at the end of a day, made without moves.
func (r records) onDay(d day) records {
	places := r.places.Edit()
	for ags, p := range r.places.All() {
		then := &place{ags: p.ags, municipality: p.municipality, area: p.area}
		services := map[string][]step{}
		for _, s := range p.past {
			services[s.service.String()] = append(services[s.service.String()], s)
		}
		for _, i := range p.implementations {
			services[i.service.String()] = append(services[i.service.String()], step{service: i.service, from: i.from, standing: i.standing})
		}
		for key, line := range services {
			if s := stepAt(line, d); s != nil && s.standing != unrecorded {
				then.implementations = append(then.implementations, implementation{service: textOf(key), standing: s.standing})
			}
		}
		slices.SortFunc(then.implementations, func(a, b implementation) int { return strings.Compare(a.service.String(), b.service.String()) })
		places.Set(ags, then)
	}
	r.places = places.Done()
	return r
}

// TestTrendIsProgressOfEachDay: every point of every series says what progress would have said on that day, and the last
// one what it says now.
func TestTrendIsProgressOfEachDay(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r, today := drawPast(t), dayAt(testDay)
		by := municipalityv1.ListProgressRequest_GroupBy(rapid.IntRange(0, 4).Draw(t, "by"))
		interval := municipalityv1.ListProgressTrendRequest_Interval(rapid.IntRange(1, 4).Draw(t, "interval"))
		from := today - day(rapid.IntRange(0, 250).Draw(t, "days"))
		days := pointsBetween(from, today, interval)
		series, total := r.newTrend(r.all(), by, days).series()
		for n, d := range days {
			then := r.onDay(d)
			groups, all := then.progressOf(then.all(), by)
			past, allPast := r.progressAt(r.all(), by, d)
			compareDay(t, d, groups, past, series, n)
			compareDay(t, d, []*municipalityv1.ProgressGroup{all}, []*municipalityv1.ProgressGroup{allPast}, []*municipalityv1.TrendSeries{total}, n)
		}
		groups, _ := r.progressOf(r.all(), by)
		compareDay(t, today, groups, groups, series, len(days)-1)
	})
}

func compareDay(t *rapid.T, d day, want, past []*municipalityv1.ProgressGroup, series []*municipalityv1.TrendSeries, n int) {
	if len(series) != len(want) || len(past) != len(want) {
		t.Fatalf("%d series, progress of that day has %d groups, progress as of it %d", len(series), len(want), len(past))
	}
	for i, g := range want {
		if !proto.Equal(past[i], g) {
			t.Fatalf("as of %v\n%v\nwant\n%v", d, past[i], g)
		}
		point := &municipalityv1.TrendPoint{Date: d.String(), Owed: g.GetOwed(), Online: g.GetOnline(), BelowThreshold: g.GetBelowThreshold(),
			InProgress: g.GetInProgress(), Planned: g.GetPlanned(), Open: g.GetOpen(), NotApplicable: g.GetNotApplicable(), Share: g.GetShare()}
		if s := series[i]; s.GetKey() != g.GetKey() || s.GetDisplayName() != g.GetDisplayName() || s.GetMunicipalities() != g.GetMunicipalities() || !proto.Equal(s.GetPoints()[n], point) {
			t.Fatalf("on %v\n%v\nwant\n%v", d, s, g)
		}
	}
}

// setDay moves the service's clock; call it between requests.
func (w *world) setDay(iso string) {
	w.tb.Helper()
	at, err := time.Parse(time.DateOnly, iso)
	must(w.tb, err)
	var moment atomic.Int64
	moment.Store(at.Add(10 * time.Hour).Unix())
	w.service.clock = func() time.Time { return time.Unix(moment.Load(), 0) }
}

// onlineByMonth is how many services were online at the end of each month of 2026, by the trend of one series.
func (w *world) onlineByMonth(by municipalityv1.ListProgressRequest_GroupBy, filter, key string) string {
	w.tb.Helper()
	answer, err := w.client.ListProgressTrend(w.ctx, &municipalityv1.ListProgressTrendRequest{GroupBy: by, Filter: filter, FromDate: "2026-01-01", Interval: byMonth})
	must(w.tb, err)
	series := answer.GetTotal()
	for _, s := range answer.GetSeries() {
		if s.GetKey() == key {
			series = s
		}
	}
	var figures []string
	for _, p := range series.GetPoints() {
		figures = append(figures, fmt.Sprint(p.GetOnline()))
	}
	return strings.Join(figures, " ")
}

// TestTrendFollowsWhatIsSaid goes the whole way: months pass, a batch comes late, the past is corrected, the service is
// started again.
func TestTrendFollowsWhatIsSaid(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := smallWorldIn(t, dir)
	const lemgo = "05766044"
	tax, bins, marry := implementationName(lemgo, dogTax), implementationName(lemgo, waste), implementationName(lemgo, marriage)
	fulfilled := &municipalityv1.Maturity{Level: 3}
	want := func(when, figures string) {
		t.Helper()
		if got := w.onlineByMonth(byMunicipality, "", municipalityName(lemgo)); got != figures {
			t.Errorf("%s: %s, want %s", when, got, figures)
		}
	}
	w.setDay("2026-02-10")
	w.patch(&municipalityv1.Implementation{Name: tax, Phase: planned})
	w.setDay("2026-04-20")
	w.patch(&municipalityv1.Implementation{Name: tax, Phase: online, Maturity: fulfilled})
	w.setDay("2026-05-15")
	want("as it went", "0 0 0 1 1")
	w.setDay("2026-06-15")
	_, err := w.client.BatchUpdateImplementations(w.ctx, &municipalityv1.BatchUpdateImplementationsRequest{Parent: municipalityName(lemgo),
		Requests: []*municipalityv1.UpdateImplementationRequest{
			{Implementation: &municipalityv1.Implementation{Name: bins, Phase: online, Maturity: fulfilled, PhaseDate: "2026-01-05"}},
			{Implementation: &municipalityv1.Implementation{Name: marry, Phase: online, Maturity: fulfilled, PhaseDate: "2026-03-31"}},
		}})
	must(t, err)
	want("a batch that came late", "1 1 2 3 3 3")
	w.patch(&municipalityv1.Implementation{Name: tax, PhaseDate: "2026-05-02"})
	want("the past corrected", "1 1 2 2 3 3")
	_, err = w.client.DeleteImplementation(w.ctx, &municipalityv1.DeleteImplementationRequest{Name: bins})
	must(t, err)
	want("one removed", "1 1 2 2 3 2")
	trend := func() *municipalityv1.ListProgressTrendResponse {
		t.Helper()
		answer, err := w.client.ListProgressTrend(w.ctx, &municipalityv1.ListProgressTrendRequest{GroupBy: byTheme, Filter: "kind = MUNICIPALITY", Interval: 1, FromDate: "2026-01-01"})
		must(t, err)
		return answer
	}
	before := trend()
	w.stop()
	w = openWorld(t, dir)
	w.setDay("2026-06-15")
	want("started again", "1 1 2 2 3 2")
	if after := trend(); !proto.Equal(before, after) {
		t.Errorf("started again\n%v\nbefore\n%v", after, before)
	}
	if p := before.GetTotal().GetPoints(); len(p) != 166 || p[165].GetDate() != "2026-06-15" || before.GetTotal().GetMunicipalities() != 4 {
		t.Errorf("%d days to %v of %d places", len(p), p[len(p)-1], before.GetTotal().GetMunicipalities())
	}
}

// TestProgressAsOf: progress of a past day, over gRPC.
func TestProgressAsOf(t *testing.T) {
	t.Parallel()
	w := smallWorld(t)
	w.patch(&municipalityv1.Implementation{Name: implementationName("05766044", dogTax), Phase: online, Maturity: &municipalityv1.Maturity{Level: 3}, PhaseDate: "2026-03-01"})
	for _, key := range []string{waste, marriage} { // the same move twice
		w.patch(&municipalityv1.Implementation{Name: implementationName("05766044", key), Phase: online, Maturity: &municipalityv1.Maturity{Level: 3}, PhaseDate: "2026-06-01"})
	}
	onlineOn := func(day string) int64 {
		t.Helper()
		answer, err := w.client.ListProgress(w.ctx, &municipalityv1.ListProgressRequest{AsOf: day})
		must(t, err)
		return answer.GetTotal().GetOnline()
	}
	for day, want := range map[string]int64{"": 3, "2026-11-23": 3, "2026-06-01": 3, "2026-05-31": 1, "2026-03-01": 1, "2026-02-28": 0, "1970-01-01": 0} {
		if got := onlineOn(day); got != want {
			t.Errorf("%d online on %q, want %d", got, day, want)
		}
	}
	for _, day := range []string{"2026-11-24", "9999-12-31", "2026-02-30", "1969-12-31"} {
		_, err := w.client.ListProgress(w.ctx, &municipalityv1.ListProgressRequest{AsOf: day})
		wantReason(t, err, "INVALID_FIELD", "asOf")
	}
	_, err := w.client.ListProgressTrend(w.ctx, &municipalityv1.ListProgressTrendRequest{Filter: "colour = red"})
	wantReason(t, err, "INVALID_FILTER", "filter")
}

// TestTrendIsBounded: the points of all series together.
func TestTrendIsBounded(t *testing.T) {
	t.Parallel()
	r := emptyRecords()
	var places []proto.Message
	for n := range maxTrendPoints/maxTrendDays + 1 {
		ags := fmt.Sprintf("05%06d", n)
		places = append(places, &municipalityv1.Municipality{Name: municipalityName(ags), Ags: ags})
	}
	s := &Service{clock: func() time.Time { return testDay }, replica: fixedReplica(t, applyAll(t, r, "municipality", places))}
	ask := func(filter string) error {
		_, err := s.ListProgressTrend(t.Context(), &municipalityv1.ListProgressTrendRequest{GroupBy: byMunicipality, Interval: 1, FromDate: "2024-02-28", Filter: filter})
		return err
	}
	wantReason(t, ask(""), "INVALID_FIELD", "interval")
	must(t, ask(`ags != "05000000"`))
}
