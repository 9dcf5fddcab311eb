package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"google.golang.org/genproto/googleapis/rpc/errdetails"

	cataloguev1 "kompass.krz.de/proto/kompass/catalogue/v1"
	commonv1 "kompass.krz.de/proto/kompass/common/v1"
	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
	"kompass.krz.de/services/platform/fault"
	"kompass.krz.de/services/platform/identity"
)

// importCommand sends files to a running platform.
type importCommand struct {
	Files        []string `arg:"" name:"file" help:"Files: CSV, XLSX, XZuFi 2.2, GeoJSON or publiccode.yml, of the catalogue, municipalities, implementation states as exported, or offers. Which table a file holds follows from its header." type:"existingfile"`
	Grpc         string   `help:"Address of the platform's gRPC port." default:"127.0.0.1:9090" placeholder:"ADDR"`
	Data         string   `help:"Data directory, for the key in admin.token." default:"data" placeholder:"DIR"`
	TokenFile    string   `help:"File with the key, instead of DIR/admin.token." placeholder:"FILE"`
	Format       string   `help:"Format of the files; found out from the content when not given." enum:",csv,xlsx,xzufi,geojson,publiccode" default:""`
	Offers       bool     `help:"Take the online services of XZuFi deliveries as offers, instead of their public services."`
	Provider     string   `help:"Who offers what the files of offers name no provider for." placeholder:"providers/ID"`
	Scope        string   `help:"Whether a file is the whole table or a part of it." enum:",complete,partial" default:""`
	ValidateOnly bool     `help:"Only check, change nothing."`
	Force        bool     `help:"Take a file that shrinks the catalogue by more than 20 %, and implementation states on outdated versions."`
	Quiet        bool     `help:"Print no single findings."`
}

// importTimeout bounds the import of one file.
const importTimeout = 5 * time.Minute

// Run imports the files one after the other and stops at the first that is refused.
func (c *importCommand) Run(ctx context.Context) error {
	key, err := readKey(c.Data, c.TokenFile)
	if err != nil {
		return &exitError{exitUsage, err}
	}
	conn, err := dial(c.Grpc)
	if err != nil {
		return &exitError{exitUsage, err}
	}
	defer conn.Close()
	ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+key)
	bar := newProgress(len(c.Files), "import")
	defer bar.finish()
	for _, path := range c.Files {
		bar.describe(filepath.Base(path))
		report, err := c.send(ctx, conn, path)
		bar.clear()
		if report != nil {
			printReport(os.Stdout, path, report, c.Quiet)
		}
		if err != nil {
			return refusal(c.Grpc, path, err)
		}
		if n := errorCount(report); n > 0 { // with --validate-only, which is answered and not refused
			return &exitError{exitRefused, fmt.Errorf("%s: would be refused: %d errors", path, n)}
		}
		bar.add(1)
	}
	return nil
}

// readKey is the key in a file, or in that of a data directory.
func readKey(data, path string) (string, error) {
	if path == "" {
		path = filepath.Join(data, identity.TokenFile)
	}
	key, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("the key is needed: %w", err)
	}
	return strings.TrimSpace(string(key)), nil
}

func (c *importCommand) send(ctx context.Context, conn grpc.ClientConnInterface, path string) (*commonv1.ImportReport, error) {
	ctx, cancel := context.WithTimeout(ctx, importTimeout)
	defer cancel()
	file, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var report *commonv1.ImportReport
	imports, target := c.imports(ctx, conn, file), c.likely(path, file)
	for range len(imports) { // a file that belongs elsewhere says where
		call := imports[target]
		if call == nil {
			break
		}
		if report, err = call(); err == nil {
			break
		}
		target = belongs(err)
	}
	if err != nil && report == nil {
		report = detail[*commonv1.ImportReport](err)
	}
	return report, err
}

// imports are the imports of a platform, by the path that the server names.
func (c *importCommand) imports(ctx context.Context, conn grpc.ClientConnInterface, file []byte) map[string]func() (*commonv1.ImportReport, error) {
	format := commonv1.FileFormat(commonv1.FileFormat_value["FILE_FORMAT_"+strings.ToUpper(c.Format)])
	large := grpc.MaxCallSendMsgSize(len(file) + 4096)
	return map[string]func() (*commonv1.ImportReport, error){
		toCatalogue: func() (*commonv1.ImportReport, error) {
			return cataloguev1.NewCatalogueServiceClient(conn).ImportCatalogue(ctx, &cataloguev1.ImportCatalogueRequest{
				File: file, Format: format, ValidateOnly: c.ValidateOnly, Force: c.Force,
				Scope: cataloguev1.ImportScope(cataloguev1.ImportScope_value["IMPORT_SCOPE_"+strings.ToUpper(c.Scope)]),
			}, large)
		},
		toMunicipalities: func() (*commonv1.ImportReport, error) {
			return municipalityv1.NewMunicipalityServiceClient(conn).ImportMunicipalities(ctx, &municipalityv1.ImportMunicipalitiesRequest{
				File: file, Format: format, ValidateOnly: c.ValidateOnly,
			}, large)
		},
		"municipalities/-/implementations:import": func() (*commonv1.ImportReport, error) {
			return municipalityv1.NewMunicipalityServiceClient(conn).ImportImplementations(ctx, &municipalityv1.ImportImplementationsRequest{
				Parent: "municipalities/-", File: file, Format: format, ValidateOnly: c.ValidateOnly, Force: c.Force,
			}, large)
		},
		toOffers: func() (*commonv1.ImportReport, error) {
			return marketplacev1.NewMarketplaceServiceClient(conn).ImportSolutions(ctx, &marketplacev1.ImportSolutionsRequest{
				File: file, Format: format, ValidateOnly: c.ValidateOnly, Provider: c.Provider,
			}, large)
		},
	}
}

