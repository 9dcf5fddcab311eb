package catalogue

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	commonv1 "kompass.krz.de/proto/kompass/common/v1"
	"kompass.krz.de/services/platform/fault"
	"kompass.krz.de/services/platform/importreport"
	"kompass.krz.de/services/platform/tabular"
	"kompass.krz.de/services/platform/xzufi"
)

// maxFile is the largest file that an import takes, in bytes; the contract says the same.
const maxFile = 64 << 20

// read turns a file into entries. Errors are faults: ImportEmpty, ImportUnreadable, TooLarge. Bad rows are no errors but
// issues of what it returns.
func read(file []byte, format commonv1.FileFormat) (*imported, error) {
	switch {
	case len(file) > maxFile:
		return nil, fault.New(fault.TooLarge, "limit", "64 MiB")
	case format == commonv1.FileFormat_FILE_FORMAT_GEOJSON:
		return nil, unreadable("Grenzen (GeoJSON) gehören nach municipalities:import.", "Boundaries (GeoJSON) belong to municipalities:import.")
	case format == commonv1.FileFormat_FILE_FORMAT_PUBLICCODE:
		return nil, fault.New(fault.ImportElsewhere, "table", "publiccode.yml", "path", "solutions:import").
			Field("file", "Ein publiccode.yml gehört nach solutions:import.", "A publiccode.yml belongs to solutions:import.")
	case format == commonv1.FileFormat_FILE_FORMAT_XZUFI, format == commonv1.FileFormat_FILE_FORMAT_UNSPECIFIED && looksLikeXML(file):
		return readDelivery(file)
	}
	table, err := tabular.Read(file, tabular.Options{Format: tableFormat(format), MaxBytes: maxFile, Accept: known})
	if err != nil {
		return nil, tableFault(err)
	}
	l, err := recognise(table.Header)
	if err != nil {
		return nil, err
	}
	columns, err := table.Map(l.columns)
	if err != nil {
		return nil, tableFault(err)
	}
	return readTable(table, l, columns), nil
}

func readTable(table *tabular.Table, l *layout, columns tabular.Columns) *imported {
	in := &imported{
		Findings: importreport.OfTable(l.table, table, columns), columns: columns,
		spoken: spokenFields(l, columns), entries: make([]row, 0, len(table.Rows)),
	}
	in.tellHeader(table)
	r := &rowReader{imported: in, seen: make(map[string]int, len(table.Rows))}
	for i := range table.Rows {
		r.at = &table.Rows[i]
		l.read(r)
	}
	return in
}

// tellHeader says where the table was found when that is not where everybody would look, and what was left unread.
func (in *imported) tellHeader(table *tabular.Table) {
	if !table.First {
		in.Info(importreport.Spot{Line: table.Line, Value: table.Sheet}, "HEADER_FOUND",
			strings.TrimSpace("Die Kopfzeile steht in dieser Zeile; was darüber steht, wurde übergangen. "+inSheet("Gelesen wurde das Blatt „%s“.", table.Sheet)),
			strings.TrimSpace("The header stands in this line; what stands above it was passed over. "+inSheet("The sheet %s was read.", table.Sheet)))
	}
	for _, sheet := range table.Unread {
		in.Warn(importreport.Spot{Value: sheet}, "SHEET_NOT_READ",
			fmt.Sprintf("Das Blatt „%s“ enthält auch eine Tabelle; gelesen wurde nur das Blatt „%s“.", sheet, table.Sheet),
			fmt.Sprintf("The sheet %s holds a table too; only the sheet %s was read.", sheet, table.Sheet))
	}
}

func inSheet(text, sheet string) string {
	if sheet == "" {
		return ""
	}
	return fmt.Sprintf(text, sheet)
}

// spokenFields are the fields that the columns of the file fill; an absent column says nothing about its field.
func spokenFields(l *layout, columns tabular.Columns) []protoreflect.FieldDescriptor {
	k := kindOf(l.table)
	if k == nil {
		return nil
	}
	spoken := map[string]bool{"display_name": true, "leika_key": true, "procedure": true, "ozg_id": true, "code": true}
	for column, fields := range l.speaks {
		for _, field := range fields {
			spoken[field] = spoken[field] || columns.Has(column)
		}
	}
	return k.only(spoken)
}

// only lists the content fields of a kind that are wanted.
func (k *kind) only(wanted map[string]bool) []protoreflect.FieldDescriptor {
	var list []protoreflect.FieldDescriptor
	for _, fd := range k.content() {
		if wanted[string(fd.Name())] {
			list = append(list, fd)
		}
	}
	return list
}

// looksLikeXML tells a delivery from a table: after a byte order mark and white space there is a "<", in UTF-16 too.
func looksLikeXML(file []byte) bool {
	start := file[:min(len(file), 1024)]
	start = bytes.TrimPrefix(start, []byte("\xef\xbb\xbf"))
	start = bytes.TrimLeft(start, "\xff\xfe\x00 \t\r\n")
	return bytes.HasPrefix(start, []byte("<"))
}

func tableFormat(f commonv1.FileFormat) tabular.Format {
	switch f {
	case commonv1.FileFormat_FILE_FORMAT_CSV:
		return tabular.CSV
	case commonv1.FileFormat_FILE_FORMAT_XLSX:
		return tabular.XLSX
	}
	return tabular.Auto
}

// tableFault says why a table cannot be read.
func tableFault(err error) error {
	var e *tabular.Error
	if !errors.As(err, &e) {
		return fault.New(fault.Internal).Cause(err)
	}
	if e.Reason == tabular.Empty {
		return fault.New(fault.ImportEmpty).Cause(err)
	}
	if e.Reason == tabular.UnknownHeader {
		return unreadable(
			e.Message+" Bekannte Tabellen sind Themenfelder, Lagen, OZG-Leistungen, Leistungen, Verrichtungen und Zuständigkeiten.",
			e.English+" Known tables are themes, situations, OZG services, public services, procedures and relevance.").Cause(err)
	}
	report := &commonv1.ImportReport{IssueCount: 1, Issues: []*commonv1.ImportIssue{{
		Severity: commonv1.ImportIssue_SEVERITY_ERROR, Line: int32(e.Line), Column: e.Column, Reason: string(e.Reason), MessageDe: e.Message, MessageEn: e.English, // bounded by the file
	}}}
	return refusal(e.Line, e.Message, e.English).Detail(report).Cause(err)
}

func unreadable(de, en string) *fault.Error { return refusal(0, de, en) }

// refusal is an unreadable file, with the line that is to blame when one is.
func refusal(line int, de, en string) *fault.Error {
	if line > 0 {
		de, en = inLine("Zeile", line, de), inLine("line", line, en)
	}
	return fault.New(fault.ImportUnreadable).Field("file", de, en)
}

// deliveryFault says why a delivery cannot be read.
func deliveryFault(err error) error {
	var e *xzufi.Error
	if !errors.As(err, &e) {
		return fault.New(fault.Internal).Cause(err)
	}
	if e.Reason == xzufi.Empty {
		return fault.New(fault.ImportEmpty).Cause(err)
	}
	return refusal(e.Line, e.Message, e.English).Cause(err)
}
