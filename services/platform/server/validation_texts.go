package server

import (
	"fmt"
	"strings"

	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// german has the texts by rule id; %v is the value of the rule. Rules that compare two bounds have ids such as
// "int32.gte_lte" and the value of the broken one. The custom rules of the contract stand at the end.
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
	"url.http":                     "muss eine vollständige Adresse mit http oder https sein",
	"maturity.level_of_model":      "Modell 1.1 hat die Stufen 0 bis 4, Modell 2.0 die Stufen 0 bis 7",
}

// texts says in both languages what a violation is about; the English one is the rule's own.
func texts(v *protovalidate.Violation) (de, en string) {
	en = v.Proto.GetMessage()
	id := v.Proto.GetRuleId()
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
	case !ok:
		return "ist nicht gültig", en
	case strings.Contains(text, "%v"):
		return fmt.Sprintf(text, ruleValue(v.RuleValue)), en
	}
	return text, en
}

// ruleValue writes the value of a rule as people read it.
func ruleValue(v protoreflect.Value) string {
	if !v.IsValid() {
		return "(siehe Schnittstellenbeschreibung)"
	}
	list, ok := v.Interface().(protoreflect.List)
	if !ok {
		return v.String()
	}
	parts := make([]string, list.Len())
	for i := range parts {
		if parts[i] = list.Get(i).String(); parts[i] == "" {
			parts[i] = "(leer)"
		}
	}
	return strings.Join(parts, ", ")
}
