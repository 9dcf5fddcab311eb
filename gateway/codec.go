package gateway

import (
	"io"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"github.com/grpc-ecosystem/grpc-gateway/v2/utilities"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// codec is protojson in the platform's spelling: lowerCamelCase, enums by name, lists and plain fields also when they
// are empty, and absent what is absent.
type codec struct{}

// jsonGrowth is how much longer JSON with its names is than the wire form, so that the buffer is made once.
const jsonGrowth = 4

var marshalJSON = protojson.MarshalOptions{EmitDefaultValues: true}

// ContentType implements [runtime.Marshaler].
func (codec) ContentType(any) string { return contentJSON }

// Marshal implements [runtime.Marshaler].
func (codec) Marshal(v any) ([]byte, error) {
	if m, ok := v.(proto.Message); ok {
		return marshalJSON.MarshalAppend(make([]byte, 0, jsonGrowth*proto.Size(m)+64), m)
	}
	return nil, errNoMessage
}

// Unmarshal implements [runtime.Marshaler].
func (codec) Unmarshal(data []byte, v any) error {
	if m, ok := v.(proto.Message); ok {
		return protojson.Unmarshal(data, m)
	}
	return decodeField(data, v)
}

// NewDecoder implements [runtime.Marshaler].
func (c codec) NewDecoder(r io.Reader) runtime.Decoder {
	return runtime.DecoderFunc(func(v any) error {
		if b, ok := r.(*requestBody); ok {
			if m, ok := v.(proto.Message); ok {
				return b.decode(m)
			}
		}
		data, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		return c.Unmarshal(data, v)
	})
}

// NewEncoder implements [runtime.Marshaler].
func (c codec) NewEncoder(w io.Writer) runtime.Encoder {
	return runtime.EncoderFunc(func(v any) error {
		data, err := c.Marshal(v)
		if err == nil {
			_, err = w.Write(data)
		}
		return err
	})
}

// noFilter leaves no field of the query out.
var noFilter = utilities.NewDoubleArray(nil)

// decode fills a request whose body is the request itself: the file as it is, or the JSON; then what the query says.
func (b *requestBody) decode(m proto.Message) error {
	x := b.exchange
	if x.endpoint.upload {
		r := m.ProtoReflect()
		r.Set(r.Descriptor().Fields().ByName("file"), bytesValue(x.body))
	} else if err := protojson.Unmarshal(x.body, m); err != nil {
		return err
	}
	return runtime.PopulateQueryParameters(m, x.form, noFilter)
}

// decodeField fills a field that holds a message (grpc-gateway hands over a pointer to the pointer).
func decodeField(data []byte, v any) error {
	return (&runtime.JSONPb{}).Unmarshal(data, v)
}

func bytesValue(b []byte) protoreflect.Value { return protoreflect.ValueOfBytes(b) }
