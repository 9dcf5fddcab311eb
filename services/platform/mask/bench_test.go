package mask_test

import (
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
	"kompass.krz.de/services/platform/mask"
)

// BenchmarkApply is what a PATCH of one field and a row of an import cost here.
func BenchmarkApply(b *testing.B) {
	cases := int64(7)
	stored := &municipalityv1.Implementation{
		Name: "municipalities/05758004/implementations/99107010012000", Phase: municipalityv1.Implementation_PHASE_ONLINE, Department: "Bürgerbüro",
		Maturity: &municipalityv1.Maturity{Model: "1.1", Level: 3}, Url: "https://www.ort.example/dienste/antrag", AnnualCases: &cases,
	}
	row := proto.CloneOf(stored)
	row.Note = "neu"
	for name, paths := range map[string][]string{
		"one": {"annual_cases"},
		"row": {"phase", "maturity", "url", "solution", "department", "annual_cases", "priority", "target_date", "note", "not_applicable_reason"},
		"all": nil,
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				dst := proto.CloneOf(stored)
				if _, err := mask.Apply(dst, row, &fieldmaskpb.FieldMask{Paths: paths}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
