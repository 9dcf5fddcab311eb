// Package tabular reads what administrations send as a table (CSV in any of the dialects Excel writes, or XLSX) and
// writes tables that survive Excel. It bounds time and memory before it trusts a byte, and names the line of whatever is wrong.
// It must never guess in silence: a damaged or truncated file is an error, not a shorter table.
package tabular
