package marketplace

import (
	"fmt"
	"iter"
	"strings"

	"go.yaml.in/yaml/v3"

	"kompass.krz.de/services/platform/importreport"
)

// text is a text of the file; "" when the file does not say it. A list or a section in its place is a finding.
func (f *offerFile) text(n yamlNode, path ...string) string {
	found := n.at(path...)
	if found.Kind == yaml.SequenceNode || found.Kind == yaml.MappingNode {
		f.Fail(n.spot(path...), "WRONG_TYPE", "Hier steht kein einzelner Text, sondern eine Liste oder ein Abschnitt.", "This is not a single text but a list or a section.")
	}
	return found.scalar()
}

// sections finds what has to have fields and has none.
func (f *offerFile) sections(root yamlNode, path ...string) {
	found := root.at(path...)
	if found.Kind == yaml.SequenceNode || found.scalar() != "" {
		f.Fail(root.spot(path...), "WRONG_TYPE", "Hier steht kein Abschnitt mit Feldern.", "This is not a section with fields.")
	}
}

// take reads a text of the file into a field of the solution; "" when the file does not say it.
func (f *offerFile) take(o *importedOffer, field string, n yamlNode, path ...string) string {
	text := f.text(n, path...)
	if text != "" {
		o.speaks(field, n.spot(path...))
	}
	return text
}

// day is a day of the calendar, "2027-03-31"; the time of day that some write behind it goes.
func (f *offerFile) day(n yamlNode, path ...string) string {
	text := f.text(n, path...)
	if len(text) > len("2027-03-31") && strings.ContainsAny(text[10:11], "T ") {
		text = text[:10]
	}
	if !isDay(text) {
		f.Fail(n.spot(path...), "INVALID_VALUE", "Kein Tag: 2027-03-31 erwartet.", "Not a day: 2027-03-31 expected.")
		return ""
	}
	return text
}

// fieldsOnce finds fields that a section has twice: parsers take the first or the last of them, as they like.
func (f *offerFile) fieldsOnce(n *yaml.Node, path string) {
	first := map[string]int{}
	for i, child := range n.Content {
		inside := path
		if n.Kind == yaml.MappingNode {
			key := n.Content[i-i%2]
			inside = strings.TrimPrefix(path+"."+key.Value, ".")
			if line, twice := first[key.Value]; twice && i%2 == 0 && key.Kind == yaml.ScalarNode {
				f.Fail(importreport.At(key.Line, inside, ""), "DUPLICATE_FIELD", fmt.Sprintf("Dieses Feld steht schon in Zeile %d.", line), fmt.Sprintf("This field is already in line %d.", line))
			}
			if i%2 == 0 {
				first[key.Value] = key.Line
				continue
			}
		}
		f.fieldsOnce(child, inside)
	}
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

// shown is a value as a finding repeats it: a text, or what begins a list of texts.
func (n yamlNode) shown() string {
	const most = 5
	if n.Kind != yaml.SequenceNode {
		return n.scalar()
	}
	var entries []string
	for _, entry := range n.Content[:min(len(n.Content), most)] {
		entries = append(entries, yamlNode{entry}.scalar())
	}
	return "[" + strings.Join(entries, ", ") + "]"
}

func (n yamlNode) line() int { return max(n.at().Line, 1) }

func (n yamlNode) spot(path ...string) importreport.Spot {
	found := n.at(path...)
	return importreport.At(found.line(), strings.Join(path, "."), found.shown())
}
