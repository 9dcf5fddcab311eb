package server

import (
	"fmt"
	"strings"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// german has the texts by rule id; %v is the value of the rule. The custom rules of the contract stand at the end.
var german = map[string]string{
	"required":                     "ist erforderlich",
	"min_len":                      "hat mindestens %v Zeichen",
	"max_len":                      "hat höchstens %v Zeichen",
	"len":                          "hat genau %v Zeichen",
	"min_bytes":                    "hat mindestens %v Bytes",
	"max_bytes":                    "hat höchstens %v Bytes",
	"pattern":                      "hat nicht die verlangte Form %v",
	"in":                           "muss einer von diesen Werten sein: %v",
	"not_in":                       "darf keiner von diesen Werten sein: %v",
	"const":                        "muss %v sein",
	"gt":                           "muss größer als %v sein",
	"gte":                          "muss mindestens %v sein",
	"lt":                           "muss kleiner als %v sein",
	"lte":                          "darf höchstens %v sein",
	"finite":                       "muss eine endliche Zahl sein",
	"defined_only":                 "ist kein bekannter Wert",
	"min_items":                    "hat mindestens %v Einträge",
	"max_items":                    "hat höchstens %v Einträge",
	"unique":                       "darf keinen Eintrag doppelt haben",
	"relevance.one_rule_per_class": "darf jede Größenklasse nur einmal enthalten",
	"services.once":                "jede Leistung darf nur einmal vorkommen",
	"checklist.once":               "jeder Schritt darf nur einmal vorkommen",
	"coverage.one_per_service":     "darf jede Leistung nur einmal enthalten",
	"versions.once":                "darf jede Version nur einmal enthalten",
	"participants.once":            "darf jeden Beteiligten nur einmal enthalten",
	"phases.once":                  "darf jede Phase nur einmal enthalten",
	"modules.once":                 "darf jedes Modul nur einmal enthalten",
}

// patterns have words for the patterns that people meet in tables and forms.
var patterns = map[string][2]string{
	"^(" + dayPattern + ")?$": {notADayDE, notADayEN},
	"^" + dayPattern + "$":    {notADayDE, notADayEN},
	"^([A-Z]{3})?$":           {"ist kein Währungscode; erwartet wird etwa EUR", "is not a currency code; expected is for example EUR"},

	"^(([01][0-9]|2[0-3]):[0-5][0-9])?$": {"ist keine Uhrzeit; erwartet wird etwa 07:30", "is not a time of day; expected is for example 07:30"},
}

const (
	dayPattern = "[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
	notADayDE  = "ist kein Tag des Kalenders; erwartet wird etwa 2027-03-31"
	notADayEN  = "is not a day of the calendar; expected is for example 2027-03-31"
)

// texts says in both languages what a violation is about; the English one is the rule's own.
func texts(v *protovalidate.Violation) (de, en string) {
	en = v.Proto.GetMessage()
	id := v.Proto.GetRuleId()
	if words, ok := patterns[ruleValue(v)]; ok {
		return words[0], words[1]
	}
	if id == "enum.not_in" { // the rule's own text has numbers, which nobody sends
		if en = "must not be any of: " + ruleValue(v); v.FieldValue.IsValid() && v.FieldValue.Interface() == protoreflect.EnumNumber(0) {
			return "fehlt", "is missing"
		}
	}
	if text, ok := german[id]; ok && !strings.Contains(text, "%v") {
		return text, en
	}
	text, ok := german[id[strings.LastIndexByte(id, '.')+1:]]
	if v.RuleDescriptor != nil {
		if t, found := german[string(v.RuleDescriptor.Name())]; found {
			text, ok = t, true
		}
	}
	switch {
	case strings.Contains(id, "_l") && bounds(v) != "":
		return bounds(v), en
	case !ok:
		return "ist nicht gültig", en
	case strings.Contains(text, "%v"):
		return fmt.Sprintf(text, ruleValue(v)), en
	}
	return text, en
}

// bound has the words for rules that protovalidate joins into one, "int32.gte_lte".
var bound = map[string]string{"gt": "größer als", "gte": "mindestens", "lt": "kleiner als", "lte": "höchstens"}

// bounds says which range a number has to keep; empty when the violation is not about a range of a single field.
func bounds(v *protovalidate.Violation) string {
	id := v.Proto.GetRuleId()
	lower, upper, _ := strings.Cut(id[strings.LastIndexByte(id, '.')+1:], "_")
	upper = strings.TrimSuffix(upper, "_exclusive")
	if bound[lower] == "" || bound[upper] == "" || v.FieldDescriptor == nil {
		return ""
	}
	rules, ok := proto.GetExtension(v.FieldDescriptor.Options(), validate.E_Field).(*validate.FieldRules)
	if !ok {
		return ""
	}
	m := rules.ProtoReflect()
	kind := m.WhichOneof(m.Descriptor().Oneofs().ByName("type"))
	if kind == nil {
		return ""
	}
	of := m.Get(kind).Message()
	from, to := of.Descriptor().Fields().ByName(protoreflect.Name(lower)), of.Descriptor().Fields().ByName(protoreflect.Name(upper))
	if from == nil || to == nil {
		return ""
	}
	return fmt.Sprintf("muss %s %v und %s %v sein", bound[lower], of.Get(from), bound[upper], of.Get(to))
}

// ruleValue writes the value of a violated rule as people read it; values of enums by name, as they are sent.
func ruleValue(violation *protovalidate.Violation) string {
	v, field := violation.RuleValue, violation.FieldDescriptor
	if !v.IsValid() {
		return "(siehe Schnittstellenbeschreibung)"
	}
	list, ok := v.Interface().(protoreflect.List)
	if !ok {
		return plainValue(v, field)
	}
	parts := make([]string, list.Len())
	for i := range parts {
		parts[i] = plainValue(list.Get(i), field)
	}
	return strings.Join(parts, ", ")
}

// plainValue writes one value of a rule on that field.
func plainValue(v protoreflect.Value, field protoreflect.FieldDescriptor) string {
	if field != nil && field.Enum() != nil {
		if number, ok := v.Interface().(int32); ok {
			if value := field.Enum().Values().ByNumber(protoreflect.EnumNumber(number)); value != nil {
				return string(value.Name())
			}
		}
	}
	if text := v.String(); text != "" {
		return text
	}
	return "(leer)"
}
