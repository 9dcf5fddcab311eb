package search

import (
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"
)

func TestFold(t *testing.T) {
	t.Parallel()
	for _, group := range [][]string{
		{"mull", "Müll", "MUELL", "mu\u0308ll", "müll ", "mü\u00adll"},
		{"strasse", "Straße", "STRASSE", "STRAẞE"},
		{"gebaude", "Gebäude", "Gebaeude"},
		{"neue", "neue", "NEUE"},
		{"steuer", "Steuer"},
		{"quelle", "Quelle"},
		{"betreuung", "Betreuung"},
		{"bauerlaubnis", "Bauerlaubnis"},
		{"kfz zulassung", "Kfz-Zulassung", "KFZ / Zulassung", "kfz–zulassung"},
		{"cafe rene 2", "Café, René²", "cafe rene 2"},
		{"", "", "§ – &", "\xff"},
	} {
		for _, s := range group[1:] {
			if got := strings.TrimSpace(fold(s)); got != group[0] && got != strings.ReplaceAll(group[0], " 2", "2") {
				t.Errorf("fold(%q) = %q, want %q", s, got, group[0])
			}
		}
	}
}

func TestStemFamilies(t *testing.T) {
	t.Parallel()
	for _, family := range []string{
		"anmelden Anmeldung Anmeldungen", "ummelden Ummeldung", "verlängern Verlängerung", "kündigen Kündigung",
		"Steuer Steuern", "melden Meldung", "prüfen Prüfung Prüfungen", "Hund Hunde Hunden Hundes", "erneuern Erneuerung",
		"fördern Förderung", "genehmigen Genehmigung", "befreien Befreiung", "zulassen Zulassung", "löschen Löschung",
		"Wohnung Wohnungen wohnen", "Urkunde Urkunden",
	} {
		list := words(fold(family))
		for _, w := range list[1:] {
			if stem(w) != stem(list[0]) {
				t.Errorf("stem(%s) = %s, but stem(%s) = %s", w, stem(w), list[0], stem(list[0]))
			}
		}
	}
}

func TestSplit(t *testing.T) {
	t.Parallel()
	l := theLexicon()
	known := func(w string) bool { return l.parts[w] }
	for word, want := range map[string]string{
		"Hundesteuer": "hund steuer", "Müllabfuhr": "mull abfuhr", "Kindertagesbetreuung": "kinder tages betreuung",
		"Bewohnerparkausweis": "bewohner park ausweis", "Eheschließungen": "ehe schliessung", "Quarksteuer": "steuer",
		"Hundert": "", "ehemalige": "", "Beratung": "", "Anmeldung": "", "Schuldner": "", "Steuer": "",
	} {
		if got := strings.Join(split(fold(word), known).parts, " "); got != want {
			t.Errorf("split(%s) = %q, want %q", word, got, want)
		}
	}
}

func TestOneSlip(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"steuer", "steuer", true}, {"stueer", "steuer", true}, {"steur", "steuer", true}, {"steuerr", "steuer", true},
		{"steuef", "steuer", true}, {"xteuer", "steuer", true}, {"steu", "steuer", false}, {"tseure", "steuer", false},
		{"setuef", "steuer", false}, {"ab", "ba", true},
	} {
		if oneSlip(c.a, c.b) != c.want || oneSlip(c.b, c.a) != c.want {
			t.Errorf("oneSlip(%s, %s) is not %v both ways", c.a, c.b, c.want)
		}
	}
}

// TestQualityOrder: the same place in equally long titles, so only the kind of match decides.
func TestQualityOrder(t *testing.T) {
	t.Parallel()
	docs := []Document{
		{ID: "inside-typo", Title: "Garderobe Unsteuerlich"}, {ID: "part", Title: "Garderobe Hundesteuer"},
		{ID: "prefix", Title: "Garderobe Steuerixyz"}, {ID: "lead", Title: "Garderobe Steuerbescheid"},
		{ID: "stem", Title: "Garderobe Steuern"}, {ID: "word", Title: "Garderobe Steuer"},
		{ID: "keyword", Title: "Garderobe", Keywords: []string{"Steuer"}}, {ID: "body", Title: "Garderobe", Body: "Steuer"},
	}
	var ids []string
	for _, h := range Build(docs).Search("steuer", Options{}).Hits {
		ids = append(ids, h.ID)
	}
	if want := []string{"word", "stem", "lead", "prefix", "keyword", "part", "body"}; !slices.Equal(ids[:len(want)], want) {
		t.Errorf("order %v, want %v", ids, want)
	}
}

