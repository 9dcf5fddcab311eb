package search

import (
	"slices"
	"strings"
	"testing"
)

// golden says what a query must find, by beginnings of titles.
type golden struct {
	query string
	first string   // the best hit
	has   []string // somewhere among the hits
	hasNo []string // nowhere among the hits
	none  bool
}

func (g golden) check(t *testing.T, x *Index, docs []Document) {
	t.Helper()
	var titles []string
	for _, h := range x.Search(g.query, Options{}).Hits {
		titles = append(titles, docs[h.Doc].Title)
	}
	shown := strings.Join(titles[:min(5, len(titles))], " | ")
	if g.none && len(titles) > 0 {
		t.Errorf("%q must find nothing, finds %s", g.query, shown)
	}
	if !g.none && (len(titles) == 0 || !strings.HasPrefix(titles[0], g.first)) {
		t.Errorf("%q must find %q first, finds %s", g.query, g.first, shown)
	}
	found := func(title string) bool {
		return slices.ContainsFunc(titles, func(s string) bool { return strings.HasPrefix(s, title) })
	}
	for _, title := range g.has {
		if !found(title) {
			t.Errorf("%q must find %q, finds %s", g.query, title, shown)
		}
	}
	for _, title := range g.hasNo {
		if found(title) {
			t.Errorf("%q must not find %q", g.query, title)
		}
	}
}

// town is a small municipality's list, with traps.
var town = []Document{
	{ID: "publicServices/99102013104000", Title: "Hundesteuer Anmeldung", Keywords: []string{"10160", "Hundehaltung"}, Body: "Steuern & Zoll"},
	{ID: "publicServices/99102013070000", Title: "Hundesteuer Abmeldung", Keywords: []string{"10160"}, Body: "Steuern & Zoll"},
	{ID: "publicServices/99110009169000", Title: "Hundehaltung Anzeige", Keywords: []string{"10160"}, Body: "Engagement & Hobby"},
	{ID: "publicServices/99036003007000", Title: "Kfz-Zulassung", Body: "Mobilität & Reisen"},
	{ID: "publicServices/99036003104000", Title: "Kfz anmelden", Body: "Mobilität & Reisen"},
	{ID: "publicServices/99001009000000", Title: "Müllabfuhr", Keywords: []string{"Abfallentsorgung"}, Body: "Umwelt"},
	{ID: "publicServices/99001009004000", Title: "Sperrmüll Entsorgung", Body: "Umwelt"},
	{ID: "publicServices/99001010000000", Title: "Abfall", Body: "Umwelt"},
	{ID: "publicServices/99102011002000", Title: "Grundsteuer Festsetzung", Body: "Steuern & Zoll"},
	{ID: "publicServices/99102099000000", Title: "Steuer", Body: "Steuern & Zoll"},
	{ID: "publicServices/99102098000000", Title: "Steuerberater Prüfung"},
	{ID: "publicServices/99008001012000", Title: "Personalausweis Ausstellung", Keywords: []string{"PAuswG"}},
	{ID: "publicServices/99008001012004", Title: "Personalausweis Ausstellung neu wegen Ablauf der Gültigkeit"},
	{ID: "publicServices/99115005110000", Title: "Wohnsitz Ummeldung"},
	{ID: "publicServices/99059001019000", Title: "Eheschließung Registrierung"},
	{ID: "publicServices/99059001019001", Title: "Unterlagen ehemaliger Mitarbeiter"},
	{ID: "publicServices/99023002020000", Title: "Fahrerlaubnis Verlängerung"},
	{ID: "publicServices/99108001000000", Title: "Bewohnerparkausweis"},
	{ID: "publicServices/99071001000000", Title: "Kindertagesbetreuung Aufnahme"},
	{ID: "publicServices/99050012104000", Title: "Gewerbe Anmeldung"},
	{ID: "publicServices/99028001000000", Title: "Straßenreinigung"},
	{ID: "publicServices/99028001000001", Title: "Sondernutzung einer Straße"},
	{ID: "publicServices/99012001001000", Title: "Baugenehmigung Erteilung"},
	{ID: "publicServices/ohne-leika-17", Title: "Datenverarbeitung, automatisierte Meldung"},
	{ID: "publicServices/99111001017003", Title: "Abfindung ab 40 vom Hundert"},
	{ID: "publicServices/99064001011000", Title: "Adresse ändern"},
	{ID: "publicServices/99064001011001", Title: "Erneuerung der Meldung"},
}

