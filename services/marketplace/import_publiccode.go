package marketplace

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"

	commonv1 "kompass.krz.de/proto/kompass/common/v1"
	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	"kompass.krz.de/services/platform/fault"
	"kompass.krz.de/services/platform/importreport"
	"kompass.krz.de/services/platform/tabular"
)

const (
	maxPubliccode = 1 << 20 // bytes of a file; real ones have about ten thousand
	maxDocuments  = 1000    // of a file, separated by "---"
	maxKeyDepth   = 4       // of lists and mappings around a key
	maxKeyNodes   = 20_000  // that are looked at for keys: aliases can make more of a list than stands there
)

// developmentStatus is how far the coverage of a software is, by the standard's words for it.
var developmentStatus = map[string]marketplacev1.Coverage_Status{
	"concept": marketplacev1.Coverage_STATUS_PLANNED, "development": marketplacev1.Coverage_STATUS_PLANNED,
	"beta": marketplacev1.Coverage_STATUS_PILOT, "stable": marketplacev1.Coverage_STATUS_AVAILABLE,
	"obsolete": marketplacev1.Coverage_STATUS_DISCONTINUED,
}

// leikaNames are what the German extension calls a key, as NormalizeHeader leaves it.
var leikaNames = map[string]bool{
	"leika": true, "leika_id": true, "leikaid": true, "leika_ids": true, "leika_key": true, "leikakey": true, "leika_schluessel": true,
	"leistungsschluessel": true,
}

var yamlLine = regexp.MustCompile(`line ([0-9]+)`)

// readPubliccode reads a publiccode.yml, or several of them in one file. Of its contacts nothing is taken: they are persons.
func readPubliccode(file []byte) (*offerFile, error) {
	if len(file) > maxPubliccode {
		return nil, fault.New(fault.TooLarge, "limit", "1 MiB")
	}
	out := &offerFile{Findings: importreport.New(commonv1.ImportReport_TABLE_OFFERS, commonv1.FileFormat_FILE_FORMAT_PUBLICCODE)}
	out.Report.Encoding = "UTF-8"
	decoder := yaml.NewDecoder(bytes.NewReader(bytes.TrimPrefix(file, []byte("\xef\xbb\xbf"))))
	for {
		var document yaml.Node
		err := decoder.Decode(&document)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, notYAML(err)
		}
		if out.Report.Rows++; out.Report.GetRows() > maxDocuments {
			return nil, fault.New(fault.TooLarge, "limit", fmt.Sprint(maxDocuments, " publiccode.yml"))
		}
		out.publiccode(yamlNode{&document})
	}
	if out.Report.GetRows() == 0 {
		return nil, fault.New(fault.ImportEmpty)
	}
	return out, nil
}

// notYAML is the fault for a broken file. The parser's own words stay here, its line goes out.
func notYAML(err error) error {
	de, en := "", ""
	if found := yamlLine.FindStringSubmatch(err.Error()); found != nil {
		de, en = "Zeile "+found[1]+": ", "line "+found[1]+": "
	}
	return unreadableOffers(de+"Das ist kein gültiges YAML in UTF-8.", en+"This is not valid YAML in UTF-8.").Cause(err)
}

// publiccode reads one document.
func (f *offerFile) publiccode(root yamlNode) {
	o := newImportedOffer(root.line())
	if root.at().Kind != yaml.MappingNode {
		f.Fail(importreport.Spot{Line: o.line}, "NOT_PUBLICCODE", "Das ist kein publiccode.yml: oberste Ebene ohne Felder.", "This is not a publiccode.yml: no fields at the top.")
		return
	}
	f.fieldsOnce(root.Node, "")
	for _, section := range [][]string{{"description"}, {"legal"}, {"de"}, {"DE"}} {
		f.sections(root, section...)
	}
	for language := range root.at("description").fields() {
		f.sections(root, "description", language)
	}
	f.repository(o, root)
	german := root.language()
	f.publiccodeName(o, root, german)
	f.publiccodeTexts(o, root, german)
	version, released := f.text(root, "softwareVersion"), f.day(root, "releaseDate")
	if version != "" {
		o.version = &marketplacev1.SolutionVersion{Version: version, ReleaseDate: released}
		o.spots["versions"], o.spots[releaseDate] = root.spot("softwareVersion"), root.spot("releaseDate")
	}
	s := o.says
	switch kind, _, _ := strings.Cut(f.text(root, "softwareType"), "/"); kind {
	case "standalone":
		s.Kind = marketplacev1.Solution_KIND_PRODUCT
		o.speaks("kind", root.spot("softwareType"))
	case "addon", "library":
		s.Kind = marketplacev1.Solution_KIND_MODULE
		o.speaks("kind", root.spot("softwareType"))
	}
	f.publiccodeKeys(o, root)
	f.offers = append(f.offers, o)
}

// repository takes the address of the source code, by which the offer is recognised.
func (f *offerFile) repository(o *importedOffer, root yamlNode) {
	at, ok := root.spot("url"), false
	switch text := f.text(root, "url"); {
	case text != "":
		if o.externalID, ok = repositoryAddress(text); !ok {
			f.Fail(at, "INVALID_VALUE", "Keine Adresse von Quelltext: https://example.org/projekt.git erwartet, auch http, ssh, git oder git@example.org:projekt.git; ohne Kennwort.",
				"Not an address of source code: https://example.org/project.git expected, or http, ssh, git or git@example.org:project.git; without a password.")
		}
	case root.at("url").Kind == 0 || root.at("url").Kind == yaml.ScalarNode:
		f.Fail(importreport.At(max(at.Line, o.line), "url", ""), "MISSING_KEY", "Die Adresse des Quelltexts (url) fehlt; an ihr wird das Angebot wiedererkannt.",
			"The address of the source code (url) is missing; the offer is recognised by it.")
	}
	if !ok {
		o.externalID = fmt.Sprint("publiccode:", o.line) // never stored, but what else is wrong with the entry shall be found
	}
}

