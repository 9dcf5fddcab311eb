package gateway

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// fieldMaskName is the type of update_mask.
const fieldMaskName = "google.protobuf.FieldMask"

// updateMask is the parameter that names the fields to change.
const updateMask = "updateMask"

// param is what a query may name: a plain field of the request.
type param struct {
	field protoreflect.FieldDescriptor
	// short maps the spellings that are accepted for an enum to its names: "sizeClass" to "GROUP_BY_SIZE_CLASS".
	short map[string]string
	// choices lists the short spellings, for the message.
	choices string
	// words are the texts that the service takes, when it does not take any.
	words []string
}

// paramsOf lists the parameters of an endpoint: the request's plain fields that neither path nor body fill.
func paramsOf(ep *endpoint) map[string]*param {
	params := map[string]*param{}
	for i := range ep.input.Fields().Len() {
		field := ep.input.Fields().Get(i)
		isMask := field.Kind() == protoreflect.MessageKind && field.Message().FullName() == fieldMaskName
		switch {
		case field == ep.bodyField, string(field.Name()) == ep.bound,
			field.Kind() == protoreflect.MessageKind && !isMask,
			field.Kind() == protoreflect.BytesKind, field.IsMap():
			continue
		}
		p := &param{field: field, words: wordsOf(field)}
		if field.Enum() != nil {
			p.short, p.choices = shortNames(field)
		}
		params[field.JSONName()] = p
	}
	return params
}

// shortNames gives every value of an enum that the field may have a spelling without prefix, in lowerCamelCase:
// FILE_FORMAT_CSV is "csv". The prefix is that of the zero value, which itself has no short name.
func shortNames(field protoreflect.FieldDescriptor) (names map[string]string, choices string) {
	enum := field.Enum()
	rules, _ := proto.GetExtension(field.Options(), validate.E_Field).(*validate.FieldRules)
	allowed := rules.GetEnum().GetIn()
	prefix := strings.TrimSuffix(string(enum.Values().ByNumber(0).Name()), "UNSPECIFIED")
	names = map[string]string{}
	var list []string
	for i := range enum.Values().Len() {
		full, number := string(enum.Values().Get(i).Name()), enum.Values().Get(i).Number()
		if allowed != nil && !slices.Contains(allowed, int32(number)) {
			continue
		}
		names[full] = full
		if number == 0 {
			continue
		}
		short := camel(strings.ToLower(strings.TrimPrefix(full, prefix)))
		names[short] = full
		list = append(list, short)
	}
	return names, strings.Join(list, ", ")
}

// wordsOf lists what the contract allows in a field of text, the empty one left out; nil when that is anything.
func wordsOf(field protoreflect.FieldDescriptor) []string {
	rules, _ := proto.GetExtension(field.Options(), validate.E_Field).(*validate.FieldRules)
	return slices.DeleteFunc(slices.Clone(rules.GetString().GetIn()), func(word string) bool { return word == "" })
}

// camel turns snake_case into lowerCamelCase.
func camel(s string) string {
	var b strings.Builder
	for i, part := range strings.Split(s, "_") {
		if i > 0 && part != "" {
			part = strings.ToUpper(part[:1]) + part[1:]
		}
		b.WriteString(part)
	}
	return b.String()
}

// checkQuery refuses parameters that the endpoint has not, and values that do not fit: a typo is never ignored.
func (e *edge) checkQuery(next handler) handler {
	return func(x *exchange) {
		if x.endpoint.page != nil {
			next(x)
			return
		}
		x.form = noQuery
		if x.req.URL.RawQuery != "" {
			form, reason, violations := x.endpoint.parseQuery(x.req.URL.RawQuery)
			if reason != nil {
				x.refuse(reason, violations...)
				return
			}
			x.form = form
		}
		next(x)
	}
}

// noQuery is shared by all requests without parameters; whoever sets one makes an own map.
var noQuery = url.Values{}

// parseQuery reads a query into what grpc-gateway understands, or names everything that is wrong with it.
func (ep *endpoint) parseQuery(raw string) (url.Values, *Reason, []violation) {
	values, err := url.ParseQuery(raw)
	if err != nil {
		return nil, reasonInvalidParameter, []violation{violate(brokenParameter(raw), reasonInvalidParameter,
			"ist nicht richtig kodiert", "is not encoded correctly")}
	}
	form := make(url.Values, len(values))
	var unknown, invalid []violation
	for _, name := range slices.Sorted(mapKeys(values)) {
		p := ep.params[name]
		if p == nil {
			unknown = append(unknown, ep.unknownParameter(name))
			continue
		}
		checked, de, en := p.check(ep, values[name])
		if de != "" {
			invalid = append(invalid, violate(name, reasonInvalidParameter, de, en))
			continue
		}
		form[name] = checked
	}
	switch {
	case unknown != nil:
		return nil, reasonUnknownParameter, append(unknown, invalid...)
	case invalid != nil:
		return nil, reasonInvalidParameter, invalid
	}
	return form, nil, nil
}

// What is wrong with text that cannot stand in a message of the contract.
const (
	notUTF8DE = "ist nicht richtig kodiert (kein gültiges UTF-8)"
	notUTF8EN = "is not encoded correctly (not valid UTF-8)"
)