func TestGoldenTown(t *testing.T) {
	t.Parallel()
	x := Build(town)
	for _, g := range []golden{
		{query: "steuer", first: "Steuer", has: []string{"Hundesteuer", "Grundsteuer", "Steuerberater"}},
		{query: "Steuern", first: "Steuer", has: []string{"Hundesteuer"}},
		{query: "muell", first: "Müllabfuhr", has: []string{"Sperrmüll", "Abfall"}},
		{query: "Müll", first: "Müllabfuhr"},
		{query: "mull", first: "Müllabfuhr"},
		{query: "MÜLLABFUHR", first: "Müllabfuhr"},
		{query: "mu\u0308ll", first: "Müllabfuhr"},
		{query: "hunde anmelden", first: "Hundesteuer Anmeldung", has: []string{"Hundehaltung Anzeige"}, hasNo: []string{"Kfz"}},
		{query: "anmelden hund", first: "Hundesteuer Anmeldung", hasNo: []string{"Kfz"}},
		{query: "hund", first: "Hunde", hasNo: []string{"Kfz"}},
		{query: "meinen hund abmelden bitte", first: "Hundesteuer Abmeldung"},
		{query: "hundeanmeldung", first: "Hundesteuer Anmeldung"},
		{query: "kfz zulassung", first: "Kfz-Zulassung"},
		{query: "KFZ", first: "Kfz", has: []string{"Kfz anmelden", "Kfz-Zulassung"}, hasNo: []string{"Hunde"}},
		{query: "Kfz/Zulassung", first: "Kfz-Zulassung"},
		{query: "kfzzulassung", first: "Kfz-Zulassung"},
		{query: "auto anmelden", first: "Kfz anmelden", has: []string{"Kfz-Zulassung"}, hasNo: []string{"Hundesteuer"}},
		{query: "auto", first: "Kfz", has: []string{"Datenverarbeitung"}},
		{query: "perso", first: "Personalausweis Ausstellung"},
		{query: "personalausweis beantragen", first: "Personalausweis Ausstellung"},
		{query: "personalausweiss", first: "Personalausweis Ausstellung"},
		{query: "pesronalausweis", first: "Personalausweis Ausstellung"},
		{query: "personal", first: "Personalausweis"},
		{query: "ausweis", first: "Personalausweis", has: []string{"Bewohnerparkausweis"}},
		{query: "umziehen", first: "Wohnsitz Ummeldung"},
		{query: "wohnsitz ummelden", first: "Wohnsitz Ummeldung"},
		{query: "heiraten", first: "Eheschließung", hasNo: []string{"Unterlagen"}},
		{query: "ehe", first: "Eheschließung", has: []string{"Unterlagen ehemaliger"}},
		{query: "eheschliessung", first: "Eheschließung"},
		{query: "führerschein verlängern", first: "Fahrerlaubnis Verlängerung"},
		{query: "parken", first: "Bewohnerparkausweis"},
		{query: "kita", first: "Kindertagesbetreuung"},
		{query: "gewerbeanmeldung", first: "Gewerbe Anmeldung"},
		{query: "strasse", first: "Sondernutzung einer Straße", has: []string{"Straßenreinigung"}},
		{query: "bau genehmigung", first: "Baugenehmigung"},
		{query: "änderung adresse", first: "Adresse ändern"},
		{query: "melden", first: "Datenverarbeitung, automatisierte Meldung", has: []string{"Erneuerung der Meldung"}},
		{query: "gewerbe abmelden", first: "Gewerbe Anmeldung", hasNo: []string{"Kfz"}},
		{query: "hundestuer", first: "Hundesteuer"},
		{query: "gewebeanmeldung", first: "Gewerbe Anmeldung"},
		{query: "gewerbeanmedlung", first: "Gewerbe Anmeldung"},
		{query: "eheschlisung", first: "Eheschließung"},
		{query: "bauvoranfrage", first: "Baugenehmigung"},
		{query: "99102014", none: true},
		{query: "einigun", first: "Straßenreinigung"},
		{query: "99102013", first: "Hundesteuer", hasNo: []string{"Grundsteuer"}},
		{query: "99 102 013 104 000", first: "Hundesteuer Anmeldung", hasNo: []string{"Hundesteuer Abmeldung"}},
		{query: "10160", first: "Hunde", has: []string{"Hundehaltung", "Hundesteuer"}},
		{query: "40", first: "Abfindung"},
		{query: "ohne-leika-17", first: "Datenverarbeitung"},
		{query: "pauswg", first: "Personalausweis Ausstellung"},
		{query: "umwelt", first: "Abfall", has: []string{"Müllabfuhr"}},
		{query: "der hund", first: "Hunde", hasNo: []string{"Erneuerung der Meldung"}},
		{query: "der", first: "Erneuerung der Meldung"},
		{query: "", none: true},
		{query: " -/& ", none: true},
		{query: "xylophonorchester", none: true},
		{query: "qqq", none: true},
	} {
		g.check(t, x, town)
	}
}

