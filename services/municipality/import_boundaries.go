package municipality

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	commonv1 "kompass.krz.de/proto/kompass/common/v1"
	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
	"kompass.krz.de/services/platform/fault"
	"kompass.krz.de/services/platform/importreport"
	"kompass.krz.de/services/platform/tabular"
)

const (
	// maxBoundaryFile bounds a GeoJSON file, in bytes, as the contract does.
	maxBoundaryFile = 64 << 20
	// maxFeatures bounds how many boundaries a file may have; Germany has 10,981 municipalities.
	maxFeatures = 100_000
)

// feature is one boundary; its coordinates stay text until they are walked through.
type feature struct {
	Geometry struct {
		Type        string          `json:"type"`
		Coordinates json.RawMessage `json:"coordinates"`
	} `json:"geometry"`
	// Properties are the ones that say which place it is, whatever else there may be; their case does not matter.
	Properties struct {
		AGS  digits `json:"ags"`
		ARS  digits `json:"ars"`
		RS   digits `json:"rs"`
		Name word   `json:"name"`
		Gen  word   `json:"gen"`
		Bez  word   `json:"bez"`
		Typ  word   `json:"typ"`
	} `json:"properties"`
}

// word is a text; a value of another kind is none.
type word string

// UnmarshalJSON reads a text, and passes over anything else.
func (w *word) UnmarshalJSON(data []byte) error {
	var text string
	if json.Unmarshal(data, &text) == nil {
		*w = word(text)
	}
	return nil
}

// digits are a key: a text, or the number that a GIS export made of it, as it is written and never by way of a float.
// Anything else stays as it is written too, so that the refusal can show it.
type digits string

// UnmarshalJSON reads a key.
func (d *digits) UnmarshalJSON(data []byte) error {
	var text string // null leaves it empty
	if json.Unmarshal(data, &text) != nil {
		text = string(data)
		if whole, fraction, has := strings.Cut(text, "."); has && strings.Trim(fraction, "0") == "" {
			text = whole // a column of doubles: 5758008.0
		}
	}
	*d = digits(text)
	return nil
}

// readBoundaries reads a GeoJSON FeatureCollection, feature by feature. Issues give the number of the feature as line.
func readBoundaries(file []byte) (*delivery, error) {
	if len(file) > maxBoundaryFile {
		return nil, fault.New(fault.TooLarge, "limit", "64 MiB")
	}
	d := &delivery{Findings: importreport.New(commonv1.ImportReport_TABLE_BOUNDARIES, commonv1.FileFormat_FILE_FORMAT_GEOJSON)}
	d.Report.Encoding = "UTF-8"
	decoder := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(file, []byte("\xef\xbb\xbf"))))
	if err := toFeatures(decoder); err != nil {
		return nil, badGeoJSON(err)
	}
	lines := map[string]int{}
	for decoder.More() {
		var one feature
		if err := decoder.Decode(&one); err != nil {
			return nil, badGeoJSON(err)
		}
		if d.Report.Rows++; d.Report.GetRows() > maxFeatures {
			return nil, fault.New(fault.TooLarge, "limit", fmt.Sprintf("%d features", maxFeatures))
		}
		d.boundary(&one, lines)
	}
	if err := toEnd(decoder); err != nil {
		return nil, badGeoJSON(err)
	}
	if d.Report.GetRows() == 0 {
		return nil, fault.New(fault.ImportEmpty)
	}
	return d, nil
}

// toFeatures moves to the first element of the member "features".
func toFeatures(decoder *json.Decoder) error {
	if token, err := decoder.Token(); err != nil || token != json.Delim('{') {
		return errors.Join(errors.New("not an object"), err)
	}
	for decoder.More() {
		key, err := decoder.Token()
		if err != nil {
			return err
		}
		if key == "features" {
			if token, err := decoder.Token(); err != nil || token != json.Delim('[') {
				return errors.Join(errors.New("features is not a list"), err)
			}
			return nil
		}
		var skipped json.RawMessage
		if err := decoder.Decode(&skipped); err != nil {
			return err
		}
	}
	return errors.New("no member features")
}

// toEnd reads what follows the features, so that a truncated file is not taken for a short one.
func toEnd(decoder *json.Decoder) error {
	for open := 2; ; {
		token, err := decoder.Token()
		switch {
		case errors.Is(err, io.EOF) && open == 0:
			return nil
		case errors.Is(err, io.EOF):
			return io.ErrUnexpectedEOF
		case err != nil:
			return err
		case token == json.Delim('{'), token == json.Delim('['):
			open++
		case token == json.Delim('}'), token == json.Delim(']'):
			open--
		}
	}
}

func badGeoJSON(err error) error {
	return fault.New(fault.ImportUnreadable).Cause(err).Field("file",
		"ist kein vollständiges GeoJSON mit einer FeatureCollection", "is not a complete GeoJSON with a FeatureCollection")
}

// boundary adds what one feature says: the point for places that are known, and the names for those that are not.
func (d *delivery) boundary(one *feature, lines map[string]int) {
	line := int(d.Report.GetRows())
	key := importreport.At(line, "ags", string(one.Properties.AGS))
	ags, restored, ok := parseAGS(key.Value)
	if !ok {
		d.Fail(key, "INVALID_AGS", "Kein Amtlicher Gemeindeschlüssel in den Eigenschaften.", "No municipality key among the properties.")
		return
	}
	repaired(d.Findings, key, restored, ags)
	if first, twice := lines[ags]; twice {
		d.Fail(key, "DUPLICATE_KEY", fmt.Sprintf("Der Schlüssel steht schon im Feature %d.", first), fmt.Sprintf("The key is already in feature %d.", first))
		return
	}
	lines[ags] = line
	at, err := representativePoint(one.Geometry.Type, one.Geometry.Coordinates)
	if err != nil {
		d.Fail(importreport.At(line, "geometry", one.Geometry.Type), "INVALID_GEOMETRY", "Die Fläche ist nicht lesbar ("+err.Error()+").",
			"The area cannot be read ("+err.Error()+").")
		return
	}
	row := placeRow{ags: ags, fields: []string{"latitude", "longitude"}, ifNew: []string{"display_name", "kind"}}
	row.values = &municipalityv1.Municipality{
		Latitude: at.y, Longitude: at.x,
		DisplayName: cut(tabular.CleanText(string(cmp.Or(one.Properties.Name, one.Properties.Gen)))), Kind: kindOf(string(cmp.Or(one.Properties.Bez, one.Properties.Typ)), ags),
	}
	if row.values.GetDisplayName() == "" {
		row.values.DisplayName = ags
	}
	if ars, _, ok := parseARS(string(cmp.Or(one.Properties.ARS, one.Properties.RS))); ok && sameBody(ags, ars) {
		row.values.Ars = ars
		row.ifNew = append(row.ifNew, "ars")
	}
	d.places = append(d.places, row)
}

// cut is a name with as many characters as that of a place may have.
func cut(name string) string {
	if utf8.RuneCountInString(name) <= maxName {
		return name
	}
	return string([]rune(name)[:maxName])
}
