package xzufi

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
)

var update = flag.Bool("update", false, "write the golden files anew")

// message wraps objects in the shortest valid message.
func message(objects string) string {
	return `<x:m xmlns:x="` + Namespace + `">` + objects + `</x:m>`
}

func leistung(id, inside string) string {
	return `<x:schreibe><x:leistung><x:id schemeAgencyID="A">` + id + `</x:id>` + inside + `</x:leistung></x:schreibe>`
}

func TestGolden(t *testing.T) {
	t.Parallel()
	files, _ := filepath.Glob("testdata/*.xml")
	for _, name := range files {
		t.Run(filepath.Base(name), func(t *testing.T) {
			t.Parallel()
			f, err := os.Open(name)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			d, err := Read(iotest.HalfReader(f), Options{})
			if err != nil {
				t.Fatal(err)
			}
			got, err := json.MarshalIndent(d, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			golden := strings.TrimSuffix(name, ".xml") + ".json"
			if *update {
				os.WriteFile(golden, append(got, '\n'), 0o644)
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if string(got)+"\n" != string(want) {
				t.Errorf("differs from %s:\n%s", golden, got)
			}
		})
	}
}

func TestReadServices(t *testing.T) {
	t.Parallel()
	module := func(code, inhalt string) string {
		return `<x:modulText>` + inhalt + `<x:leikaTextmodul><code>` + code + `</code></x:leikaTextmodul></x:modulText>`
	}
	cases := map[string]struct {
		in   string
		want string // the service's name
	}{
		"module 02":            {message(leistung("1", module("02", `<x:inhalt languageCode="de">A</x:inhalt>`))), "A"},
		"no language":          {message(leistung("1", module("02", `<x:inhalt>A</x:inhalt><x:inhalt languageCode="fr">B</x:inhalt>`))), "A"},
		"only another":         {message(leistung("1", module("02", `<x:inhalt languageCode="en">B</x:inhalt>`))), "B"},
		"empty German":         {message(leistung("1", module("02", `<x:inhalt languageCode="de"> </x:inhalt><x:inhalt languageCode="en">B</x:inhalt>`))), "B"},
		"bezeichnung":          {message(leistung("1", `<x:bezeichnung languageCode="de">A</x:bezeichnung>`)), "A"},
		"only module 03":       {message(leistung("1", module("03", `<x:inhalt languageCode="de">A</x:inhalt>`))), "A"},
		"service as root":      {`<leistung xmlns="` + Namespace + `"><id>1</id><bezeichnung>A</bezeichnung></leistung>`, "A"},
		"deep wrappers":        {message(`<x:antwort><x:ergebnis>` + leistung("1", `<x:bezeichnung>A</x:bezeichnung>`) + `</x:ergebnis></x:antwort>`), "A"},
		"text in pieces":       {message(leistung("1", `<x:bezeichnung>A<!-- x -->B<![CDATA[C]]> <x:b>x</x:b>D</x:bezeichnung>`)), "ABC D"},
		"declared Latin-1":     {"<?xml version='1.0' encoding='ISO-8859-1'?>" + message(leistung("1", "<x:bezeichnung>M\xFCll</x:bezeichnung>")), "Müll"},
		"declared Windows":     {"<?xml version='1.0' encoding='windows-1252'?>" + message(leistung("1", "<x:bezeichnung>\x80</x:bezeichnung>")), "€"},
		"byte order mark":      {"\uFEFF<?xml version='1.0' encoding='UTF-8'?>" + message(leistung("1", "<x:bezeichnung>Müll</x:bezeichnung>")), "Müll"},
		"foreign leistung too": {message(`<leistung xmlns="urn:x"><id>9</id></leistung>` + leistung("1", `<x:bezeichnung>A</x:bezeichnung>`)), "A"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, err := Read(strings.NewReader(c.in), Options{})
			if err != nil {
				t.Fatal(err)
			}
			if len(d.Services) != 1 || d.Services[0].Name != c.want || d.Services[0].ID.Value != "1" {
				t.Errorf("got %+v", d.Services)
			}
		})
	}
}

func TestReadRefuses(t *testing.T) {
	t.Parallel()
	whole := message("\n" + leistung("1", "") + "\n" + leistung("2", ""))
	small := Options{MaxBytes: 4000, MaxText: 500, MaxDepth: 10, MaxObjects: 3, MaxNodes: 10, MaxObject: 700}
	name := `<x:bezeichnung>` + strings.Repeat("a", 400) + `</x:bezeichnung>`
	cases := map[string]struct {
		in     string
		reason Reason
		line   int
	}{
		"nothing":            {"", Empty, 0},
		"no object":          {message("<x:nachrichtenkopf/>"), Empty, 0},
		"only without id":    {message(`<x:schreibe><x:leistung/></x:schreibe>`), Empty, 0},
		"cut off":            {whole[:len(whole)-30], Truncated, 3},
		"cut in the root":    {whole[:20], Truncated, 1},
		"other XML":          {"<html/>", NotXZuFi, 1},
		"older version":      {strings.ReplaceAll(whole, "2_2_0", "2_1_0"), NotXZuFi, 1},
		"DOCTYPE":            {"<?xml version='1.0'?>\n<!DOCTYPE m [<!ENTITY a 'b'>]>" + whole, Unsafe, 2},
		"entity":             {message("\n\n&xxe;"), BadXML, 3},
		"not well-formed":    {message("\n<x:a></x:b>"), BadXML, 2},
		"wrong encoding":     {message("\n<x:a>\xFC</x:a>"), BadEncoding, 2},
		"unknown encoding":   {"<?xml version='1.0' encoding='EBCDIC'?>" + whole, BadEncoding, 1},
		"long text":          {message(leistung("1", "<x:y>"+strings.Repeat("a", 501))), TooLarge, 1},
		"long text in parts": {message(leistung("1", "<x:y>"+strings.Repeat("abc<!---->", 200))), TooLarge, 1},
		"long object":        {message(leistung("1", name+name)), TooLarge, 1},
		"many nodes":         {message(leistung("1", strings.Repeat("<x:y/>", 10))), TooLarge, 1},
		"many objects":       {message(strings.Repeat(leistung("1", ""), 4)), TooLarge, 1},
		"many bytes":         {message(strings.Repeat("<x:a>b</x:a>", 400)), TooLarge, 1},
		"deep":               {message(strings.Repeat("<x:a>", 11)), TooLarge, 1},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, err := Read(strings.NewReader(c.in), small)
			var e *Error
			if d != nil || !errors.As(err, &e) || e.Reason != c.reason || e.Line != c.line || e.Message == "" || e.English == "" {
				t.Errorf("got %v, want %s in line %d", err, c.reason, c.line)
			}
			if errors.Is(err, ErrEmpty) != (c.reason == Empty) {
				t.Errorf("ErrEmpty is confused with %v", err)
			}
		})
	}
}