func TestGoldenCatalogue(t *testing.T) {
	t.Parallel()
	docs := leika(t)
	x := Build(docs)
	for _, g := range []golden{
		{query: "hunde anmelden", first: "Hundehaltung Anmeldung", has: []string{"Hundesteuer"}, hasNo: []string{"Kraftfahrzeug"}},
		{query: "hundesteuer abmelden", first: "Hundesteuer", has: []string{"Hundesteuer Festsetzung"}},
		{query: "steuer", first: "Steuer", has: []string{"Hundesteuer", "Steuerliche Anmeldung"}},
		{query: "muell", first: "Wilder Müll", has: []string{"Sperrmüll", "Gewerbemüll", "Abfallbehandlungsanlage"}},
		{query: "müllabfuhr", first: "A", has: []string{"Sperrmüll", "Anmeldung Abfallbehälter"}},
		{query: "sperrmüll abholen", first: "Sperrmüll"},
		{query: "personalausweis", first: "Personalausweis"},
		{query: "perso", first: "Personalausweis", has: []string{"Persönliche Arbeitslosmeldung"}},
		{query: "personalausweis beantragen", first: "Personalausweis Ausstellung"},
		{query: "personalausweiss", first: "Personalausweis"},
		{query: "reisepass verloren", first: "Reisepass Meldung wegen"},
		{query: "führerschein verlängern", first: "Fahrerlaubnis Verlängerung"},
		{query: "fuehrerschein umtauschen", first: "Führerschein Umtausch"},
		{query: "auto anmelden", first: "Kraftfahrzeug Zulassung", hasNo: []string{"Hundehaltung"}},
		{query: "KFZ-Zulassung", first: "Kraftfahrzeug Zulassung"},
		{query: "heiraten", first: "Eheschließung", has: []string{"Personalausweis Ausstellung neu wegen Namensänderung bei Heirat"}},
		{query: "umziehen", first: "Wohnsitz"},
		{query: "gewerbe anmelden", first: "Gewerbe Anmeldung"},
		{query: "gewerbeanmeldung", first: "Gewerbe Anmeldung"},
		{query: "kita", first: "Kindertagesstätte"},
		{query: "anwohnerparken", first: "Bewohnerparkausweis"},
		{query: "baum fällen", first: "Baumfällgenehmigung"},
		{query: "kneipe eröffnen", first: "Gaststättengewerbe"},
		{query: "bafög", first: "Ausbildungsförderung"},
		{query: "elterngeld", first: "Elterngeld", hasNo: []string{"Kindergeld"}},
		{query: "kindergeld", first: "Kindergeld"},
		{query: "baugenehmigung", first: "Baugenehmigung"},
		{query: "geburtsurkunde", first: "Geburtsurkunde"},
		{query: "führungszeugnis", first: "Führungszeugnis"},
		{query: "99102013", first: "Hundesteuer", hasNo: []string{"Personalausweis"}},
	} {
		g.check(t, x, docs)
	}
}

// complaints are the queries that users of the starter data and of the real files were disappointed by.
var complaints = []golden{
	{query: "fischen", first: "Fischereischein"},
	{query: "jagen", first: "Jagdschein"},
	{query: "gewerbe abmelden", first: "Gewerbe Anmeldung", hasNo: []string{"Kraftfahrzeug Abmeldung"}},
	{query: "gewerbe anmelden", first: "Gewerbe Anmeldung"},
	{query: "hundestuer", first: "Hundesteuer"},
	{query: "hundesteur", first: "Hundesteuer"},
	{query: "hudesteuer", first: "Hundesteuer"},
	{query: "gewebeanmeldung", first: "Gewerbe Anmeldung"},
	{query: "eheschlisung", first: "Eheschließung"},
	{query: "personalauswies", first: "Personalausweis"},
	{query: "bauvoranfrage", first: "Baugenehmigung"},
	{query: "auto ummelden", first: "Kraftfahrzeug Ummeldung"},
}

func TestGoldenComplaints(t *testing.T) {
	t.Parallel()
	for name, made := range map[string]func(testing.TB) []Document{"starter": starter, "published": published} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			docs := made(t)
			x := Build(docs)
			for _, g := range complaints {
				g.check(t, x, docs)
			}
		})
	}
}