// brokenParameter names the first parameter of a query that cannot be decoded.
func brokenParameter(raw string) string {
	for part := range strings.SplitSeq(raw, "&") {
		if _, err := url.ParseQuery(part); err != nil {
			name, _, _ := strings.Cut(part, "=")
			if decoded, err := url.QueryUnescape(name); err == nil {
				name = decoded
			}
			return cut(name)
		}
	}
	return ""
}

func mapKeys(values url.Values) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for k := range values {
			if !yield(k) {
				return
			}
		}
	}
}

// unknownParameter names a parameter that does not exist, and the one that was probably meant.
func (ep *endpoint) unknownParameter(name string) violation {
	de, en := "Diesen Parameter gibt es hier nicht", "there is no such parameter here"
	folded := strings.ToLower(strings.ReplaceAll(name, "_", ""))
	for known := range ep.params {
		if strings.ToLower(known) == folded {
			de, en = de+"; gemeint ist wohl „"+known+"“", en+"; did you mean \""+known+"\""
		}
	}
	return violate(cut(name), reasonUnknownParameter, de, en)
}

// cut shortens what comes back in a message.
func cut(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if r := []rune(s); len(r) > 100 {
		return string(r[:100]) + "…"
	}
	return s
}

// check returns the values as grpc-gateway reads them, or what is wrong with them.
func (p *param) check(ep *endpoint, values []string) (checked []string, de, en string) {
	if len(values) > 1 && !p.field.IsList() {
		return nil, "darf nur einmal angegeben werden", "may be given once only"
	}
	checked = make([]string, len(values))
	for i, value := range values {
		if !utf8.ValidString(value) {
			return nil, notUTF8DE, notUTF8EN
		}
		if checked[i], de, en = p.checkOne(ep, value); de != "" {
			return nil, de, en
		}
	}
	return checked, "", ""
}

func (p *param) checkOne(ep *endpoint, value string) (checked, de, en string) {
	switch p.field.Kind() {
	case protoreflect.EnumKind:
		if full := p.short[value]; full != "" {
			return full, "", ""
		}
		return "", "muss einer dieser Werte sein: " + p.choices, "has to be one of: " + p.choices
	case protoreflect.BoolKind:
		if value == "" { // "?validateOnly" alone says yes
			return "true", "", ""
		}
		if value == "true" || value == "false" {
			return value, "", ""
		}
		return "", "muss true oder false sein", "has to be true or false"
	case protoreflect.MessageKind:
		return ep.checkMask(value)
	case protoreflect.StringKind:
		return value, "", ""
	}
	if !fitsNumber(p.field.Kind(), value) {
		return "", "muss eine Zahl sein, die in das Feld passt", "has to be a number that fits the field"
	}
	return value, "", ""
}

// fitsNumber tells whether a text is a number of the kind.
func fitsNumber(kind protoreflect.Kind, text string) bool {
	var err error
	switch kind {
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		_, err = strconv.ParseInt(text, 10, 32)
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		_, err = strconv.ParseInt(text, 10, 64)
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		_, err = strconv.ParseUint(text, 10, 32)
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		_, err = strconv.ParseUint(text, 10, 64)
	case protoreflect.FloatKind:
		_, err = strconv.ParseFloat(text, 32)
	default:
		_, err = strconv.ParseFloat(text, 64)
	}
	return err == nil
}

// checkMask spells the paths of an update mask as the proto does ("targetDate" is target_date) and refuses unknown ones.
func (ep *endpoint) checkMask(value string) (checked, de, en string) {
	if ep.bodyField == nil || value == "*" {
		return value, "", ""
	}
	paths := strings.Split(value, ",")
	for i, path := range paths {
		spelled, ok := protoPath(ep.bodyField.Message(), strings.TrimSpace(path))
		if !ok {
			return "", "nennt das unbekannte Feld „" + cut(path) + "“", "names the unknown field \"" + cut(path) + "\""
		}
		paths[i] = spelled
	}
	return strings.Join(paths, ","), "", ""
}

// protoPath spells one path of a mask, given in either spelling.
func protoPath(message protoreflect.MessageDescriptor, path string) (string, bool) {
	parts := strings.Split(path, ".")
	for i, part := range parts {
		if message == nil {
			return "", false
		}
		field := message.Fields().ByJSONName(part)
		if field == nil {
			field = message.Fields().ByName(protoreflect.Name(part))
		}
		if field == nil {
			return "", false
		}
		parts[i] = string(field.Name())
		if message = field.Message(); field.IsList() || field.IsMap() {
			message = nil
		}
	}
	return strings.Join(parts, "."), true
}

// outputOnly tells whether clients cannot set the field: it belongs to no mask.
func outputOnly(field protoreflect.FieldDescriptor) bool {
	behaviours, _ := proto.GetExtension(field.Options(), annotations.E_FieldBehavior).([]annotations.FieldBehavior)
	return slices.Contains(behaviours, annotations.FieldBehavior_OUTPUT_ONLY) ||
		slices.Contains(behaviours, annotations.FieldBehavior_IDENTIFIER)
}