func TestSourceFails(t *testing.T) {
	t.Parallel()
	broken := errors.New("connection reset")
	_, err := Read(io.MultiReader(strings.NewReader(message(leistung("1", ""))[:100]), iotest.ErrReader(broken)), Options{})
	if !errors.Is(err, &Error{Reason: Unreadable}) || !errors.Is(err, broken) {
		t.Error(err)
	}
}

func TestPlain(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"a<br>b":                              "a b",
		"<p>a</p><p>b</p>":                    "a b",
		"Hunde<b>steuer</b>":                  "Hundesteuer",
		"unter < 18 Jahren":                   "unter < 18 Jahren",
		"a<!-- <p>x</p> -->b":                 "a b",
		"a<script>alert('<b>')</script>b":     "a b",
		"a<style>p{}</style>":                 "a",
		"&lt;b&gt; &amp;auml;":                "<b> ä",
		"a<":                                  "a<",
		"a<b":                                 "a<b",
		"<a href='x'>Link</a>, <I>kursiv</I>": "Link, kursiv",
		"":                                    "",
	} {
		if got := plain(in); got != want {
			t.Errorf("plain(%q) = %q, want %q", in, got, want)
		}
	}
}

// blanks never ends and allocates nothing.
type blanks struct {
	head *strings.Reader
	read int64
}

