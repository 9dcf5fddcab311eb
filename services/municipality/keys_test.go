package municipality

import (
	"strings"
	"testing"
)

func TestKeys(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"05758004": "05758004", "5758004": "05758004!", "05758": "05758000", "5758": "05758000!", "05 758 004": "05758004",
		"": "", "99758004": "", "0575800x": "", "057580": "", "057580044": "", "５７５８００４": "", "-5758004": "",
	} {
		ags, restored, ok := parseAGS(text)
		if restored && ok {
			ags += "!"
		}
		if ags != want || ok != (want != "") {
			t.Errorf("AGS %q: %q %v, want %q", text, ags, ok, want)
		}
	}
	for text, want := range map[string]string{"057580004004": "057580004004", "57580004004": "057580004004", "05758": "", "0575800040041": ""} {
		if ars, _, _ := parseARS(text); ars != want {
			t.Errorf("ARS %q: %q, want %q", text, ars, want)
		}
	}
	if !sameBody("05758004", "057580004004") || sameBody("05758004", "057580004005") || sameBody("05758004", "05766") {
		t.Error("sameBody")
	}
}

func TestNumbers(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{
		"46030": 46030, "46.030": 46030, "46,030": 46030, "46 030": 46030, "46\u202f030": 46030, "1.084.831": 1084831, "0": 0,
		"46.03": -1, "4603.030": -1, "1.084,831": -1, "-5": -1, "": -1, "1e3": -1, "99999999999999999999": -1, "46.030.": -1,
	} {
		n, ok := parseCount(text)
		if ok != (want >= 0) || ok && n != want {
			t.Errorf("%q: %d %v, want %d", text, n, ok, want)
		}
	}
	for text, want := range map[string]float64{"59.3": 59.3, "59,30": 59.3, "1.234,56": 1234.56, "1,234.5": 1234.5, "7": 7, "-8.5": -8.5} {
		if f, ok := parseDecimal(text); !ok || f != want {
			t.Errorf("%q: %v %v, want %v", text, f, ok, want)
		}
	}
	for _, text := range []string{"", ".", "a", "1.2.3,4", "NaN", "Inf", "1e9", "--1", "1,"} {
		if f, ok := parseDecimal(text); ok {
			t.Errorf("%q is %v", text, f)
		}
	}
}

func FuzzKeys(f *testing.F) {
	for _, s := range []string{"05758004", "5758004", "05758", "57580004004", "057580004004", "46.030", "1.234,56", "٤٦٠٣٠", " ", "0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if ags, _, ok := parseAGS(s); ok {
			if again, restored, ok := parseAGS(ags); !ok || restored || again != ags || len(ags) != 8 {
				t.Errorf("AGS %q: %q, again %q", s, ags, again)
			}
		}
		if ars, _, ok := parseARS(s); ok {
			if again, restored, ok := parseARS(ars); !ok || restored || again != ars || !sameBody(agsOfARS(ars), ars) {
				t.Errorf("ARS %q: %q, again %q", s, ars, again)
			}
		}
		if n, ok := parseCount(s); ok && (n < 0 || n > maxCount || strings.Contains(s, "-")) {
			t.Errorf("count %q: %d", s, n)
		}
		_, _ = parseDecimal(s)
	})
}

func TestCountsThatAreNoneSayWhy(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"99999999999": "Must lie between 0 and 1,000,000,000.", "-5": "Must lie between 0 and 1,000,000,000.",
		"1.000.000.001": "Must lie between 0 and 1,000,000,000.", "99999999999999999999999": "Must lie between 0 and 1,000,000,000.",
		"1.2": "Not a whole number.", "viele": "Not a whole number.", "-": "Not a whole number.", "--5": "Not a whole number.",
	} {
		if _, ok := parseCount(text); ok {
			t.Errorf("%s is a count", text)
		}
		if _, en := notCount(text); en != want {
			t.Errorf("%s: %s", text, en)
		}
	}
}
