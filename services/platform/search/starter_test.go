package search

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// table reads a file with a header below the root of the workspace, a map a row, or skips the test.
func table(tb testing.TB, path ...string) []map[string]string {
	tb.Helper()
	file, err := os.Open(filepath.Join(append([]string{workspace()}, path...)...))
	if err != nil {
		tb.Skipf("%s is missing", filepath.Join(path...))
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil {
		tb.Fatal(err)
	}
	list := make([]map[string]string, len(rows)-1)
	for i, row := range rows[1:] {
		list[i] = make(map[string]string, len(row))
		for j, cell := range row {
			list[i][rows[0][j]] = cell
		}
	}
	return list
}

// starter makes the documents of the starter data as the catalogue makes them: the OZG service among the keywords, its
// situation and theme in the body.
func starter(tb testing.TB) []Document {
	tb.Helper()
	ozg := byColumn(table(tb, "cmd", "kompass", "starter", "ozg_services.csv"), "ozg_id")
	var docs []Document
	for _, row := range table(tb, "cmd", "kompass", "starter", "public_services.csv") {
		of := ozg[row["ozg_id"]]
		docs = append(docs, Document{
			ID: "publicServices/" + row["leika_key"], Title: row["name"],
			Keywords: append(strings.Split(row["keywords"], ";"), row["legal_basis"], row["ozg_id"], of["name"]),
			Body:     row["summary"] + " " + of["situation"] + " " + of["theme"],
		})
	}
	return docs
}

// published makes the documents of the real files likewise.
func published(tb testing.TB) []Document {
	tb.Helper()
	ozg := byColumn(table(tb, "..", "shared", "data", "ozg_leistungen.csv"), "ozg_id")
	var docs []Document
	for _, row := range table(tb, "..", "shared", "data", "leika_leistungen.csv") {
		of := ozg[row["ozg_id"]]
		docs = append(docs, Document{
			ID: "publicServices/" + row["leika_key"], Title: row["name"],
			Keywords: append(strings.Split(row["law_shortcuts"], ";"), row["ozg_id"], of["name"]),
			Body:     of["lage"] + " " + of["themenfeld"],
		})
	}
	return docs
}

func byColumn(rows []map[string]string, column string) map[string]map[string]string {
	by := make(map[string]map[string]string, len(rows))
	for _, row := range rows {
		by[row[column]] = row
	}
	return by
}
