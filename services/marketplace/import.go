package marketplace

import (
	"bytes"
	"context"
	"regexp"

	commonv1 "kompass.krz.de/proto/kompass/common/v1"
	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	"kompass.krz.de/services/platform/fault"
	"kompass.krz.de/services/platform/importreport"
	"kompass.krz.de/services/platform/ledger"
	"kompass.krz.de/services/platform/server"
)

// ImportSolutions imports a file of offers: all entries or none, by the rules that a single change is held to. With
// validate_only bad entries are answered, not refused.
func (s *Service) ImportSolutions(ctx context.Context, req *marketplacev1.ImportSolutionsRequest) (*commonv1.ImportReport, error) {
	cause, err := server.Cause(ctx, req, s.clock())
	if err != nil {
		return nil, err
	}
	file, err := readOffers(req.GetFile(), req.GetFormat(), day(cause.Time))
	if err != nil {
		return nil, err
	}
	if req.GetValidateOnly() {
		w, err := s.replica.Read()
		if err != nil {
			return nil, err
		}
		plan, err := s.planImport(w, cause, file, req.GetProvider())
		if err != nil {
			return nil, err
		}
		return plan.Preview(), nil
	}
	var plan *importPlan
	result, err := s.replica.Write(ctx, cause, func(w world) ([]ledger.Draft, error) {
		if plan, err = s.planImport(w, cause, file, req.GetProvider()); err != nil {
			return nil, err
		}
		return plan.drafts, plan.Refusal()
	})
	if err != nil {
		return nil, err
	}
	if result.Repeated { // it had its effect; the report compares with what has become of it
		if plan, err = s.planImport(result.State, cause, file, req.GetProvider()); err != nil {
			return nil, err
		}
		plan.Report.Repeated = true
	}
	return plan.Finish(), nil
}

// offerFile is a file of offers that was read, before anything is compared with what the marketplace holds.
type offerFile struct {
	*importreport.Findings
	offers []*importedOffer
	gone   []goneOffer
}

// importedOffer is one offer as a file has it.
type importedOffer struct {
	line       int
	externalID string                       // as a whole; empty in a table, where it follows from provider and id
	id         string                       // of a table's row
	says       *marketplacev1.Solution      // what the file says; coverage, provider and versions are in the fields below
	fields     []string                     // of the solution that the file speaks about, in the proto's spelling
	spots      map[string]importreport.Spot // where they stand: "url", "prices[1]"
	provider   string                       // as a table names it; the request's when empty
	covers     []coverLine
	version    *marketplacev1.SolutionVersion // the one that is out now; nil when the file says none
	nodes      int                            // of a publiccode.yml that were looked at for keys
	crowded    bool                           // there are more keys than an offer may have
}

// coverLine is one public service that a file says an offer covers, and how far.
type coverLine struct {
	coverage *marketplacev1.Coverage // without a public service where only source is known
	source   string                  // under which an office knows the public service: "agency/id"
	at       importreport.Spot
}

// goneOffer is an entry of which a file says that it is no longer there.
type goneOffer struct {
	externalID string
	at         importreport.Spot
}

// speaks notes that the file says something about a field, and where first.
func (o *importedOffer) speaks(field string, at importreport.Spot) {
	if _, twice := o.spots[field]; !twice {
		o.fields = append(o.fields, field)
		o.spots[field] = at
	}
}

func newImportedOffer(line int) *importedOffer {
	return &importedOffer{line: line, says: &marketplacev1.Solution{}, spots: map[string]importreport.Spot{}}
}

// readOffers reads a file of offers on a day. Errors are faults; bad entries are findings.
func readOffers(file []byte, format commonv1.FileFormat, today string) (*offerFile, error) {
	switch format {
	case commonv1.FileFormat_FILE_FORMAT_GEOJSON:
		return nil, offersElsewhere("Gemeindegrenzen", "municipalities:import")
	case commonv1.FileFormat_FILE_FORMAT_XZUFI:
		return readOnlineServices(file, today)
	case commonv1.FileFormat_FILE_FORMAT_PUBLICCODE:
		return readPubliccode(file)
	case commonv1.FileFormat_FILE_FORMAT_UNSPECIFIED:
		switch {
		case isXML(file):
			return readOnlineServices(file, today)
		case publiccodeVersion.Match(file[:min(len(file), publiccodeHead)]):
			return readPubliccode(file)
		}
	}
	return readOfferTable(file, format)
}

// isXML tells a delivery from a table: after a byte order mark and blanks there is a "<", in UTF-16 too.
func isXML(file []byte) bool {
	start := bytes.TrimPrefix(file[:min(len(file), 1024)], []byte("\xef\xbb\xbf"))
	return bytes.HasPrefix(bytes.TrimLeft(start, "\xff\xfe\x00 \t\r\n"), []byte("<"))
}

// publiccodeHead is how much of a file is looked at for the key that tells a publiccode.yml.
const publiccodeHead = 64 << 10

// publiccodeVersion is that key, in the spellings of all versions of the standard.
var publiccodeVersion = regexp.MustCompile(`(?im)^(\xef\xbb\xbf|\x{feff})?["']?publiccode-?ya?ml-?version["']?[ \t]*:`)

// offersElsewhere is the fault for a file that another import takes.
func offersElsewhere(table, path string) *fault.Error {
	return fault.New(fault.ImportElsewhere, "table", table, "path", path).Field("file",
		"enthält keine Angebote, sondern gehört nach POST /v1/"+path, "has no offers; it belongs to POST /v1/"+path)
}

// unreadableOffers is the fault for a file that is none of the formats, or damaged.
func unreadableOffers(de, en string) *fault.Error {
	return fault.New(fault.ImportUnreadable).Field("file", de, en)
}
