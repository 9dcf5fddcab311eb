package municipality

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"

	commonv1 "kompass.krz.de/proto/kompass/common/v1"
)

func TestRepresentativePoint(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		kind, coordinates string
		x, y              float64
	}{
		"square":       {"Polygon", `[[[8,52],[9,52],[9,53],[8,53],[8,52]]]`, 8.5, 52.5},
		"not closed":   {"Polygon", `[[[8,52],[9,52],[9,53],[8,53]]]`, 8.5, 52.5},
		"hole":         {"Polygon", `[[[0,0],[4,0],[4,4],[0,4],[0,0]],[[1,1],[3.5,1],[3.5,3],[1,3],[1,1]]]`, 0.5, 2},
		"sickle":       {"Polygon", `[[[0,0],[4,0],[4,1],[1,1],[1,3],[4,3],[4,4],[0,4],[0,0]]]`, 0.5, 2},
		"largest part": {"MultiPolygon", `[[[[0,0],[1,0],[1,1],[0,1]]],[[[5,5],[8,5],[8,8],[5,8]]]]`, 6.5, 6.5},
	} {
		p, err := representativePoint(c.kind, []byte(c.coordinates))
		if err != nil || math.Abs(p.x-c.x) > 1e-5 || math.Abs(p.y-c.y) > 1e-5 {
			t.Errorf("%s: %v %v", name, p, err)
		}
	}
	for _, bad := range []string{``, `[]`, `[[]]`, `[[[8,52],[9,52]]]`, `[[[8,52],[9,52],[9,"53"]]]`, `[[[8],[9],[7]]]`, `[[[800,52],[9,52],[9,53]]]`,
		`[[[8,52],[9,52],[10,52]]]`, `[[[8,52],[9,52],[9,53]`, `{}`, `[[[[8,52],[9,52],[9,53]]]]`} {
		if p, err := representativePoint("Polygon", []byte(bad)); err == nil {
			t.Errorf("%s: %v", bad, p)
		}
	}
	if _, err := representativePoint("Point", []byte(`[8,52]`)); err == nil {
		t.Error("a point has no area")
	}
}

// TestPointsOfRealBoundaries: every point lies within its boundary.
func TestPointsOfRealBoundaries(t *testing.T) {
	t.Parallel()
	var file struct{ Features []feature }
	must(t, json.Unmarshal(sharedData(t, "nrw_gemeinden.geojson"), &file))
	for _, one := range file.Features {
		p, err := representativePoint(one.Geometry.Type, one.Geometry.Coordinates)
		must(t, err)
		found := false
		check := func(w *coordinateWalk) error {
			rings, err := w.polygon()
			found = found || inside(rings, p)
			return err
		}
		w := &coordinateWalk{text: one.Geometry.Coordinates}
		if one.Geometry.Type == "Polygon" {
			must(t, check(w))
		} else {
			must(t, w.list(func() error { return check(w) }))
		}
		if !found {
			t.Errorf("%s: %v is outside", one.Properties.Name, p)
		}
	}
}

func TestHostileBoundaries(t *testing.T) {
	t.Parallel()
	head, tail := `{"type":"FeatureCollection","features":[{"properties":{"ags":"05758004"},"geometry":{"type":"Polygon","coordinates":`, `}}]}`
	for name, coordinates := range map[string]string{
		"deep":       strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000),
		"less deep":  strings.Repeat("[", 9_000) + strings.Repeat("]", 9_000),
		"empty":      "[" + strings.Repeat("[],", 1_000_000) + "[]]",
		"huge":       "[[[1e308,1e308],[-1e308,1e308],[1e308,-1e308]]]",
		"white":      strings.Repeat(" ", 4<<20) + "[]",
		"wrong kind": `"text"`,
	} {
		d, err := readDelivery([]byte(head+coordinates+tail), commonv1.FileFormat_FILE_FORMAT_UNSPECIFIED)
		if err == nil && d.Refusal() == nil {
			t.Errorf("%s was taken: %v", name, d.places)
		}
	}
}

func FuzzBoundaries(f *testing.F) {
	f.Add([]byte(`{"type":"FeatureCollection","features":[{"properties":{"ags":"05758004","name":"Bünde"},"geometry":{"type":"Polygon","coordinates":[[[8,52],[9,52],[9,53],[8,53],[8,52]]]}}]}`))
	f.Add([]byte(`{"features":[{"properties":{"AGS":"5758004"},"geometry":{"type":"MultiPolygon","coordinates":[[[[8,52],[9,52],[9,53]]],[]]}}]}`))
	f.Add([]byte(`{"features":[]}`))
	f.Add([]byte(`{"features":[{}]`))
	f.Add([]byte("ags;name\n05758004;Bünde\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := readDelivery(data, commonv1.FileFormat_FILE_FORMAT_UNSPECIFIED)
		if err != nil {
			return
		}
		for _, row := range d.places {
			v := row.values
			if len(row.ags) != 8 || math.IsNaN(v.GetLatitude()) || math.IsNaN(v.GetLongitude()) || math.Abs(v.GetLatitude()) > 90 && d.Refusal() == nil {
				t.Error(fmt.Sprint("row ", row.ags, v))
			}
		}
	})
}
