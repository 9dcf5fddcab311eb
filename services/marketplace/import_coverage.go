package marketplace

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	"kompass.krz.de/services/platform/fault"
	"kompass.krz.de/services/platform/importreport"
)

// resolveCoverage finds the public services that an offer covers. Unknown ones are left out with a warning as long as one
// is known. A file that names none says nothing about the coverage. False when the offer cannot be taken.
func (p *importPlan) resolveCoverage(o *importedOffer, given *marketplacev1.Solution, fields []string, at map[string]importreport.Spot) ([]string, bool) {
	if len(o.covers) == 0 {
		p.Warn(importreport.Spot{Line: o.line, Value: given.GetDisplayName()}, "NO_PUBLIC_SERVICE", "Das Angebot nennt keine Leistung.", "The offer names no public service.")
		return fields, true
	}
	var unknown, found []coverLine
	for _, c := range o.covers {
		if c.coverage.GetPublicService() == "" {
			c.coverage = proto.CloneOf(c.coverage)
			c.coverage.PublicService = p.world.catalogue.bySource()[c.source]
		}
		if _, known := p.world.catalogue.services.Get(c.coverage.GetPublicService()); known {
			found = append(found, c)
		} else {
			unknown = append(unknown, c)
		}
	}
	say := p.Warn
	left := [2]string{" Sie wurde ausgelassen.", " It was left out."}
	if len(found) == 0 {
		say, left = p.Fail, [2]string{}
	}
	for _, c := range unknown {
		say(c.at, "UNKNOWN_PUBLIC_SERVICE", "Diese Leistung gibt es hier nicht."+left[0], "There is no such public service here."+left[1])
	}
	if len(found) == 0 {
		return nil, false
	}
	return append(fields, "coverage"), p.cover(given, found, at)
}

// cover fills the coverage in, each public service once and in the order of their names, so that the order of a file means
// nothing. False when a file says two things about one of them.
func (p *importPlan) cover(given *marketplacev1.Solution, found []coverLine, at map[string]importreport.Spot) bool {
	slices.SortStableFunc(found, func(a, b coverLine) int {
		return cmp.Compare(a.coverage.GetPublicService(), b.coverage.GetPublicService())
	})
	good := true
	for i, c := range found {
		if i > 0 && found[i-1].coverage.GetPublicService() == c.coverage.GetPublicService() {
			if !proto.Equal(found[i-1].coverage, c.coverage) {
				line := found[i-1].at.Line
				p.Fail(c.at, "DUPLICATE_KEY", fmt.Sprintf("Diese Leistung steht schon in Zeile %d, mit anderem Reifegrad oder Status.", line),
					fmt.Sprintf("This public service is already in line %d, with another maturity or status.", line))
				good = false
			}
			continue
		}
		if len(given.GetCoverage()) == maxKeys {
			tooManyKeys(p.Findings, c.at)
			return false
		}
		at[fmt.Sprintf("coverage[%d]", len(given.GetCoverage()))] = c.at
		given.Coverage = append(given.Coverage, c.coverage)
	}
	return good
}

// withVersion is a list of versions, newest first, with the one that is out now. What people noted about it stays.
func withVersion(listed []*marketplacev1.SolutionVersion, now *marketplacev1.SolutionVersion) []*marketplacev1.SolutionVersion {
	for i, v := range listed {
		if v.GetVersion() != now.GetVersion() {
			continue
		}
		if v.GetReleaseDate() == now.GetReleaseDate() || now.GetReleaseDate() == "" {
			return listed
		}
		dated := proto.CloneOf(v)
		dated.ReleaseDate = now.GetReleaseDate()
		listed = slices.Clone(listed)
		listed[i] = dated
		return listed
	}
	return append([]*marketplacev1.SolutionVersion{now}, listed...)
}

// blame turns the fault of a single change into findings of an offer, each where its field stands in the file.
func (p *importPlan) blame(o *importedOffer, err error, at map[string]importreport.Spot) {
	reason := fault.Internal
	var f *fault.Error
	if errors.As(err, &f) {
		reason = f.Reason()
	}
	blamed := false
	for _, d := range status.Convert(err).Details() {
		bad, ok := d.(*errdetails.BadRequest)
		if !ok {
			continue
		}
		for _, v := range bad.GetFieldViolations() {
			de, en, _ := strings.Cut(v.GetDescription(), " / ")
			p.Fail(o.spotOf(strings.TrimPrefix(v.GetField(), "solution."), at), reason.Name, sentence(de), sentence(en))
			blamed = true
		}
	}
	if !blamed {
		p.Fail(importreport.Spot{Line: o.line}, reason.Name, reason.DE, reason.EN)
	}
}

// releaseDate tells where the day of a version stands, beside "versions", where its number stands.
const releaseDate = "versions.releaseDate"

// spotOf is where a field of the solution ("prices[1].amountCents") stands in the file: as near as the file can be asked.
func (o *importedOffer) spotOf(path string, at map[string]importreport.Spot) importreport.Spot {
	top, _, _ := strings.Cut(path, ".")
	field, index, _ := strings.Cut(top, "[")
	if fd := solutionFields.ByJSONName(field); fd != nil {
		field = string(fd.Name())
	}
	keys := []string{field + "[" + index, field}
	if strings.HasSuffix(path, ".releaseDate") {
		keys = append([]string{releaseDate}, keys...)
	}
	for _, key := range keys {
		if s, ok := at[key]; ok {
			return s
		}
	}
	return importreport.Spot{Line: o.line, Column: field}
}

var solutionFields protoreflect.FieldDescriptors = (&marketplacev1.Solution{}).ProtoReflect().Descriptor().Fields()

// sentence begins with a capital and ends with a full stop.
func sentence(s string) string {
	first, size := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(first)) + s[size:] + "."
}
