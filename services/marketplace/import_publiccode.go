package marketplace

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
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
	maxKeys       = 2000    // of an entry, as the contract has it
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
	if o.externalID = root.text("url"); o.externalID == "" {
		f.Fail(importreport.At(o.line, "url", ""), "MISSING_KEY", "Die Adresse des Quelltexts (url) fehlt; an ihr wird das Angebot wiedererkannt.",
			"The address of the source code (url) is missing; the offer is recognised by it.")
		return
	}
	s := o.says
	german := root.language()
	s.DisplayName = o.take("display_name", german, "localisedName")
	if s.GetDisplayName() == "" {
		s.DisplayName = o.take("display_name", german, "localizedName")
	}
	if s.GetDisplayName() == "" {
		s.DisplayName = o.take("display_name", root, "name")
	}
	if s.GetDisplayName() == "" {
		f.Fail(importreport.At(o.line, "name", ""), "MISSING_NAME", "Der Name fehlt.", "The name is missing.")
		return
	}
	f.publiccodeTexts(o, root, german)
	if version := root.text("softwareVersion"); version != "" {
		o.version = &marketplacev1.SolutionVersion{Version: version, ReleaseDate: root.day("releaseDate")}
		o.spots["versions"] = root.spot("softwareVersion")
	}
	switch kind, _, _ := strings.Cut(root.text("softwareType"), "/"); kind {
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

// publiccodeTexts reads the description, the addresses and the licence.
func (f *offerFile) publiccodeTexts(o *importedOffer, root, german yamlNode) {
	const longest = 4000 // as the contract has it
	s := o.says
	short, long := german.text("shortDescription"), german.text("longDescription")
	if both := strings.TrimSpace(short + "\n\n" + long); both != "" {
		at := german.spot("shortDescription")
		if r := []rune(both); len(r) > longest {
			both = string(r[:longest-1]) + "…"
			f.Warn(german.spot("longDescription"), "SHORTENED", fmt.Sprintf("Auf %d Zeichen gekürzt.", longest), fmt.Sprintf("Cut to %d characters.", longest))
		}
		s.Description = both
		o.speaks("description", at)
	}
	if s.Url = o.take("url", root, "landingURL"); s.GetUrl() == "" && strings.HasPrefix(o.externalID, "http") {
		s.Url = o.take("url", root, "url")
	}
	s.Licence = o.take("licence", root, "legal", "license")
	s.DocumentationUrl = o.take("documentation_url", german, "documentation")
}

// publiccodeKeys reads the German extension: de.leika[] with the key in leika-id, and what else is in use.
func (f *offerFile) publiccodeKeys(o *importedOffer, root yamlNode) {
	status, known := developmentStatus[root.text("developmentStatus")]
	if text := root.text("developmentStatus"); text != "" && !known {
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
	o.nodes++
	switch {
	case depth > maxKeyDepth || len(o.covers) >= maxKeys || o.nodes > maxKeyNodes:
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
			at := importreport.At(n.line(), path, strings.TrimSpace(text))
			if name, ok := f.readKey(at); ok {
				o.covers = append(o.covers, coverLine{coverage: &marketplacev1.Coverage{PublicService: name, Status: status}, at: at})
			}
		}
	}
}

// take reads a text of the file into a field of the solution; "" when the file does not say it.
func (o *importedOffer) take(field string, n yamlNode, path ...string) string {
	text := n.text(path...)
	if text != "" {
		at := n.spot(path...)
		o.speaks(field, at)
	}
	return text
}

// yamlNode is a place in a YAML document. It is walked along paths that the reader knows, never expanded: an alias costs
// one step, however much it stands for.
type yamlNode struct{ *yaml.Node }

var nothing = yamlNode{&yaml.Node{}}

// at follows a path of fields; nothing where it ends early.
func (n yamlNode) at(path ...string) yamlNode {
	for range maxKeyDepth {
		switch {
		case n.Kind == yaml.DocumentNode && len(n.Content) == 1:
			n = yamlNode{n.Content[0]}
		case n.Kind == yaml.AliasNode && n.Alias != nil:
			n = yamlNode{n.Alias}
		}
	}
	if len(path) == 0 {
		return n
	}
	for name, value := range n.fields() {
		if name == path[0] {
			return value.at(path[1:]...)
		}
	}
	return nothing
}

// fields are the fields of a mapping, in the order of the file.
func (n yamlNode) fields() iter.Seq2[string, yamlNode] {
	return func(yield func(string, yamlNode) bool) {
		n := n.at()
		for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
			if !yield(n.Content[i].Value, yamlNode{n.Content[i+1]}) {
				return
			}
		}
	}
}

// language is the description in German, else in English, else in the first language there is.
func (n yamlNode) language() yamlNode {
	all := n.at("description")
	for _, language := range []string{"de", "DE", "de-DE", "en"} {
		if found := all.at(language); found.Kind == yaml.MappingNode {
			return found
		}
	}
	for _, found := range all.fields() {
		return found.at()
	}
	return nothing
}

// scalar is the text of a scalar; "" for null and for what is none.
func (n yamlNode) scalar() string {
	if n.Kind != yaml.ScalarNode || n.ShortTag() == "!!null" {
		return ""
	}
	return strings.TrimSpace(n.Value)
}

func (n yamlNode) text(path ...string) string { return n.at(path...).scalar() }

// day is a date, without the time of day that some write behind it.
func (n yamlNode) day(path ...string) string {
	text := n.text(path...)
	if len(text) > len("2027-03-31") && strings.ContainsAny(text[10:11], "T ") {
		return text[:10]
	}
	return text
}

func (n yamlNode) line() int { return max(n.at().Line, 1) }

func (n yamlNode) spot(path ...string) importreport.Spot {
	found := n.at(path...)
	return importreport.At(found.line(), strings.Join(path, "."), found.scalar())
}
