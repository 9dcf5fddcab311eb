package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const root = "../.."

// TestImportBorders holds the house together: who may know whom.
func TestImportBorders(t *testing.T) {
	t.Parallel()
	const module = "kompass.krz.de/"
	services := []string{"catalogue", "municipality", "marketplace", "notification"}
	for file, imports := range importsOf(t, "proto", "services", "gateway", "cmd") {
		dir := filepath.ToSlash(filepath.Dir(file))
		for _, path := range imports {
			kompass, ours := strings.CutPrefix(path, module)
			if strings.HasPrefix(dir, "proto/") && ours && !strings.HasPrefix(kompass, "proto/") {
				t.Errorf("%s imports %s: the contract stands on its own", file, path)
			}
			if strings.HasPrefix(dir, "gateway") && ours && strings.HasPrefix(kompass, "services/") {
				t.Errorf("%s imports %s: the gateway knows the contract alone", file, path)
			}
			if strings.HasPrefix(path, "github.com/nats-io/nats.go/jetstream") || strings.Contains(path, "jetstreamext") {
				if dir != "services/platform/ledger" && dir != "services/platform/journal" {
					t.Errorf("%s imports %s: only ledger and journal know JetStream", file, path)
				}
			}
			for _, other := range services {
				if within(kompass, "services/"+other) && strings.HasPrefix(dir, "services/") && !within(dir, "services/"+other) {
					t.Errorf("%s imports %s: services share the contract and the platform, not each other", file, path)
				}
			}
		}
	}
}

func within(path, dir string) bool { return path == dir || strings.HasPrefix(path, dir+"/") }

// importsOf lists the imports of all Go files below some folders of the project, tests left out, by path.
func importsOf(t *testing.T, folders ...string) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	for _, folder := range folders {
		err := filepath.WalkDir(filepath.Join(root, folder), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			parsed, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
			if err != nil {
				return err
			}
			rel, err := filepath.Rel(root, path)
			for _, i := range parsed.Imports {
				name, _ := strconv.Unquote(i.Path.Value)
				found[rel] = append(found[rel], name)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(found) < 50 || !slices.ContainsFunc(found["services/platform/ledger/stream.go"], func(p string) bool { return strings.HasSuffix(p, "/jetstream") }) {
		t.Fatalf("only %d files found: the walk is wrong", len(found))
	}
	return found
}
