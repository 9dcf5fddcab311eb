package tabular

import (
	"fmt"
	"slices"
)

// Columns says in which column of a table a canonical field stands.
type Columns struct {
	header  []string
	index   map[string]int
	ignored []string
}

// Map finds the columns of the canonical fields, given for each the names a header may use (compared by NormalizeHeader;
// the field's own name counts too). Two columns for one field are an *Error that names both; a field without column is none.
func (t *Table) Map(synonyms map[string][]string) (Columns, error) {
	fields, err := invert(synonyms)
	if err != nil {
		return Columns{}, err
	}
	c := Columns{header: t.Header, index: make(map[string]int, len(fields))}
	for i, name := range t.Header {
		field, known := fields[NormalizeHeader(name)]
		if !known {
			if !isBlank(name) {
				c.ignored = append(c.ignored, name)
			}
			continue
		}
		if first, taken := c.index[field]; taken {
			e := fail(DuplicateColumn, 0, "Die Spalten „%s“ und „%s“ bedeuten beide %s.", "The columns %q and %q both mean %s.",
				t.Header[first], name, field)
			e.Column = name
			return Columns{}, e
		}
		c.index[field] = i
	}
	return c, nil
}

// invert maps each normalised name to its field; one name for two fields is a mistake in the program.
func invert(synonyms map[string][]string) (map[string]string, error) {
	fields := make(map[string]string, 4*len(synonyms))
	for field, names := range synonyms {
		for _, name := range append([]string{field}, names...) {
			key := NormalizeHeader(name)
			if other, taken := fields[key]; taken && other != field {
				return nil, fmt.Errorf("tabular: column name %q is listed for %s and %s", name, min(field, other), max(field, other))
			}
			fields[key] = field
		}
	}
	return fields, nil
}

// Has reports whether the table has a column for the field.
func (c Columns) Has(field string) bool {
	_, ok := c.index[field]
	return ok
}

// Name is the field's column as the header writes it, for messages; the field itself when there is no such column.
func (c Columns) Name(field string) string {
	if i, ok := c.index[field]; ok {
		return c.header[i]
	}
	return field
}

// Value is the field's cell in r, cleaned by CleanText; "" without such a column.
func (c Columns) Value(r Row, field string) string { return CleanText(c.Raw(r, field)) }

// Raw is the field's cell in r as the file has it; "" without such a column.
func (c Columns) Raw(r Row, field string) string {
	if i, ok := c.index[field]; ok && i < len(r.Cells) {
		return r.Cells[i]
	}
	return ""
}

// Ignored lists the named columns no field asked for, as written, in the order of the file.
func (c Columns) Ignored() []string { return slices.Clone(c.ignored) }