func (b *blanks) Read(p []byte) (int, error) {
	if n, _ := b.head.Read(p); n > 0 {
		return n, nil
	}
	for i := range p {
		p[i] = ' '
	}
	b.read += int64(len(p))
	return len(p), nil
}

// Runs alone: it measures the heap. A gigabyte of blanks, wherever it stands, is refused after about a megabyte.
func TestEndlessBlanks(t *testing.T) {
	whole := message(leistung("1", "<x:bezeichnung>A</x:bezeichnung>"))
	for _, at := range []string{"", "<x:m xmlns:x='" + Namespace + "'>", whole[:len(whole)-40], whole, whole[:strings.Index(whole, "schemeAgencyID")], "<!--", "<m a='"} {
		in := &blanks{head: strings.NewReader(at)}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := Read(in, Options{})
		runtime.ReadMemStats(&after)
		if !errors.Is(err, &Error{Reason: TooLarge}) {
			t.Errorf("behind %q: %v", at, err)
		}
		if used := after.TotalAlloc - before.TotalAlloc; used > 8<<20 || in.read > 2<<20 {
			t.Errorf("behind %q: %d bytes allocated, %d read", at, used, in.read)
		}
	}
}

// FuzzRead: no input may panic, hang or give a delivery that breaks its own promises.
func FuzzRead(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.xml")
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	for _, seed := range []string{"", "<a/>", message(""), message(leistung("1", "")), message("<x:loesche><x:id>1</x:id></x:loesche>"),
		message(leistung("1", "<x:modulText><x:inhalt><![CDATA[<p>&auml;]]></x:inhalt><x:leikaTextmodul><code>02</code></x:leikaTextmodul></x:modulText>")),
		"<!DOCTYPE a [<!ENTITY b 'c'>]>", "<?xml version='1.0' encoding='latin1'?>" + message(leistung("\xFC", ""))} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := Read(strings.NewReader(string(data)), Options{MaxObjects: 100, MaxNodes: 1000, MaxText: 10_000})
		var e *Error
		if err != nil {
			if d != nil || !errors.As(err, &e) || e.Reason == "" || e.Message == "" || e.Line < 0 {
				t.Fatalf("bad error %#v", err)
			}
			return
		}
		if len(d.Services)+len(d.Specialisations)+len(d.Organisations)+len(d.OnlineServices)+len(d.Deleted) == 0 {
			t.Fatal("an empty delivery is no error")
		}
		for _, s := range d.Services {
			if s.ID.Value == "" || s.Line < 1 {
				t.Fatalf("service %+v", s)
			}
		}
	})
}

func BenchmarkRead(b *testing.B) {
	text := strings.Repeat("Für die Erteilung der Genehmigung müssen Sie einen <b>Antrag</b> stellen. ", 12)
	var doc strings.Builder
	for i := range 8557 {
		inside := fmt.Sprintf(`<x:referenzLeiKa><code>%014d</code></x:referenzLeiKa><x:typisierung><code>4</code></x:typisierung>`, i)
		for _, code := range []string{"02", "03", "05", "06", "07"} {
			inside += "<x:modulText>\n  <x:inhalt languageCode=\"de\"><![CDATA[" + text[:len(text)/5] + "]]></x:inhalt>\n  <x:leikaTextmodul><code>" + code + "</code></x:leikaTextmodul>\n</x:modulText>\n"
		}
		doc.WriteString(leistung(fmt.Sprint(i), inside))
	}
	in := message(doc.String())
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		d, err := Read(strings.NewReader(in), Options{})
		if err != nil || len(d.Services) != 8557 {
			b.Fatal(err)
		}
	}
}
