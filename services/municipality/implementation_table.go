package municipality

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
	"kompass.krz.de/services/platform/tabular"
)

// maxStates bounds the rows of a table of implementation states, both ways.
const maxStates = 400_000

// stateColumn is one column of a table of implementation states. The export writes all of them, in this order; the
// import takes any of them, in any order.
type stateColumn struct {
	field string // of the implementation, where there is one
	title string
	kind  tabular.Kind
	edits bool     // the import takes its values
	names []string // what else a header may call it
}

var stateColumns = []stateColumn{
	{"ags", "AGS", tabular.Text, false, []string{"schluessel", "gemeindeschluessel", "amtlicher_gemeindeschluessel"}},
	{"place", "Kommune", tabular.Text, false, []string{"gemeinde", "gemeindename"}},
	{"key", "LeiKa-Schlüssel", tabular.Text, false, []string{"leika_key", "leikaKey", "leika_id", "leika", "leistungsschluessel", "public_service", "publicService"}},
	{"service", "Leistung", tabular.Text, false, []string{"leistungsname", "display_name", "displayName", "bezeichnung", "leika_name"}},
	{"ozg", "OZG-Leistung", tabular.Text, false, []string{"ozg_service", "ozgService"}},
	{"theme", "Themenfeld", tabular.Text, false, nil},
	{"phase", "Phase", tabular.Text, true, []string{"umsetzungsphase", "umsetzungsstand", "status", "stand", "online"}},
	{"phase_date", "Seit", tabular.Date, true, []string{"phaseDate", "phase_seit", "stand_seit"}},
	{"model", "Reifegradmodell", tabular.Text, true, []string{"maturity_model", "maturityModel"}},
	{"level", "Reifegrad", tabular.Number, true, []string{"maturity", "maturity_level", "maturityLevel", "reifegradstufe", "stufe"}},
	{"url", "URL", tabular.Text, true, []string{"adresse", "link", "internetadresse", "webadresse"}},
	{"solution", "Lösung", tabular.Text, true, []string{"online_dienst", "produkt"}},
	{"department", "Fachamt", tabular.Text, true, []string{"fachbereich", "amt", "zustaendig"}},
	{"annual_cases", "Fallzahl", tabular.Number, true, []string{"fallzahlen", "faelle_pro_jahr", "annualCases", "cases"}},
	{"priority", "Priorität", tabular.Text, true, nil},
	{"target_date", "Zieldatum", tabular.Date, true, []string{"targetDate", "termin", "ziel"}},
	{"note", "Notiz", tabular.Text, true, []string{"bemerkung", "bemerkungen", "anmerkung", "kommentar"}},
	{"not_applicable_reason", "Begründung", tabular.Text, true, []string{"notApplicableReason", "reason", "grund"}},
	{"version", "Version", tabular.Text, false, []string{"etag"}},
}

// stateNames are what headers call the columns, by field; a table of other origin may have the regional key.
var stateNames = func() map[string][]string {
	names := map[string][]string{"ars": {"regionalschluessel", "amtlicher_regionalschluessel"}}
	for _, c := range stateColumns {
		names[c.field] = append([]string{c.title}, c.names...)
	}
	return names
}()

// phaseWords are the phases as tables spell them, the one that the export writes first.
var phaseWords = map[municipalityv1.Implementation_Phase][]string{
	municipalityv1.Implementation_PHASE_OPEN:           {"offen", "open", "nicht begonnen", "nein", "false", "falsch"},
	municipalityv1.Implementation_PHASE_PLANNED:        {"in Planung", "Planung", "geplant", "planned"},
	municipalityv1.Implementation_PHASE_IN_PROGRESS:    {"in Bearbeitung", "Bearbeitung", "in Umsetzung", "begonnen", "in progress"},
	municipalityv1.Implementation_PHASE_ONLINE:         {"online", "umgesetzt", "online (umgesetzt)", "ja", "true", "wahr", "x"},
	municipalityv1.Implementation_PHASE_NOT_APPLICABLE: {"nicht zutreffend", "entfällt", "not applicable"},
	municipalityv1.Implementation_PHASE_UNSPECIFIED:    {"", "unspecified"},
}

// priorityWords are the priorities as tables spell them, the one that the export writes first.
var priorityWords = map[municipalityv1.Implementation_Priority][]string{
	municipalityv1.Implementation_PRIORITY_LOW:         {"niedrig", "gering", "low"},
	municipalityv1.Implementation_PRIORITY_MEDIUM:      {"mittel", "medium"},
	municipalityv1.Implementation_PRIORITY_HIGH:        {"hoch", "high"},
	municipalityv1.Implementation_PRIORITY_UNSPECIFIED: {"", "nicht festgelegt", "keine", "unspecified"},
}

