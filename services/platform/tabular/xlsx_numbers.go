package tabular

import (
	"encoding/xml"
	"math"
	"strconv"
	"strings"
	"time"

	"kompass.krz.de/services/platform/tabular/safexml"
)

// cellFormat is what of a number format changes the value a person sees: dates, and keys padded with zeros.
type cellFormat struct {
	date  bool
	zeros int // least number of digits, from formats such as "00000000"
}

// readStyles learns which cells are dates: the file stores them as numbers.
func (w *workbook) readStyles() *Error {
	custom := map[string]cellFormat{}
	inCells := false
	return w.walk("xl/styles.xml", func(_ *safexml.Decoder, e xml.StartElement) error {
		switch e.Name.Local {
		case "numFmt":
			custom[attr(e, "numFmtId")] = parseFormat(attr(e, "formatCode"))
		case "cellXfs":
			inCells = true
		case "cellStyles", "dxfs":
			inCells = false
		case "xf":
			if inCells && len(w.formats) < 1<<16 {
				id := attr(e, "numFmtId")
				format, ok := custom[id]
				if !ok {
					format.date = isBuiltinDate(id)
				}
				w.formats = append(w.formats, format)
			}
		}
		return nil
	})
}

// isBuiltinDate knows the numbers ECMA-376 18.8.30 gives to dates; pure times of day (18 to 21, 45 to 47) are no dates.
func isBuiltinDate(id string) bool {
	n, err := strconv.Atoi(id)
	return err == nil && (n >= 14 && n <= 17 || n == 22 || n >= 27 && n <= 31 || n == 36 || n >= 50 && n <= 54 || n == 57 || n == 58)
}

// parseFormat reads a format code: only zeros, or with a year in it; text in quotes and brackets does not count.
func parseFormat(code string) cellFormat {
	if code != "" && strings.Trim(code, "0") == "" {
		return cellFormat{zeros: len(code)}
	}
	var closing byte
	for i := 0; i < len(code); i++ {
		c := code[i]
		switch {
		case closing != 0:
			if c == closing {
				closing = 0
			}
		case c == '"':
			closing = '"'
		case c == '[':
			closing = ']'
		case c == '\\':
			i++
		// German Excel writes TT.MM.JJJJ on screen but yyyy into the file; some programs store what they show.
		case c == 'y' || c == 'Y' || c == 'j' || c == 'J':
			return cellFormat{date: true}
		}
	}
	return cellFormat{}
}

// exactDigits: Excel computes with 15 digits and stores 17, so that 59.3 may lie in the file as 59.299999999999997.
const exactDigits = 15

// text writes a stored number as a person sees it; what is no number stays as it is.
func (f cellFormat) text(raw string, epoch int) string {
	if raw == "" {
		return ""
	}
	if f.date {
		if date, ok := serialDate(raw, epoch); ok {
			return date
		}
	}
	text := plainNumber(raw)
	if n := f.zeros - len(text); n > 0 && n < 64 && strings.Trim(text, "0123456789") == "" {
		text = strings.Repeat("0", n) + text
	}
	return text
}

// plainNumber writes a number without exponent and without the noise of binary fractions; integers keep every digit.
func plainNumber(raw string) string {
	if strings.Trim(strings.TrimPrefix(raw, "-"), "0123456789") == "" {
		return raw
	}
	n, err := strconv.ParseFloat(raw, 64)
	if err != nil || math.IsInf(n, 0) || math.IsNaN(n) || math.Abs(n) >= 1e21 {
		return raw
	}
	if n == math.Trunc(n) {
		return strconv.FormatFloat(n, 'f', -1, 64)
	}
	short, err := strconv.ParseFloat(strconv.FormatFloat(n, 'g', exactDigits, 64), 64)
	if err != nil {
		return raw
	}
	return strconv.FormatFloat(short, 'f', -1, 64)
}

// serialStart is day 0 of Excel's dates.
var serialStart = time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC)

// serialDate turns days since 1899-12-30 into "2006-01-02", or with a time of day into "2006-01-02T15:04:05".
func serialDate(raw string, epoch int) (string, bool) {
	n, err := strconv.ParseFloat(raw, 64)
	// Below 61 lies the 29 February 1900 that only Excel knows; 2958465 is the end of the year 9999.
	if err != nil || math.IsNaN(n) || n < 61 || n-float64(epoch) > 2958465 {
		return "", false
	}
	days, fraction := math.Modf(n)
	t := serialStart.AddDate(0, 0, int(days)-epoch)
	seconds := math.Round(fraction * 86400)
	if seconds == 0 {
		return t.Format(time.DateOnly), true
	}
	return t.Add(time.Duration(seconds) * time.Second).Format("2006-01-02T15:04:05"), true
}