// publiccodeName takes the name: the localised one before the name of the software.
func (f *offerFile) publiccodeName(o *importedOffer, root, german yamlNode) {
	s, before := o.says, f.Report.GetIssueCount()
	s.DisplayName = f.take(o, "display_name", german, "localisedName")
	if s.GetDisplayName() == "" {
		s.DisplayName = f.take(o, "display_name", german, "localizedName")
	}
	if name := f.text(root, "name"); s.GetDisplayName() == "" && name != "" {
		s.DisplayName = name
		o.speaks("display_name", root.spot("name"))
	}
	if s.GetDisplayName() == "" && f.Report.GetIssueCount() == before {
		f.Fail(importreport.At(max(root.spot("name").Line, o.line), "name", ""), "MISSING_NAME", "Der Name fehlt.", "The name is missing.")
	}
}

// publiccodeTexts reads the description, the addresses and the licence.
func (f *offerFile) publiccodeTexts(o *importedOffer, root, german yamlNode) {
	const longest = 4000 // as the contract has it
	s := o.says
	short, long := f.text(german, "shortDescription"), f.text(german, "longDescription")
	if both := strings.TrimSpace(short + "\n\n" + long); both != "" {
		at := german.spot("shortDescription")
		if r := []rune(both); len(r) > longest {
			both = string(r[:longest-1]) + "…"
			f.Warn(german.spot("longDescription"), "SHORTENED", fmt.Sprintf("Auf %d Zeichen gekürzt.", longest), fmt.Sprintf("Cut to %d characters.", longest))
		}
		s.Description = both
		o.speaks("description", at)
	}
	if s.Url = f.take(o, "url", root, "landingURL"); s.GetUrl() == "" && isWeb(o.externalID) && isWeb(root.at("url").scalar()) {
		s.Url = o.externalID
		o.speaks("url", root.spot("url"))
	}
	s.Licence = f.take(o, "licence", root, "legal", "license")
	s.DocumentationUrl = f.take(o, "documentation_url", german, "documentation")
}

// publiccodeKeys reads the German extension: de.leika[] with the key in leika-id, and what else is in use.
func (f *offerFile) publiccodeKeys(o *importedOffer, root yamlNode) {
	text := f.text(root, "developmentStatus")
	status, known := developmentStatus[text]
	if text != "" && !known {
		f.Fail(root.spot("developmentStatus"), "INVALID_VALUE", "Kein Entwicklungsstand: concept, development, beta, stable oder obsolete erwartet.",
			"Not a development status: concept, development, beta, stable or obsolete expected.")
	}
	for _, section := range []string{"de", "DE"} {
		for name, value := range root.at(section).fields() {
			if leikaNames[tabular.NormalizeHeader(name)] {
				f.keys(o, value, section+"."+name, status, 0)
			}
		}
	}
}

// keys reads the keys in a value, whether they stand alone, in a list, or in the field of a list's entries.
func (f *offerFile) keys(o *importedOffer, n yamlNode, path string, status marketplacev1.Coverage_Status, depth int) {
	n = n.at()
	switch {
	case depth > maxKeyDepth || !f.roomForKeys(o, n, path):
	case n.Kind == yaml.SequenceNode:
		for _, item := range n.Content {
			f.keys(o, yamlNode{item}, path, status, depth+1)
		}
	case n.Kind == yaml.MappingNode:
		before := len(o.covers) + f.BadLines()
		for name, value := range n.fields() {
			if leikaNames[tabular.NormalizeHeader(name)] {
				f.keys(o, value, path+"."+name, status, depth+1)
			}
		}
		if len(o.covers)+f.BadLines() == before {
			f.Warn(importreport.At(n.line(), path, ""), "NO_KEY", "Ohne LeiKa-Schlüssel (leika-id) lässt sich keine Leistung zuordnen.", "Without a LeiKa key (leika-id) no public service can be told.")
		}
	case n.Kind == yaml.ScalarNode:
		for text := range strings.FieldsFuncSeq(n.scalar(), func(r rune) bool { return strings.ContainsRune(";,\n", r) }) {
			if !f.roomForKeys(o, n, path) {
				return
			}
			at := importreport.At(n.line(), path, strings.TrimSpace(text))
			if name, ok := f.readKey(at); ok {
				o.covers = append(o.covers, coverLine{coverage: &marketplacev1.Coverage{PublicService: name, Status: status}, at: at})
			}
		}
	}
}

// roomForKeys counts what is looked at for keys. Once it is too much, which is one finding, the rest is passed over.
func (f *offerFile) roomForKeys(o *importedOffer, n yamlNode, path string) bool {
	if o.nodes++; !o.crowded && (len(o.covers) == maxKeys || o.nodes > maxKeyNodes) {
		o.crowded = true
		tooManyKeys(f.Findings, importreport.At(n.line(), path, ""))
	}
	return !o.crowded
}