// words reads words of one kind; texts that occurred before cost no more than a look.
type words[T ~int32] struct {
	prefix string // of the names in the contract
	known  map[string]T
}

// newWords makes the words of a kind, in the form in which they are compared.
func newWords[T ~int32](prefix string, spellings map[T][]string) words[T] {
	w := words[T]{prefix, map[string]T{}}
	for value, all := range spellings {
		for _, s := range all {
			w.known[tabular.NormalizeHeader(s)] = value
		}
	}
	return w
}

func (w words[T]) read(text string) (T, bool) {
	if value, ok := w.known[text]; ok {
		return value, true
	}
	value, ok := w.known[strings.TrimPrefix(tabular.NormalizeHeader(text), w.prefix)]
	if ok {
		w.known[text] = value
	}
	return value, ok
}

// plainText is a text as every table can hold it: what Excel changes when it saves a file makes no difference.
func plainText(s string) string {
	if isSimple(s) {
		return s
	}
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\uFFFE' || r == '\uFFFF' || r < ' ' && r != '\n' && r != '\t' || r >= 0x7F && r < 0xA0:
			return -1
		}
		return r
	}, strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\r\n", "\n"))
	if s = strings.TrimSpace(s); tabular.CleanText(s) == "" {
		return ""
	}
	return s
}

// isSimple is the common case in which plainText has nothing to do: printable ASCII without blanks at the ends and entities.
func isSimple(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] >= utf8.RuneSelf-1 || s[i] == '&' {
			return false
		}
	}
	return s == "" || s[0] != ' ' && s[len(s)-1] != ' '
}

// readDay reads a day as people and spreadsheets write it: 31.03.2027, 31.3.27, 2027-03-31 (with a time of day of zero), and the number
// that Excel has for it. It answers "2027-03-31".
func readDay(s string) (string, bool) {
	s = strings.TrimSuffix(strings.TrimSuffix(s, " 00:00:00"), "T00:00:00")
	if n, err := strconv.Atoi(s); err == nil && len(s) == 5 {
		return time.Date(1899, 12, 30+n, 0, 0, 0, 0, time.UTC).Format(time.DateOnly), true
	}
	if len(s) == len(time.DateOnly) && s[4] == '-' {
		return s, isDay(s)
	}
	parts := strings.Split(s, ".")
	if len(parts) != 3 {
		return "", false
	}
	var n [3]int
	for i, part := range parts {
		var err error
		if n[i], err = strconv.Atoi(strings.TrimSpace(part)); err != nil || len(part) > 5 {
			return "", false
		}
	}
	if n[2] >= 0 && len(strings.TrimSpace(parts[2])) <= 2 {
		n[2] += 2000
	}
	iso := fmt.Sprintf("%04d-%02d-%02d", n[2], n[1], n[0])
	return iso, isDay(iso)
}

// readModel reads a maturity model: "1.1", "Modell 1.1", "1,1", and the 2 that is left of 2.0.
func readModel(s string) (string, bool) {
	s = strings.TrimSpace(strings.TrimPrefix(strings.TrimPrefix(s, "Reifegrad"), "Modell"))
	s = strings.ReplaceAll(s, ",", ".")
	if s == "2" {
		s = "2.0"
	}
	return s, s == "1.1" || s == "2.0"
}

// readLevel reads a level: "3", "Stufe 3", "3 Online-Leistung", and with the model "3 (1.1)".
func readLevel(s string) (level int32, model string, ok bool) {
	s = strings.TrimSpace(strings.TrimPrefix(s, "Stufe"))
	if before, rest, has := strings.Cut(s, "("); has {
		inside, _, closed := strings.Cut(rest, ")")
		if model, ok = readModel(inside); !ok || !closed {
			return 0, "", false
		}
		s = strings.TrimSpace(before)
	}
	number, name, _ := strings.Cut(s, " ")
	n, err := strconv.ParseInt(number, 10, 32)
	if err != nil || n < 0 || strings.ContainsAny(name, "0123456789") {
		return 0, "", false
	}
	return int32(n), model, true
}

// readCases reads a number of cases: "1200", "1.200", "1200,0".
func readCases(s string) (int64, bool) {
	for _, zeros := range []string{",0", ",00", ".0", ".00"} {
		s = strings.TrimSuffix(s, zeros)
	}
	return parseCount(s)
}

// readServiceID reads the key of a public service: 14 digits, 13 where a spreadsheet ate the leading zero, which restored
// reports, or the id of a service without a key. Blanks between digits are passed over.
func readServiceID(s string) (id string, restored, ok bool) {
	id = strings.ReplaceAll(strings.TrimPrefix(s, publicServices), " ", "")
	if len(id) == 13 && allDigits(id) {
		id, restored = "0"+id, true
	}
	return id, restored, isServiceID(id)
}
