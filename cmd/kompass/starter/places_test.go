package starter_test

import (
	"math"
	"regexp"
	"testing"
)

func TestPlaces(t *testing.T) {
	t.Parallel()
	places := index(t, "places.csv", "ags")
	perClass := map[string]int{}
	for ags, p := range places {
		perClass[p["size_class"]]++
		checkKeys(t, p)
		if lat, lon := number(t, ags, p["latitude"]), number(t, ags, p["longitude"]); lat < 51.7 || lat > 52.6 || lon < 8.2 || lon > 9.5 {
			t.Errorf("%s %s: %v, %v is outside the krz area", ags, p["name"], lat, lon)
		}
		if p["data_centre"] != "krz" {
			t.Errorf("%s belongs to %q", ags, p["data_centre"])
		}
	}
	want := map[string]int{
		"kreis": 3, "grosse_kreisangehoerige_stadt": 3, "mittlere_kreisangehoerige_stadt": 10, "kleine_kreisangehoerige_gemeinde": 23,
	}
	if len(places) != 39 || len(perClass) != len(want) {
		t.Errorf("%d places in classes %v, want 3 Kreise and 36 municipalities", len(places), perClass)
	}
	for class, n := range want {
		if perClass[class] != n {
			t.Errorf("%d places are %s, want %d", perClass[class], class, n)
		}
	}
}

var (
	districtKeys     = regexp.MustCompile(`^05(758|766|770)000 05(758|766|770)0000000$`)
	municipalityKeys = regexp.MustCompile(`^05[0-9]{6} 05[0-9]{10}$`)
)

// checkKeys demands AGS and ARS of the form the kind of place has, agreeing with each other and with the Kreis.
func checkKeys(t *testing.T, p row) {
	t.Helper()
	ags, ars := p["ags"], p["ars"]
	form := municipalityKeys
	if p["kind"] == "Kreis" {
		form = districtKeys
	}
	if !form.MatchString(ags+" "+ars) || ars[:5] != ags[:5] || ars[9:] != ags[5:] {
		t.Errorf("%s: AGS %q and ARS %q do not fit", p["name"], ags, ars)
		return
	}
	if want := ags[:5] + "000"; p["kind"] != "Kreis" && p["district"] != want || p["kind"] == "Kreis" && p["district"] != "" {
		t.Errorf("%s: Kreis is %q", p["name"], p["district"])
	}
	if (p["kind"] == "Kreis") != (p["size_class"] == "kreis") {
		t.Errorf("%s: %s with size class %s", p["name"], p["kind"], p["size_class"])
	}
}

func TestKreiseAreTheSumOfTheirMunicipalities(t *testing.T) {
	t.Parallel()
	for _, column := range []string{"population", "area_km2"} {
		sum := map[string]float64{}
		for _, p := range read(t, "places.csv") {
			n := number(t, p["ags"], p[column])
			if p["district"] == "" {
				sum[p["ags"]] -= n
			} else {
				sum[p["district"]] += n
			}
		}
		for ags, difference := range sum {
			if math.Abs(difference) > 0.005 {
				t.Errorf("%s: %s differs by %v from the sum of its municipalities", ags, column, difference)
			}
		}
	}
}
