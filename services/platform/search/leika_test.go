package search

import (
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// realOrNone is leika for tests that have own documents too.
func realOrNone(tb testing.TB) []Document {
	tb.Helper()
	if _, err := os.Stat(leikaFile()); err != nil {
		tb.Log("the catalogue sample is missing")
		return nil
	}
	return leika(tb)
}

// workspace is the folder of go.work.
func workspace() string {
	dir, err := os.Getwd()
	for err == nil && dir != filepath.Dir(dir) {
		if _, missing := os.Stat(filepath.Join(dir, "go.work")); missing == nil {
			break
		}
		dir = filepath.Dir(dir)
	}
	return dir
}

// leikaFile is beside the folder of the workspace.
func leikaFile() string {
	return filepath.Join(workspace(), "..", "shared", "data", "leika_leistungen.csv")
}

// leika reads the real catalogue sample that lies beside the project, or skips the test.
func leika(tb testing.TB) []Document {
	tb.Helper()
	file, err := os.Open(leikaFile())
	if err != nil {
		tb.Skip("the catalogue sample ../shared/data/leika_leistungen.csv is missing")
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil {
		tb.Fatal(err)
	}
	docs := make([]Document, 0, len(rows))
	for i, row := range rows[1:] {
		id := row[0]
		if id == "" {
			id = fmt.Sprintf("ohne-%d", i)
		}
		docs = append(docs, Document{
			ID: "publicServices/" + id, Title: row[1], Keywords: []string{row[3], row[4], row[7]}, Body: row[6],
		})
	}
	return docs
}

// catalogue repeats the real rows, with another key and a suffix to the name, up to the size of a full catalogue.
func catalogue(tb testing.TB, n int) []Document {
	tb.Helper()
	real := leika(tb)
	suffixes := [...]string{"", " Änderung", " Verlängerung", " Widerruf für Betriebe"}
	docs := make([]Document, n)
	for i := range docs {
		docs[i] = real[i%len(real)]
		docs[i].ID = fmt.Sprintf("%s%d", docs[i].ID, i/len(real))
		docs[i].Title += suffixes[i/len(real)%len(suffixes)]
	}
	return docs
}
