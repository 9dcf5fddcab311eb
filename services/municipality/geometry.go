package municipality

import (
	"errors"
	"math"
	"slices"
	"strconv"
)

// point is a place on the map: x is the longitude, y the latitude, in degrees.
type point struct{ x, y float64 }

// ring is a closed line; the first point may be repeated at the end.
type ring []point

// maxPoints bounds one polygon.
const maxPoints = 2_000_000

// representativePoint is a point inside of the largest polygon of a GeoJSON geometry: its centre of gravity, or, where
// that lies outside (a sickle, a hole), the middle of the widest part on the same latitude. Rounded to about a metre.
func representativePoint(kind string, coordinates []byte) (point, error) {
	walk := &coordinateWalk{text: coordinates}
	var best []ring
	switch kind {
	case "Polygon":
		rings, err := walk.polygon()
		if err != nil {
			return point{}, err
		}
		best = rings
	case "MultiPolygon":
		err := walk.list(func() error {
			rings, err := walk.polygon()
			if err == nil && area(rings) > area(best) {
				best = rings
			}
			return err
		})
		if err != nil {
			return point{}, err
		}
	default:
		return point{}, errors.New("neither Polygon nor MultiPolygon")
	}
	if area(best) == 0 {
		return point{}, errors.New("no area")
	}
	p := centroid(best[0])
	if !inside(best, p) {
		p = widest(best, p.y)
	}
	return point{math.Round(p.x*1e5) / 1e5, math.Round(p.y*1e5) / 1e5}, nil
}

// area is that of the outer ring; 0 when there is none.
func area(rings []ring) float64 {
	if len(rings) == 0 {
		return 0
	}
	return math.Abs(signedArea(rings[0]))
}

func signedArea(r ring) float64 {
	sum := 0.0
	for i, a := range r {
		b := r[(i+1)%len(r)]
		sum += (a.x-r[0].x)*(b.y-r[0].y) - (b.x-r[0].x)*(a.y-r[0].y)
	}
	return sum / 2
}

// centroid is the centre of gravity; coordinates are taken relative to the first point, to keep digits.
func centroid(r ring) point {
	var x, y float64
	for i, a := range r {
		b := r[(i+1)%len(r)]
		ax, ay, bx, by := a.x-r[0].x, a.y-r[0].y, b.x-r[0].x, b.y-r[0].y
		cross := ax*by - bx*ay
		x += (ax + bx) * cross
		y += (ay + by) * cross
	}
	six := 6 * signedArea(r)
	return point{r[0].x + x/six, r[0].y + y/six}
}

// inside tells whether a point lies in the polygon and in none of its holes: a line from it crosses the rings an odd
// number of times.
func inside(rings []ring, p point) bool {
	odd := false
	for _, x := range crossings(rings, p.y) {
		if x > p.x {
			odd = !odd
		}
	}
	return odd
}

// crossings are the longitudes at which the rings cross a latitude, ascending.
func crossings(rings []ring, y float64) []float64 {
	var xs []float64
	for _, r := range rings {
		for i, a := range r {
			b := r[(i+1)%len(r)]
			if (a.y > y) != (b.y > y) {
				xs = append(xs, a.x+(y-a.y)/(b.y-a.y)*(b.x-a.x))
			}
		}
	}
	slices.Sort(xs)
	return xs
}

// widest is the middle of the widest part of the polygon on a latitude, or on one nearby when it is not met there.
func widest(rings []ring, y float64) point {
	low, high := math.Inf(1), math.Inf(-1)
	for _, p := range rings[0] {
		low, high = min(low, p.y), max(high, p.y)
	}
	best, width := rings[0][0], 0.0
	for _, latitude := range []float64{y, low + (high-low)/2, low + (high-low)/4, low + (high-low)*3/4} {
		xs := crossings(rings, latitude)
		for i := 0; i+1 < len(xs); i += 2 {
			if w := xs[i+1] - xs[i]; w > width {
				best, width = point{xs[i] + w/2, latitude}, w
			}
		}
		if width > 0 {
			break
		}
	}
	return best
}

// coordinateWalk reads nested lists of numbers without building them: memory is that of one polygon.
type coordinateWalk struct {
	text []byte
	at   int
}

var errCoordinates = errors.New("coordinates are not lists of numbers")

// polygon reads a list of rings.
func (w *coordinateWalk) polygon() ([]ring, error) {
	var rings []ring
	points := 0
	err := w.list(func() error {
		var r ring
		err := w.list(func() error {
			p, err := w.point()
			if points++; points > maxPoints {
				return errors.New("too many points")
			}
			r = append(r, p)
			return err
		})
		if len(r) > 2 {
			rings = append(rings, r)
		}
		return err
	})
	return rings, err
}

// point reads [longitude, latitude, …].
func (w *coordinateWalk) point() (point, error) {
	var p point
	n := 0
	err := w.list(func() error {
		f, err := w.number()
		switch n {
		case 0:
			p.x = f
		case 1:
			p.y = f
		}
		n++
		return err
	})
	if err == nil && (n < 2 || math.Abs(p.x) > 180 || math.Abs(p.y) > 90) {
		err = errors.New("a point is not in degrees")
	}
	return p, err
}

// list reads a list, each element with the function.
func (w *coordinateWalk) list(element func() error) error {
	if !w.take('[') {
		return errCoordinates
	}
	if w.take(']') {
		return nil
	}
	for {
		if err := element(); err != nil {
			return err
		}
		if w.take(']') {
			return nil
		}
		if !w.take(',') {
			return errCoordinates
		}
	}
}

// take moves over white space and one character, if it is the next.
func (w *coordinateWalk) take(c byte) bool {
	w.space()
	if w.at < len(w.text) && w.text[w.at] == c {
		w.at++
		return true
	}
	return false
}

func (w *coordinateWalk) space() {
	for w.at < len(w.text) && (w.text[w.at] == ' ' || w.text[w.at] == '\n' || w.text[w.at] == '\r' || w.text[w.at] == '\t') {
		w.at++
	}
}

func (w *coordinateWalk) number() (float64, error) {
	w.space()
	start := w.at
	for w.at < len(w.text) && (w.text[w.at] >= '0' && w.text[w.at] <= '9' || w.text[w.at] == '-' || w.text[w.at] == '+' ||
		w.text[w.at] == '.' || w.text[w.at] == 'e' || w.text[w.at] == 'E') {
		w.at++
	}
	f, err := strconv.ParseFloat(string(w.text[start:w.at]), 64)
	if err != nil {
		return 0, errCoordinates
	}
	return f, nil
}