func TestPaging(t *testing.T) {
	t.Parallel()
	x := Build(town)
	all := x.Search("steuer", Options{})
	if all.Total != len(all.Hits) || all.Total < 5 {
		t.Fatalf("total %d of %d hits", all.Total, len(all.Hits))
	}
	for limit := 1; limit <= all.Total+1; limit++ {
		var paged []Hit
		for offset := 0; offset < all.Total; offset += limit {
			r := x.Search("steuer", Options{Offset: offset, Limit: limit})
			if r.Total != all.Total {
				t.Fatalf("limit %d: total %d, want %d", limit, r.Total, all.Total)
			}
			paged = append(paged, r.Hits...)
		}
		if !reflect.DeepEqual(paged, all.Hits) {
			t.Errorf("limit %d: pages do not add up to all hits", limit)
		}
	}
	if r := x.Search("steuer", Options{Offset: 1000, Limit: 1 << 62}); len(r.Hits) != 0 || r.Total != all.Total {
		t.Errorf("beyond the end: %d hits, total %d", len(r.Hits), r.Total)
	}
	best := all.Hits[0].Doc
	r := x.Search("steuer", Options{Keep: func(doc int) bool { return doc != best }})
	if r.Total != all.Total-1 || r.Hits[0].Doc == best {
		t.Errorf("Keep did not take the best hit out: %+v", r)
	}
}

func TestTiesByTitleThenID(t *testing.T) {
	t.Parallel()
	docs := []Document{{ID: "b", Title: "Zoo Amt"}, {ID: "c", Title: "Ära Amt"}, {ID: "a", Title: "Zoo Amt"}, {ID: "d", Title: "Bad Amt"}}
	var ids string
	for _, h := range Build(docs).Search("amt", Options{}).Hits {
		ids += h.ID
	}
	if ids != "cdab" {
		t.Errorf("order %s, want cdab", ids)
	}
}

// TestEveryTitleWordFindsItsDocument holds whatever splitting, stopping and dropping do.
func TestEveryTitleWordFindsItsDocument(t *testing.T) {
	t.Parallel()
	for name, docs := range map[string][]Document{"town": town, "leika": realOrNone(t)} {
		x := Build(docs)
		found := make(map[string]map[int]bool)
		for i, d := range docs {
			for _, w := range strings.Fields(d.Title) {
				if fold(w) == "" || len(w) > mostBytes {
					continue
				}
				if found[w] == nil {
					found[w] = make(map[int]bool)
					for _, h := range x.Search(w, Options{}).Hits {
						found[w][h.Doc] = true
					}
				}
				if !found[w][i] && len(words(fold(w))) == 1 {
					t.Fatalf("%s: %q does not find %q", name, w, d.Title)
				}
			}
			if r := x.Search(d.Title, Options{}); len(d.Title) < mostBytes && (r.Total == 0 || !slices.ContainsFunc(r.Hits, func(h Hit) bool { return h.Doc == i })) {
				t.Fatalf("%s: the title %q does not find itself", name, d.Title)
			}
		}
	}
}

// TestOrderOfInputDoesNotMatter: replicas may read their documents in any order.
func TestOrderOfInputDoesNotMatter(t *testing.T) {
	t.Parallel()
	reversed := slices.Clone(town)
	slices.Reverse(reversed)
	x, y := Build(town), Build(reversed)
	for _, q := range []string{"steuer", "hunde anmelden", "umwelt", "99", "e", "meldung", "genehmigung"} {
		a, b := x.Search(q, Options{}), y.Search(q, Options{})
		same := slices.EqualFunc(a.Hits, b.Hits, func(g, h Hit) bool { return g.ID == h.ID && g.Score == h.Score })
		if !same || a.Total != b.Total {
			t.Errorf("%q: %v and %v", q, a, b)
		}
	}
}

