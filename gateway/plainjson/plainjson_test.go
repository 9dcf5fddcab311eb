package plainjson

import (
	"bytes"
	"encoding/json"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/timestamppb"

	_ "kompass.krz.de/proto/kompass/catalogue/v1"
	commonv1 "kompass.krz.de/proto/kompass/common/v1"
	ledgerv1 "kompass.krz.de/proto/kompass/ledger/v1"
	_ "kompass.krz.de/proto/kompass/marketplace/v1"
	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
)

// contract lists every message of Kompass, and those of Google that it uses.
func contract() (types []protoreflect.MessageType) {
	protoregistry.GlobalTypes.RangeMessages(func(t protoreflect.MessageType) bool {
		if name := string(t.Descriptor().FullName()); strings.HasPrefix(name, "kompass.") || strings.HasPrefix(name, "google.rpc.") {
			types = append(types, t)
		}
		return true
	})
	return types
}

// expected is what protojson writes, without its random spaces.
func expected(t testing.TB, m proto.Message) ([]byte, error) {
	t.Helper()
	spelled, err := foreign.Marshal(m)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := json.Compact(&b, spelled); err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), nil
}

func compare(t testing.TB, m proto.Message) {
	t.Helper()
	want, wantErr := expected(t, m)
	got, err := Append([]byte("before"), m)
	if (err != nil) != (wantErr != nil) {
		t.Fatalf("%T: error %v, protojson has %v", m, err, wantErr)
	}
	if err == nil && string(got) != "before"+string(want) {
		t.Fatalf("%T:\n%s\nprotojson:\n%s", m, got, want)
	}
}

var texts = []string{"", "Bünde", "a\"b", `c\d`, "\n\r\t\b\f", "\x00\x1f\x7f", "12345678", "1234567\"", "Straße & Weg <b> \u2028", "\xff", "ok \xe4", "\uFFFD", strings.Repeat("ä", 40), strings.Repeat("x", 63) + "\x01", "日本語🙂"}

// fill sets fields at random, with the values that are hard.
func fill(r *rand.Rand, m protoreflect.Message, depth int, valid bool) {
	for i := range m.Descriptor().Fields().Len() {
		fd := m.Descriptor().Fields().Get(i)
		if r.IntN(3) == 0 || depth > 4 {
			continue
		}
		switch {
		case fd.IsMap():
		case fd.IsList():
			list := m.Mutable(fd).List()
			for range r.IntN(4) {
				if fd.Message() != nil {
					fill(r, list.AppendMutable().Message(), depth+1, valid)
				} else {
					list.Append(scalar(r, fd, valid))
				}
			}
		case fd.Message() != nil:
			fill(r, m.Mutable(fd).Message(), depth+1, valid)
		default:
			m.Set(fd, scalar(r, fd, valid))
		}
	}
	switch m := m.Interface().(type) {
	case *timestamppb.Timestamp:
		m.Seconds, m.Nanos = pick[int64](r, 0, 1, -1, 1_800_000_000, minSecond, maxSecond), int32(pick[int64](r, 0, 1, 1000, 1_000_000, 120_000_000, 999_999_999, 500_000))
		if !valid {
			m.Nanos = int32(pick(r, int64(m.Nanos), -1, 1_000_000_001))
		}
	case *anypb.Any:
		packed, _ := anypb.New(&commonv1.ImportReport{Rows: 3})
		m.TypeUrl, m.Value = packed.TypeUrl, packed.Value
	}
}

func pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