// TestGoldenOrder: whole groups of titles before others.
func TestGoldenOrder(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		docs          func(testing.TB) []Document
		query         string
		before, after []string
	}{
		{starter, "steuer", []string{"Hundesteuer", "Grundsteuer F", "Übernachtungssteuer"}, []string{"Bescheinigung für steuerliche"}},
		{published, "steuer", []string{"Hundesteuer", "Grundsteuer F", "Jagdsteuer"}, []string{"Steuerlicher", "Steuerliche A", "steuerliche Erl"}},
		{published, "gefährliche hunde", []string{"Hunde", "Implantieren"}, []string{"Nicht gewerbsmäßige Haltung gefährlicher Wildtiere"}},
		{starter, "fischen", []string{"Fischer"}, []string{"Erlaubnis zum", "Europäischer", "Waffen"}},
		{published, "gewerbe abmelden", []string{"Gewerbe A"}, []string{"Telekommunikation"}},
	} {
		docs := c.docs(t)
		last, first := -1, len(docs)
		for at, h := range Build(docs).Search(c.query, Options{}).Hits {
			begins := func(prefix string) bool { return strings.HasPrefix(docs[h.Doc].Title, prefix) }
			if slices.ContainsFunc(c.before, begins) {
				last = at
			}
			if slices.ContainsFunc(c.after, begins) {
				first = min(first, at)
			}
		}
		if last < 0 || last > first {
			t.Errorf("%q: the last of %q is hit %d, the first of %q hit %d", c.query, c.before, last, c.after, first)
		}
	}
}

// TestGoldenCorners shows one rule each, on documents made for it.
func TestGoldenCorners(t *testing.T) {
	t.Parallel()
	titles := func(list ...string) (docs []Document) {
		for _, title := range list {
			docs = append(docs, Document{ID: title, Title: title})
		}
		return docs
	}
	for _, c := range []struct {
		name string
		docs []Document
		golden
	}{
		{
			"whoever matches all words comes first, however weakly",
			append(titles("Lotterie", "Tombola", "Tombola Verlosung", "Tombola Bericht"), Document{ID: "x", Title: "Vereine", Body: "Lotterie, Tombola"}),
			golden{query: "lotterie tombola", first: "Vereine", has: []string{"Lotterie"}},
		},
		{
			"a complete everyday word is hardly the beginning of another",
			titles("Alkoholismus", "Gestattung"),
			golden{query: "alkohol", first: "Gestattung", has: []string{"Alkoholismus"}},
		},
		{
			"a title by its stem comes before a body by the word",
			append(titles("Taucherprüfung"+strings.Repeat(" Kreis", 60)), Document{ID: "x", Title: "Vereine", Body: "Tauchen"}),
			golden{query: "tauchen", first: "Taucher", has: []string{"Vereine"}},
		},
		{
			"the object is in the title, so the procedure may be another",
			append(titles("Gewerbe Anmeldung"), Document{ID: "x", Title: "Funknetz Abmeldung", Body: "Gewerbe"}),
			golden{query: "gewerbe abmelden", first: "Gewerbe", has: []string{"Funknetz"}},
		},
		{
			"a procedure weighs less than its object, however rare",
			titles("Gewerbe Untersagung", "Gewerbe Auskunft", "Gewerbe Makler", "Gewerbe Reise", "Gewerbe Auszug",
				"Vereine", "Kreis", "Stadt", "Abmeldung fremden Gewerbes"+strings.Repeat(" nach Gesetz", 15)),
			golden{query: "gewerbe kündigen", first: "Gewerbe"},
		},
		{
			"an adjective is no object, however rare",
			titles("Haltung gefährlicher Wildtiere", "Hunde Haltung", "Hunde Anmeldung", "Hunde Chip", "Tierheim"),
			golden{query: "gefährliche hunde", first: "Hunde"},
		},
		{
			"what is a tax comes before what is done by its law",
			titles("Steuerlicher Beauftragter", "Steuerxyz Amt", "Hundesteuer Festsetzung Haus"),
			golden{query: "steuer", first: "Hundesteuer"},
		},
		{
			"adjectives find adjectives first",
			titles("Steuer", "Steuerlicher Beauftragter"),
			golden{query: "steuerliche", first: "Steuerlicher", has: []string{"Steuer"}},
		},
		{
			"a slip in a word the documents do not have",
			titles("Fahrerlaubnis"),
			golden{query: "füherschein", first: "Fahrerlaubnis"},
		},
		{
			"a part of a part is a part",
			titles("Steuerbescheid", "Grundsteuerbescheid", "Grundsteuer"),
			golden{query: "steuern", first: "Steuerbescheid", has: []string{"Grundsteuerbescheid", "Grundsteuer"}},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.check(t, Build(c.docs), c.docs)
		})
	}
}
