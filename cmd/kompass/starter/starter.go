// Package starter holds the starter data of Kompass: facts about the krz area (places, OZG and LeiKa services, who owes
// them) and a clearly marked example state, as CSV files embedded in the binary. "kompass serve --demo" loads them through
// the ordinary import API, so they pass the same checks as anybody's file. It must never hold code that bends those checks,
// personal data, or a figure presented as real that nobody measured; README.md says where every column comes from.
package starter

import "embed"

// FS holds the files at its root, named as in README.md: UTF-8 without BOM, comma, one header row, LF, sorted by key.
//
//go:embed *.csv
var FS embed.FS