func scalar(r *rand.Rand, fd protoreflect.FieldDescriptor, valid bool) protoreflect.Value {
	switch fd.Kind() {
	case protoreflect.StringKind:
		text := pick(r, texts...) + pick(r, texts...)
		if valid {
			text = strings.ToValidUTF8(text, "?")
		}
		return protoreflect.ValueOfString(text)
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(r.IntN(2) == 0)
	case protoreflect.EnumKind:
		return protoreflect.ValueOfEnum(protoreflect.EnumNumber(r.IntN(12) - 1))
	case protoreflect.Int32Kind:
		return protoreflect.ValueOfInt32(pick[int32](r, 0, 1, -1, math.MaxInt32, math.MinInt32))
	case protoreflect.Int64Kind:
		return protoreflect.ValueOfInt64(pick[int64](r, 0, 7, -7, math.MaxInt64, math.MinInt64))
	case protoreflect.Uint64Kind:
		return protoreflect.ValueOfUint64(pick[uint64](r, 0, 7, math.MaxUint64))
	case protoreflect.Uint32Kind:
		return protoreflect.ValueOfUint32(pick[uint32](r, 0, 7, math.MaxUint32))
	case protoreflect.DoubleKind:
		return protoreflect.ValueOfFloat64(pick(r, 0, math.Copysign(0, -1), 1.5, 1e-7, 1e-6, 1e21, 1e20, 123456.789, math.NaN(), math.Inf(1), math.Inf(-1), math.MaxFloat64, 5e-324, 1e-10, r.Float64()))
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes([]byte(pick(r, texts...)))
	default:
		return fd.Default()
	}
}

// TestSameAsProtojson: every message of the contract, empty, nil and filled at random, is what protojson writes.
func TestSameAsProtojson(t *testing.T) {
	t.Parallel()
	types := contract()
	if len(types) < 80 {
		t.Fatalf("only %d messages", len(types))
	}
	for _, messageType := range types {
		t.Run(string(messageType.Descriptor().FullName()), func(t *testing.T) {
			t.Parallel()
			compare(t, messageType.New().Interface())
			compare(t, messageType.Zero().Interface())
			for seed := range uint64(60) {
				m := messageType.New()
				fill(rand.New(rand.NewPCG(seed, 1)), m, 0, seed%8 != 0)
				compare(t, m.Interface())
			}
		})
	}
}

// TestPlans: whatever the edge answers with has a plan; only messages that nothing answers with are left to protojson.
func TestPlans(t *testing.T) {
	t.Parallel()
	for _, messageType := range contract() {
		m := messageType.New().Interface()
		name := string(messageType.Descriptor().FullName())
		if _, err := Append(nil, m); err != nil {
			t.Fatal(err)
		}
		planned := planOf(reflect.TypeOf(m), nil).fields != nil || messageType.Descriptor().Fields().Len() == 0
		asked := strings.HasSuffix(name, "Request") // has files and masks in it, but is never an answer
		if !planned && strings.HasPrefix(name, "kompass.") && !strings.HasPrefix(name, "kompass.ledger.") && !asked {
			t.Errorf("%s has no plan", name)
		}
	}
}

// TestNilInList: a list with a nil in it is written as with an empty message.
func TestNilInList(t *testing.T) {
	t.Parallel()
	compare(t, &municipalityv1.ListOnlineServicesResponse{OnlineServices: []*municipalityv1.OnlineService{nil, {}}})
	compare(t, &ledgerv1.Record{Actor: "x"})
}

// FuzzString: any text is written as protojson writes it, or refused as by protojson.
func FuzzString(f *testing.F) {
	for _, s := range texts {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) { compare(t, &municipalityv1.OnlineService{DisplayName: s}) })
}

func BenchmarkAppend(b *testing.B) {
	answer := &municipalityv1.ListImplementationsResponse{}
	r := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		cases := r.Int64N(1000)
		answer.Implementations = append(answer.Implementations, &municipalityv1.Implementation{
			Name: "municipalities/05758004/implementations/99107010012000", Phase: municipalityv1.Implementation_PHASE_ONLINE,
			Maturity: &municipalityv1.Maturity{Model: "1.1", Level: 3}, Url: "https://www.ort.example/dienste/antrag", Department: "Bürgerbüro",
			AnnualCases: &cases, UpdateTime: timestamppb.New(timestamppb.Now().AsTime()), UpdateActor: "administrator", Etag: "abc",
		})
	}
	for name, write := range map[string]func([]byte) ([]byte, error){
		"plain":     func(buf []byte) ([]byte, error) { return Append(buf, answer) },
		"protojson": func(buf []byte) ([]byte, error) { return foreign.MarshalAppend(buf, answer) },
	} {
		b.Run(name, func(b *testing.B) {
			var buf []byte
			b.ReportAllocs()
			for b.Loop() {
				var err error
				if buf, err = write(buf[:0]); err != nil {
					b.Fatal(err)
				}
			}
			b.SetBytes(int64(len(buf)))
		})
	}
}
