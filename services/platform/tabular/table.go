package tabular

import "bytes"

// Format is the kind of file a table comes in.
type Format string

// The formats; Auto decides by content.
const (
	Auto Format = ""
	CSV  Format = "CSV"
	XLSX Format = "XLSX"
)

// Options bound what a file may cost; a zero value means the default named beside it.
type Options struct {
	Format          Format // Auto
	MaxBytes        int64  // of the file: 64 MiB
	MaxUncompressed int64  // of all parts of an XLSX: 256 MiB
	MaxRows         int    // below the header: 200,000
	MaxColumns      int    // 512
	MaxCells        int    // rows times columns as stored: 8 million
	MaxCell         int    // bytes of one cell: 1 MiB
	// Accept tells whether a record is the header of a table that the caller knows. With it the header is looked for among
	// the first ten records of a sheet, and in the first visible sheet that has one; without it the first record counts.
	Accept func(header []string) bool
}

func (o Options) withDefaults() Options {
	fill(&o.MaxBytes, 64<<20)
	fill(&o.MaxUncompressed, 256<<20)
	fill(&o.MaxRows, 200_000)
	fill(&o.MaxColumns, 512)
	fill(&o.MaxCells, 8_000_000)
	fill(&o.MaxCell, 1<<20)
	return o
}

func fill[N int | int64](n *N, value N) {
	if *n <= 0 {
		*n = value
	}
}

// Table is a whole file in memory. Cells are as written, apart from the file format's own escapes.
type Table struct {
	Format    Format
	Encoding  string   // "UTF-8", "UTF-8-BOM", "Windows-1252", "UTF-16LE", "UTF-16BE"; empty for XLSX
	Separator rune     // of a CSV; 0 for XLSX
	Sheet     string   // name of the sheet that was read; empty for CSV
	Unread    []string // other visible sheets that hold a known table too; only with Options.Accept
	First     bool     // nothing but empty rows and sheets stands above the header
	Line      int      // of the header, counted as in Row
	Header    []string
	Rows      []Row // without rows that are empty; at least one
}

// Row is one record; Cells has the length of the header.
type Row struct {
	Line  int // 1-based physical line at which the record starts; the row number for XLSX
	Cells []string
}

// Read turns a file into a table or says why it is none; every error is an *Error.
// The cells share memory: clone what is to outlive the table.
func Read(data []byte, opts Options) (*Table, error) {
	opts = opts.withDefaults()
	if int64(len(data)) > opts.MaxBytes {
		return nil, fail(TooLarge, 0, "Die Datei hat mehr als %d Bytes.", "The file has more than %d bytes.", opts.MaxBytes)
	}
	if len(bytes.TrimSpace(data)) == 0 {
		return nil, fail(Empty, 0, "Die Datei ist leer.", "The file is empty.")
	}
	if opts.Format == Auto {
		opts.Format = sniff(data)
	}
	var table *Table
	var err *Error
	switch opts.Format {
	case XLSX:
		table, err = readXLSX(data, opts)
	case CSV:
		table, err = readCSV(data, opts)
	default:
		err = fail(NotATable, 0, "Das Format „%s“ ist unbekannt.", "The format %q is unknown.", opts.Format)
	}
	if err != nil {
		return nil, err
	}
	return table, nil
}

func sniff(data []byte) Format {
	if bytes.HasPrefix(data, []byte("PK\x03\x04")) || bytes.HasPrefix(data, []byte("PK\x05\x06")) {
		return XLSX
	}
	return CSV
}
