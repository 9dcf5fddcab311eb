package gateway

import (
	"io"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"github.com/grpc-ecosystem/grpc-gateway/v2/utilities"
	"google.golang.org/genproto/googleapis/api/httpbody"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"kompass.krz.de/gateway/plainjson"
)

// codec is JSON in the platform's spelling: lowerCamelCase, enums by name, lists and plain fields also when they
// are empty, and absent what is absent.
type codec struct{}

// ContentType implements [runtime.Marshaler].
func (codec) ContentType(any) string { return contentJSON }

// Marshal implements [runtime.Marshaler]. A file is what it is; all else is written into a buffer that [reply.Write] gives back.
func (codec) Marshal(v any) ([]byte, error) {
	switch m := v.(type) {
	case *httpbody.HttpBody:
		return m.GetData(), nil
	case proto.Message:
		return plainjson.Append(takeBuffer(), m)
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