// TestSearchesLeaveNothingBehind: one goroutine gets the same scratch memory again.
func TestSearchesLeaveNothingBehind(t *testing.T) {
	t.Parallel()
	used := Build(town)
	for _, q := range []string{"hundeanmeldung", "gewerbeanmeldung", "personalausweiss", "99", "hunde anmelden", "kfzzulassung", ""} {
		if got, want := used.Search(q, Options{}), Build(town).Search(q, Options{}); !reflect.DeepEqual(got, want) {
			t.Errorf("%q: a used index finds %v, a fresh one %v", q, got, want)
		}
	}
}

// TestConcurrentSearches: the scratch memory of one search must not leak into another.
func TestConcurrentSearches(t *testing.T) {
	t.Parallel()
	x := Build(town)
	queries := []string{"steuer", "hunde anmelden", "kfz", "personalausweiss", "99102", "gewerbeanmeldung", "qqq"}
	want := make([]Result, len(queries))
	for i, q := range queries {
		want[i] = x.Search(q, Options{})
	}
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range 200 {
				n := (w + i) % len(queries)
				if got := x.Search(queries[n], Options{}); !reflect.DeepEqual(got, want[n]) {
					t.Errorf("%q gave another result under load", queries[n])
					return
				}
			}
		})
	}
	wg.Wait()
}

// TestSearchAllocatesLittle allows for the race detector, under which a pool forgets at random.
func TestSearchAllocatesLittle(t *testing.T) {
	x := Build(town)
	if n := testing.AllocsPerRun(100, func() { x.Search("hunde anmelden", Options{Limit: 10}) }); n > 16 {
		t.Errorf("%v allocations a search", n)
	}
}

func TestEmptyIndex(t *testing.T) {
	t.Parallel()
	for _, x := range []*Index{Build(nil), Build([]Document{{}}), Build([]Document{{ID: "/", Title: "-"}})} {
		for _, q := range []string{"", "a", "1", "steuer", "hundesteuer"} {
			if r := x.Search(q, Options{Limit: 5}); r.Total != 0 {
				t.Errorf("%q finds %v", q, r)
			}
		}
	}
}

func FuzzSearch(f *testing.F) {
	for _, q := range []string{"steuer", "hunde anmelden", "Müllabfuhr", "99 102", "ÄÖÜß", "aee", "\xff\xfe", "İ ſ ﬁ ½", "a\u0308e", "ohne-leika-17"} {
		f.Add(q, 3)
	}
	x := Build(town)
	f.Fuzz(func(t *testing.T, q string, offset int) {
		if once := fold(q); fold(once) != once || !utf8.ValidString(once) {
			t.Errorf("folding %q is not idempotent: %q, %q", q, once, fold(once))
		}
		all, page := x.Search(q, Options{}), x.Search(q, Options{Offset: offset, Limit: 4})
		if all.Total != len(all.Hits) || page.Total != all.Total {
			t.Errorf("%q: totals %d, %d of %d hits", q, all.Total, page.Total, len(all.Hits))
		}
		from := min(max(offset, 0), all.Total)
		if !slices.Equal(page.Hits, all.Hits[from:min(from+4, all.Total)]) {
			t.Errorf("%q: the page at %d differs from all hits", q, offset)
		}
		doc := Document{ID: "x", Title: q}
		if fold(q) != "" && len(q) < mostBytes && Build([]Document{doc}).Search(q, Options{}).Total != 1 {
			t.Errorf("%q does not find itself", q)
		}
	})
}

// TestWholePhraseComesFirst: what somebody wrote down as a name for a service wins over words that merely fit.
func TestWholePhraseComesFirst(t *testing.T) {
	t.Parallel()
	x := Build([]Document{
		{ID: "a", Title: "Hundehaltung Anmeldung Kampfhund"},
		{ID: "b", Title: "Hundesteuer Festsetzung", Keywords: []string{"hund anmelden", "Hunde anmelden"}},
		{ID: "c", Title: "Hunde anmelden im Ausland"},
	})
	for query, want := range map[string]string{"hunde anmelden": "b", " HUNDE-ANMELDEN ": "b", "kampfhund anmelden": "a", "hunde anmelden im ausland": "c"} {
		if hits := x.Search(query, Options{}).Hits; len(hits) == 0 || hits[0].ID != want {
			t.Errorf("%q finds %v first, want %s", query, hits, want)
		}
	}
}
