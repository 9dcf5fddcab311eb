package tabular

import (
	"bytes"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
)

// foreign are files people send instead of a table, by how they begin.
var foreign = []struct{ magic, de, en string }{
	{"\xD0\xCF\x11\xE0", "Das ist eine alte Excel-Datei (.xls) oder eine mit Kennwort geschützte; bitte als .xlsx ohne Kennwort speichern.",
		"This is an old Excel file (.xls) or one protected by a password; please save it as .xlsx without password."},
	{"%PDF", "Das ist ein PDF, keine Tabelle.", "This is a PDF, not a table."},
	{"<", "Das ist XML oder HTML, keine Tabelle.", "This is XML or HTML, not a table."},
	{"{", "Das ist JSON, keine Tabelle.", "This is JSON, not a table."},
	{"\x1F\x8B", "Das ist ein gepacktes Archiv, keine Tabelle.", "This is a compressed archive, not a table."},
}

// decode finds the encoding of a text file and returns its text without byte order mark.
func decode(data []byte) (text, name string, err *Error) {
	for _, f := range foreign {
		if bytes.HasPrefix(bytes.TrimLeft(data, " \t\r\n\xEF\xBB\xBF"), []byte(f.magic)) {
			return "", "", &Error{Reason: NotATable, Message: f.de, English: f.en}
		}
	}
	switch {
	case bytes.HasPrefix(data, []byte("\xEF\xBB\xBF")):
		text, name = string(data[3:]), "UTF-8-BOM"
		if !utf8.ValidString(text) {
			return "", "", brokenUTF8(data)
		}
	case bytes.HasPrefix(data, []byte("\xFF\xFE")):
		text, name, err = decodeUTF16(data, unicode.LittleEndian, "UTF-16LE")
	case bytes.HasPrefix(data, []byte("\xFE\xFF")):
		text, name, err = decodeUTF16(data, unicode.BigEndian, "UTF-16BE")
	case utf8.Valid(data):
		text, name = string(data), "UTF-8"
	default:
		text, name, err = decodeWindows(data)
	}
	if err != nil {
		return "", "", err
	}
	return text, name, refuseBinary(text)
}

// refuseBinary rejects text with control characters that no table program writes.
func refuseBinary(text string) *Error {
	for i := 0; i < len(text); i++ {
		if c := text[i]; c < ' ' && c != '\t' && c != '\n' && c != '\r' && c != '\f' && c != '\v' {
			return fail(NotATable, lineAt(text[:i]), "Die Datei enthält Binärdaten (Zeichen 0x%02X), sie ist keine Texttabelle.",
				"The file holds binary data (byte 0x%02X), it is no text table.", c)
		}
	}
	return nil
}

func decodeUTF16(data []byte, order unicode.Endianness, name string) (string, string, *Error) {
	if len(data)%2 != 0 {
		return "", "", fail(Truncated, 0, "Die Datei endet mitten in einem Zeichen (%s).", "The file ends inside a character (%s).", name)
	}
	text, err := unicode.UTF16(order, unicode.ExpectBOM).NewDecoder().Bytes(data)
	if err != nil || bytes.ContainsRune(text, utf8.RuneError) {
		return "", "", fail(BadEncoding, 0, "Die Datei ist kein gültiges %s.", "The file is no valid %s.", name)
	}
	return string(text), name, nil
}

// decodeWindows takes data that is not UTF-8. A file that is mostly UTF-8 is not taken for Windows-1252, or every
// umlaut would turn into two wrong letters.
func decodeWindows(data []byte) (string, string, *Error) {
	good, bad := countMultibyte(data)
	if good > bad {
		return "", "", brokenUTF8(data)
	}
	for i, c := range data {
		switch c {
		case 0x81, 0x8D, 0x8F, 0x90, 0x9D:
			return "", "", fail(BadEncoding, lineAt(data[:i]), "Das Byte 0x%02X gibt es weder in UTF-8 noch in Windows-1252.",
				"The byte 0x%02X exists neither in UTF-8 nor in Windows-1252.", c)
		}
	}
	text, err := charmap.Windows1252.NewDecoder().Bytes(data)
	if err != nil {
		return "", "", fail(BadEncoding, 0, "Die Datei ist kein gültiges Windows-1252.", "The file is no valid Windows-1252.")
	}
	return string(text), "Windows-1252", nil
}

// countMultibyte counts the well-formed UTF-8 sequences beyond ASCII and the bytes that belong to none.
func countMultibyte(data []byte) (good, bad int) {
	for len(data) > 0 {
		if data[0] < utf8.RuneSelf {
			data = data[1:]
			continue
		}
		r, size := utf8.DecodeRune(data)
		if r == utf8.RuneError && size == 1 {
			bad++
		} else {
			good++
		}
		data = data[size:]
	}
	return good, bad
}

// brokenUTF8 names the first byte that does not fit, or says that the file ends in the middle of a character.
func brokenUTF8(data []byte) *Error {
	rest := data
	for len(rest) > 0 {
		r, size := utf8.DecodeRune(rest)
		if r == utf8.RuneError && size == 1 {
			break
		}
		rest = rest[size:]
	}
	line := lineAt(data[:len(data)-len(rest)])
	if !utf8.FullRune(rest) {
		return fail(Truncated, line, "Die Datei endet mitten in einem Zeichen.", "The file ends inside a character.")
	}
	return fail(BadEncoding, line, "Die Datei ist UTF-8, hier aber steht das fremde Byte 0x%02X.",
		"The file is UTF-8, but here stands the foreign byte 0x%02X.", rest[0])
}

// lineAt is the 1-based line of the character that follows before; "\r\n", "\n" and "\r" each end one line.
func lineAt[T string | []byte](before T) int {
	line := 1
	for i := 0; i < len(before); i++ {
		if before[i] == '\n' || before[i] == '\r' && (i+1 == len(before) || before[i+1] != '\n') {
			line++
		}
	}
	return line
}
