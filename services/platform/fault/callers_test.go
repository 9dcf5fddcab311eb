package fault

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestCallersFillWhatTheTextsNeed reads every call of New in the services and compares the keys it gives with the
// placeholders of the reason's texts.
func TestCallersFillWhatTheTextsNeed(t *testing.T) {
	t.Parallel()
	needs := placeholdersOf(t)
	found, files := 0, token.NewFileSet()
	err := filepath.WalkDir("../..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			reason, keys := faultCall(n)
			if reason == "" {
				return true
			}
			found++
			for _, placeholder := range needs[reason] {
				if !keys[placeholder] {
					t.Errorf("%s: fault.New(fault.%s) leaves {%s} unfilled", files.Position(n.Pos()), reason, placeholder)
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if found < 60 {
		t.Errorf("only %d calls found", found)
	}
}

// placeholdersOf reads the table as it stands in the source: the placeholders by the name of the variable.
func placeholdersOf(t *testing.T) map[string][]string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "reasons.go", nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	needs := map[string][]string{}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		call, _ := spec.Values[0].(*ast.CallExpr)
		german, _ := call.Args[2].(*ast.BasicLit)
		for _, match := range regexp.MustCompile(`\{(\w+)\}`).FindAllStringSubmatch(german.Value, -1) {
			needs[spec.Names[0].Name] = append(needs[spec.Names[0].Name], match[1])
		}
		return false
	})
	if len(needs) < 8 {
		t.Fatalf("only %d reasons with placeholders: %v", len(needs), needs)
	}
	return needs
}

// faultCall reads fault.New(fault.Reason, "key", value, …); the reason is empty for everything else.
func faultCall(n ast.Node) (reason string, keys map[string]bool) {
	call, ok := n.(*ast.CallExpr)
	if !ok || len(call.Args) == 0 || selected(call.Fun) != "New" {
		return "", nil
	}
	keys = map[string]bool{}
	for i := 1; i < len(call.Args); i += 2 {
		if literal, ok := call.Args[i].(*ast.BasicLit); ok {
			key, _ := strconv.Unquote(literal.Value)
			keys[key] = true
		}
	}
	return selected(call.Args[0]), keys
}

// selected is Name of the expression fault.Name.
func selected(e ast.Expr) string {
	if s, ok := e.(*ast.SelectorExpr); ok {
		if p, ok := s.X.(*ast.Ident); ok && p.Name == "fault" {
			return s.Sel.Name
		}
	}
	return ""
}