// The imports that a file is tried with first.
const (
	toCatalogue      = "catalogue:import"
	toMunicipalities = "municipalities:import"
	toOffers         = "solutions:import"
)

// likely is the import to try first; the others follow from what it answers.
func (c *importCommand) likely(path string, file []byte) string {
	switch extension := strings.ToLower(filepath.Ext(path)); {
	case c.Offers, c.Format == "publiccode", c.Format == "" && (extension == ".yml" || extension == ".yaml"):
		return toOffers
	case c.Format == "geojson", bytes.HasPrefix(bytes.TrimSpace(file), []byte("{")):
		return toMunicipalities
	}
	return toCatalogue
}

// belongs is the import that a refused file is one for, as the server names it; empty for any other error. A delivery of
// which the catalogue uses nothing may have online services.
func belongs(err error) string {
	info := detail[*errdetails.ErrorInfo](err)
	switch {
	case info.GetReason() == fault.ImportElsewhere.Name:
		return info.GetMetadata()["path"]
	case info.GetReason() == fault.ImportUnused.Name && strings.Contains(info.GetMetadata()["objects"], "onlinedienst"):
		return toOffers
	}
	return ""
}

// detail finds a detail of a status.
func detail[T any](err error) (found T) {
	for _, d := range status.Convert(err).Details() {
		if t, ok := d.(T); ok {
			return t
		}
	}
	return found
}

// errorCount counts the findings that stop an import, as far as the report lists them.
func errorCount(r *commonv1.ImportReport) int {
	n := 0
	for _, i := range r.GetIssues() {
		if i.GetSeverity() == commonv1.ImportIssue_SEVERITY_ERROR {
			n++
		}
	}
	return n
}

// refusal says in words why a file did not go in.
func refusal(addr, path string, err error) error {
	code, text := status.Code(err), status.Convert(err).Message()
	if code == codes.Unavailable && detail[*errdetails.ErrorInfo](err) == nil {
		return fmt.Errorf("%s: no platform answers at %s", path, addr)
	}
	if message := detail[*errdetails.LocalizedMessage](err); message != nil {
		text = message.GetMessage()
	}
	for _, v := range detail[*errdetails.BadRequest](err).GetFieldViolations() {
		text += "\n  " + v.GetField() + ": " + v.GetDescription()
	}
	switch code {
	case codes.InvalidArgument, codes.FailedPrecondition, codes.ResourceExhausted:
		return &exitError{exitRefused, fmt.Errorf("%s: refused: %s", path, text)}
	}
	return fmt.Errorf("%s: %s", path, text)
}

// counted says a number with its noun, "1 row" or "2 rows".
func counted(n int32, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func printReport(w io.Writer, path string, r *commonv1.ImportReport, quiet bool) {
	table := strings.ToLower(strings.TrimPrefix(r.GetTable().String(), "TABLE_"))
	fmt.Fprintf(w, "%s: %s, %s: %d added, %d changed, %d withdrawn, %d unchanged", path, table, counted(r.GetRows(), "row"), r.GetAdded(), r.GetChanged(), r.GetWithdrawn(), r.GetUnchanged())
	if r.GetRevision() > 0 {
		fmt.Fprintf(w, ", revision %d", r.GetRevision())
	}
	if r.GetRepeated() {
		fmt.Fprint(w, ", schon früher übernommen (repeated request)")
	}
	if r.GetIssueCount() > 0 {
		fmt.Fprintf(w, ", %s", counted(r.GetIssueCount(), "finding"))
	}
	if ignored := r.GetIgnoredColumns(); len(ignored) > 0 {
		fmt.Fprintf(w, ", columns not used: %s", strings.Join(ignored, ", "))
	}
	fmt.Fprintln(w)
	if quiet {
		return
	}
	for _, i := range r.GetIssues() {
		severity := strings.ToLower(strings.TrimPrefix(i.GetSeverity().String(), "SEVERITY_"))
		place := path
		if i.GetLine() > 0 {
			place = fmt.Sprintf("%s:%d", path, i.GetLine())
		}
		fmt.Fprintf(w, "%s: %s: %s", place, severity, i.GetReason())
		if i.GetColumn() != "" {
			fmt.Fprintf(w, " [%s=%q]", i.GetColumn(), i.GetValue())
		}
		fmt.Fprintf(w, ": %s\n", i.GetMessageDe())
	}
}
